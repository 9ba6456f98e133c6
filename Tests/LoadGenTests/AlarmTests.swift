import Bytes
import Numerics
import Testing

@testable import LoadGen

@Suite struct AlarmTests {
    /// Sleeps on a machine that wakes `late` nanoseconds late, until `span` is over; how long after
    /// it that was noticed, when watching the clock once takes half a microsecond.
    private func lateness(_ alarm: inout Alarm, span: TimeSpan, late: Int64) -> Int64 {
        var left = span
        while left.nanoseconds > 0 {
            let slept = alarm.wait(for: left)
            let took = TimeSpan(nanoseconds: slept.nanoseconds > 0 ? slept.nanoseconds + late : 500)
            alarm.note(left, took: took, isEmpty: true)
            left = left - took
        }
        return -left.nanoseconds
    }

    @Test("it learns how late wake-ups come, and then is on time", arguments: [2, 15, 40, 70])
    func learns(_ microseconds: Int) {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var alarm = Alarm()
        var late: [Int64] = []
        for round in 0..<2000 {
            let span = TimeSpan.microseconds(100 + random.below(2000))
            let wakes = Int64(microseconds * 1000 + random.below(2000))
            let seen = lateness(&alarm, span: span, late: wakes)
            if round >= 200 { late.append(seen) }
        }
        late.sort()
        #expect(late[late.count * 99 / 100] < 1000, "seed \(seed)")
        // It watches no longer than it must: a few wake-ups' spread for each of them.
        #expect(alarm.margin.nanoseconds < Int64(microseconds * 1000) + 12_000, "seed \(seed)")
    }

    @Test("a machine that is away for milliseconds does not make it watch all the time")
    func forgetsAbsences() {
        var alarm = Alarm()
        for _ in 0..<100 { _ = lateness(&alarm, span: .milliseconds(1), late: 5_000_000) }
        #expect(alarm.margin <= Alarm.lead)
        #expect(alarm.wait(for: .milliseconds(1)).nanoseconds > 900_000)
        for _ in 0..<200 { _ = lateness(&alarm, span: .milliseconds(1), late: 10_000) }
        #expect(alarm.margin.nanoseconds < 25_000)
    }

    @Test("time spent watching is told, time asleep and at work is not")
    func tellsWatching() {
        var alarm = Alarm()
        alarm.note(.microseconds(5), took: .microseconds(3), isEmpty: true)
        alarm.note(.microseconds(5), took: .microseconds(7), isEmpty: false)
        alarm.note(.milliseconds(5), took: .milliseconds(5), isEmpty: true)
        #expect(alarm.watched == .microseconds(3))
    }
}

import Bytes
import Numerics
import Testing

@testable import LoadGen

@Suite struct PacerTests {
    @Test("what is due follows from the time alone")
    func countsWhatIsDue() {
        let pacer = Pacer(rate: 1000)
        #expect(pacer.dueCount(by: .milliseconds(0)) == 1)
        #expect(pacer.dueCount(by: .microseconds(999)) == 1)
        #expect(pacer.dueCount(by: .milliseconds(1)) == 2)
        #expect(pacer.dueCount(by: .seconds(60)) == 60_001)
        #expect(pacer.dueCount(by: .milliseconds(-5)) == 0)
    }

    @Test("the first request of a later thread is due at its phase, rounded to nanoseconds or not")
    func countsTheFirst() {
        for step in 1..<1000 {
            let pacer = Pacer(rate: 777, phase: Double(step) / 1000)
            #expect(pacer.dueCount(by: pacer.due(0)) == 1, "phase \(pacer.phase)")
        }
    }

    @Test("a request is due exactly when the count says so, at any rate")
    func isConsistent() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<2000 {
            let pacer = Pacer(rate: 0.1 + random.unit() * 100_000, phase: random.unit())
            let number = random.below(1_000_000)
            let due = pacer.due(number)
            #expect(pacer.dueCount(by: due) >= number + 1, "seed \(seed)")
            #expect(
                pacer.dueCount(by: due - TimeSpan(nanoseconds: 1)) <= number, "seed \(seed)")
        }
    }
}

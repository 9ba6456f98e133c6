import Detection
import Numerics
import Testing

/// Incidents as a fold follows them.
@Suite struct IncidentTests {
    /// A series that says what its fold says of each sample.
    private struct Series: ~Copyable {
        var fold = SeriesFold(FoldParameters())
        var random = SeededRandom(seed: 3)
        var time = 1_700_000_000.0
        var arrival = 1_700_000_000_000
        let step: Double

        init(step: Double) { self.step = step }

        mutating func send(_ value: Double, after seconds: Double? = nil) -> Verdict {
            let seconds = seconds ?? step
            time += seconds
            arrival += Int(seconds * 1000)
            return fold.fold(
                Sample(timestamp: time, cpu: 20, rps: value), FoldParameters(),
                at: SampleArrival(entry: 7, milliseconds: arrival))
        }

        mutating func sendCalm(_ count: Int, about value: Double = 100) -> [Verdict] {
            (0..<count).map { _ in send(value + 6 * random.unit() - 3) }
        }
    }

    @Test("an incident begins with its alert, and ends when its band has held for ten steps")
    func endsCalm() {
        var series = Series(step: 60)
        let before = series.sendCalm(400)
        #expect(before.allSatisfy { $0.incident == 0 && $0.ending == .none })
        #expect(before.prefix(20).allSatisfy { $0.isLearning })
        #expect(!before.dropFirst(20).contains { $0.isLearning })
        let first = series.send(20)
        #expect(first.alert && first.incident == 401 && first.life == 7)
        for _ in 0..<5 { #expect(series.send(20).incident == 401) }
        let after = series.sendCalm(30)
        let end = after.firstIndex { $0.ending != .none }
        #expect(end == 10, "ten steps from the first calm value")
        #expect(after[10].ending == .calm && after[10].incident == 401)
        #expect(after[11...].allSatisfy { $0.incident == 0 && $0.life == 0 })
    }

    @Test("where samples come every second, an incident lasts at least a minute")
    func lastsAMinute() {
        var series = Series(step: 1)
        _ = series.sendCalm(2_000)
        var begun = false
        for _ in 0..<6 where !begun { begun = series.send(20).incident > 0 }
        #expect(begun)
        let after = series.sendCalm(200)
        #expect(after.firstIndex { $0.ending != .none } == 60)
    }

    @Test("a new level ends it when the values are as close to the average as the band is wide")
    func endsLearnt() {
        var series = Series(step: 60)
        _ = series.sendCalm(400)
        #expect(series.send(200).alert)
        let after = series.sendCalm(200, about: 200)
        let end = after.firstIndex { $0.ending != .none }
        #expect(end.map { $0 > 20 && $0 < 100 } == true, "\(end ?? -1)")
        #expect(end.map { after[$0].ending } == .learnt)
    }

    @Test("it ends after a day at the latest, and in silence after an hour")
    func endsAnyhow() {
        var series = Series(step: 600)
        _ = series.sendCalm(400)
        let first = series.send(20)
        #expect(first.alert)
        // Neither calm nor learnt.
        let after = (0..<200).map { series.send($0 % 2 == 0 ? 20 : 300) }
        #expect(after.firstIndex { $0.ending != .none } == 143)
        #expect(after[143].ending == .longest)

        var other = Series(step: 60)
        _ = other.sendCalm(400)
        #expect(other.send(20).incident == 401)
        let late = other.send(100, after: 3_700)
        #expect(late.incident != 401 && late.ending == .none)
    }

    @Test("a timestamp that is ahead of its arrival raises no gap, and hides none")
    func clocksThatAreWrong() {
        var series = Series(step: 10)
        _ = series.sendCalm(400)
        series.time += 3_600
        let ahead = series.send(100)
        series.time -= 3_600
        #expect(!ahead.alert && ahead.timestamp == series.time + 3_600)
        let next = series.sendCalm(5)
        #expect(next.allSatisfy { !$0.alert })
        let gap = series.send(100, after: 600)
        #expect(gap.alert && gap.reason == .gap)
    }

    @Test("a fold of the version before goes on as it was")
    func readsTheVersionBefore() throws {
        var series = Series(step: 60)
        _ = series.sendCalm(300)
        var bytes = series.fold.encode(FoldParameters())
        #expect(bytes[0] == UInt8(SeriesFold.version))
        bytes[0] = 4
        // The time, the life, the incident, whether it learns, how the incident ends.
        bytes.removeLast(5 * 8)
        var old = try SeriesFold(decoding: bytes.span, FoldParameters())
        for number in 0..<200 {
            let value = number == 100 ? 20 : 100 + 6 * series.random.unit() - 3
            var expected = series.send(value)
            var verdict = old.fold(
                Sample(timestamp: series.time, cpu: 20, rps: value), FoldParameters(),
                at: SampleArrival(entry: 9, milliseconds: series.arrival))
            (expected.life, verdict.life) = (0, 0)
            #expect(verdict == expected)
        }
    }
}

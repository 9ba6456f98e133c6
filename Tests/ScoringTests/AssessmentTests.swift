import Bytes
import Report
import Signals
import Testing

@testable import Scoring

private let events = [
    AnomalyEvent(start: 20, end: 24, kind: .spike, sigmas: 8),
    AnomalyEvent(start: 60, end: 70, kind: .levelShift, sigmas: 6),
]

private func scores(_ places: [Int: Double]) -> [Double] { (0..<100).map { places[$0] ?? 0 } }

@Suite struct EventSweepTests {
    @Test("a higher threshold trades recall for precision, by hand")
    func tradesOff() {
        var sweep = EventSweep(rest: 0)
        sweep.add(events, scores: scores([20: 20, 40: 12, 61: 9, 90: 8]))
        let all = sweep.point(8).score
        #expect(all.precision == 0.5)
        #expect(all.earlyRecall == 1)
        let some = sweep.point(9).score
        #expect(some.precision == 2.0 / 3)
        let few = sweep.point(13).score
        #expect(few.precision == 1)
        #expect(few.earlyRecall == 0.5)
    }

    @Test("after a flag no other is raised until the rest is over")
    func rests() {
        var sweep = EventSweep(rest: 12)
        sweep.add([], scores: scores([10: 9, 11: 9, 22: 9, 23: 9]))
        #expect(sweep.point(8).score.falseAlarms == 2)
    }

    @Test("the curve runs from all flags to the highest alone, and the best point is on the grid")
    func findsBest() throws {
        var sweep = EventSweep(rest: 0)
        sweep.add(events, scores: scores([20: 20, 40: 12, 61: 16, 90: 8]))
        let curve = sweep.curve(count: 10)
        #expect(curve.map(\.threshold) == [8, 12, 16, 20])
        #expect(curve.last?.score.flags == 1)
        let best = sweep.best(from: 4, to: 64, ratio: 2)
        #expect(best.threshold == 16)
        #expect(best.score.f1 == 1)
        #expect(EventSweep(rest: 0).curve(count: 10).isEmpty)
    }
}

@Suite struct RollingGaussianTests {
    @Test("a value is measured by the window before it, by hand")
    func measures() {
        // Ten values of mean 100 and deviation 10, then one 25 above the mean.
        let values = (0..<10).map { $0 % 2 == 0 ? 90.0 : 110 } + [125, 100]
        let scores = RollingGaussian(window: 10).scores(values)
        #expect(scores.prefix(10).allSatisfy { $0 == 0 })
        #expect(abs(scores[10] - 2.5) < 1e-12)
        // The window now is 110, 90, … , 110, 125: mean 103.5.
        let mean = 103.5
        let window = Array(values[1...10])
        let variance = window.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 10
        #expect(abs(scores[11] - abs(100 - mean) / variance.squareRoot()) < 1e-9)
    }

    @Test("a constant series has a smallest deviation")
    func survivesConstants() {
        let scores = RollingGaussian(window: 5).scores([Double](repeating: 7, count: 20) + [8])
        #expect(scores[19] == 0)
        #expect(scores[20].isFinite)
        #expect(RollingGaussian(window: 5).scores([]).isEmpty)
    }
}

@Suite struct AssessmentTests {
    private let series = LabelledSeries(
        name: "a",
        samples: (0..<100).map { SignalSample(timestamp: Double($0), rps: 5, cpu: 1) },
        events: events)

    private func assessment(_ isBenchmark: Bool) -> Assessment {
        var assessment = Assessment(name: "tiny", isBenchmark: isBenchmark)
        let flagged = [20: 9.5, 62: 8, 90: 30]
        assessment.add(
            series,
            (0..<100).map {
                Judgment(
                    isAnomaly: $0 % 10 == 0, alert: flagged[$0] != nil, score: flagged[$0] ?? 7)
            })
        return assessment
    }

    @Test("thresholds find the numbers of each flag by the collection's name")
    func writesMeasurements() throws {
        let alert = AccuracyResult([assessment(true)], flag: .alert)
        let measurements = try ResultFile(alert.json.line.readable).measurements
        #expect(measurements["tiny.true_positives"] == 2)
        #expect(measurements["tiny.false_positives"] == 1)
        #expect(measurements["tiny.event_precision"] == 2.0 / 3)
        #expect(measurements["tiny.event_recall_early"] == 1)
        #expect(measurements["tiny.samples"] == 100)
        let nab = try #require(measurements["tiny.nab.standard"])
        let best = try #require(measurements["tiny.nab.best.standard.score"])
        #expect(nab > 0 && nab <= best)
        let others = ResultFile.accuracy(
            AccuracyResult([assessment(false)], flag: .isAnomaly)
        ).measurements
        #expect(others["tiny.true_positives"] == 2)
        #expect(others["tiny.false_positives"] == 8)
        #expect(others["tiny.nab.standard"] == nil)
    }

    @Test("each kind of event is met on its own")
    func tellsKindsApart() {
        let kinds = assessment(false).kinds
        #expect(kinds[.spike]?.delays == [0])
        #expect(kinds[.levelShift]?.delays == [2])
        #expect(kinds[.dip] == nil)
    }
}

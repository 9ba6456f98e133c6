package import Signals

/// Everything that is judged of the verdicts on one collection of series.
package struct Assessment: Sendable {
    /// What else could have been used, at the threshold that suits this collection best.
    package struct Baseline: Sendable {
        package let name: String
        package var sweep: EventSweep
        private let detector: RollingGaussian

        init(_ name: String, window: Int) {
            self.name = name
            detector = RollingGaussian(window: window)
            sweep = EventSweep(rest: 12)
        }

        mutating func add(_ series: LabelledSeries) {
            sweep.add(series.events, scores: detector.scores(series.samples.map(\.rps)))
        }

        /// Its best threshold between 2 and 100 standard deviations.
        package var best: EventSweep.Point { sweep.best(from: 2, to: 100, ratio: 1.1) }
    }

    /// The Numenta benchmark's scores of both flags.
    package struct Benchmark: Sendable {
        package var isAnomaly = NABScore()
        package var alert = NABScore()
    }

    package let name: String
    package private(set) var quality = Quality()
    package private(set) var series: [(name: String, quality: Quality)] = []
    /// How the alerts met the events of each kind; its false alarms are those of all kinds
    /// together.
    package private(set) var kinds: [AnomalyKind: EventScore] = [:]
    /// Alerts by their score.
    package private(set) var alerts = EventSweep(rest: 0)
    package private(set) var baselines = [
        Baseline("roll-50 z-score", window: 50), Baseline("windowed Gaussian", window: 6400),
    ]
    /// Nil where the labels are no windows of that benchmark.
    package private(set) var benchmark: Benchmark?

    package init(name: String, isBenchmark: Bool) {
        self.name = name
        if isBenchmark { benchmark = Benchmark() }
    }

    package mutating func add(_ one: LabelledSeries, _ judgments: [Judgment]) {
        quality.add(one, judgments)
        var own = Quality()
        own.add(one, judgments)
        series.append((one.name, own))
        let alertScores = judgments.map { $0.alert ? $0.score : 0 }
        let flagged = judgments.map(\.alert)
        for event in one.events {
            kinds[event.kind, default: EventScore()].add([event], flagged: flagged)
        }
        alerts.add(one.events, scores: alertScores)
        for place in baselines.indices { baselines[place].add(one) }
        benchmark?.alert.add(one.events, scores: alertScores)
        benchmark?.isAnomaly.add(one.events, scores: judgments.map { $0.isAnomaly ? 1 : 0 })
    }

    /// Every alert counts at this threshold: the detector's own has been applied already.
    package static let shipped = Double.leastNonzeroMagnitude
}

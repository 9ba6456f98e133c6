package import Signals

/// What was said of one sample: the part of a verdict that is judged.
package struct Judgment: Equatable, Sendable {
    package var isAnomaly: Bool
    package var alert: Bool
    package var score: Double

    package init(isAnomaly: Bool, alert: Bool, score: Double) {
        self.isAnomaly = isAnomaly
        self.alert = alert
        self.score = score
    }
}

/// How good one of the two flags was.
package struct FlagQuality: Equatable, Sendable {
    package var confusion = Confusion()
    package var events = EventScore()

    package init() {}

    package mutating func add(_ series: LabelledSeries, flagged: [Bool]) {
        let labels = series.labels
        for (index, flag) in flagged.enumerated() {
            confusion.add(flagged: flag, isAnomaly: labels[index])
        }
        events.add(
            series.events.filter { $0.start < flagged.count }, flagged: flagged, days: series.days)
    }
}

/// The two flags side by side, over any number of series.
package struct Quality: Equatable, Sendable {
    package var isAnomaly = FlagQuality()
    package var alert = FlagQuality()
    package private(set) var series = 0

    package init() {}

    /// Adds a series and what was said of its samples, in order; fewer judgments than samples are
    /// judged as far as they go.
    package mutating func add(_ labelled: LabelledSeries, _ judgments: [Judgment]) {
        let judged = judgments.prefix(labelled.samples.count)
        isAnomaly.add(labelled, flagged: judged.map(\.isAnomaly))
        alert.add(labelled, flagged: judged.map(\.alert))
        series += 1
    }
}

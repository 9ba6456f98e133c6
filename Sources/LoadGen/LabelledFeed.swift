internal import Scoring
internal import Signals

/// A labelled series on its way: its samples go out in order, one at a time, by one connection.
struct LabelledFeed {
    let series: LabelledSeries
    private(set) var judgments: [Judgment] = []
    var next = 0

    init(_ series: LabelledSeries) {
        self.series = series
        judgments.reserveCapacity(series.samples.count)
    }

    var isDone: Bool { next >= series.samples.count }
    mutating func note(_ judgment: Judgment) { judgments.append(judgment) }
}

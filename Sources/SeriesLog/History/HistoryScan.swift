package import Detection
package import Wire

/// Folds a series again, and keeps of it what was asked for.
///
/// It is given the samples in their order, from a place on where the fold is known: the beginning
/// of the series, or a checkpoint. So it says of each exactly what was said when it came.
package struct HistoryScan: ~Copyable {
    private let query: SeriesQuery
    private var parameters: FoldParameters
    private var fold: SeriesFold
    private var rows: [SeriesPage.Row] = []
    private var thinning: SeriesThinning?
    private var judged = 0

    /// - Parameter parameters: those that the series is judged with, but for the query's threshold.
    package init(_ query: SeriesQuery, _ parameters: FoldParameters) {
        self.query = query
        self.parameters = parameters
        fold = SeriesFold(parameters)
        if let threshold = query.alertThreshold { self.parameters.alertThreshold = threshold }
        thinning = query.points.map { SeriesThinning(points: $0) }
    }

    /// Begins with a fold instead of an empty one.
    package mutating func begin(with start: consuming SeriesFold) {
        // Exchanged, not assigned: an optimized build (Swift 6.3) would not free the old window.
        var other = start
        swap(&fold, &other)
    }

    /// Samples folded so far, those before the start too. Set where these cannot be folded.
    var count: Int {
        get { fold.count }
        set { fold.totals.samples = newValue }
    }
    /// All rows of the page are there: further samples change nothing.
    package var isComplete: Bool { thinning == nil && rows.count == query.limit }
    /// More samples were judged by another threshold than is allowed.
    package var isTooLong: Bool {
        query.alertThreshold != nil && judged > SeriesQuery.judgedLimit
    }

    /// Takes the next sample.
    /// - Parameter isRefolded: another fold has judged it when it came.
    package mutating func take(
        _ sample: Sample, at arrival: SampleArrival, isRefolded: Bool = false
    ) {
        judged += 1
        var verdict = fold.fold(sample, parameters, at: arrival)
        // With another threshold there would have been other incidents.
        if query.alertThreshold != nil { verdict.forgetIncident() }
        take(sample, verdict, isRefolded: isRefolded)
    }

    /// Takes the next sample with the verdict that it had.
    package mutating func take(_ sample: Sample, _ verdict: Verdict, isRefolded: Bool = false) {
        guard !isComplete, query.accepts(sample, sequence: verdict.sequence) else { return }
        let row = SeriesPage.Row(sample: sample, verdict: verdict, isRefolded: isRefolded)
        if thinning == nil { rows.append(row) } else { thinning?.take(row) }
    }

    /// Takes what a log and a checkpoint hold of a series.
    /// - Parameter timeToLive: in milliseconds; nil for a series that never ends.
    package mutating func take(
        _ history: SeriesHistory, timeToLive: Int?, _ parameters: FoldParameters
    ) {
        var first = HistoryPart()
        first.records = history.start?.records ?? []
        let element = history.start?.element
        let rest = history.tail.parts(after: history.start?.through ?? 0)
        let lives = HistoryPart.lives(
            of: first.records.isEmpty ? rest : [first] + rest,
            after: element?.lastArrival, timeToLive: timeToLive)
        // What began anew last is the series now.
        let start = lives.lastIndex { $0.isNew }
        if start == nil, let element {
            if let fold = element.decoded(parameters) {
                begin(with: fold)
            } else {
                // It learns anew, and counts on.
                fold.totals = element.totals
            }
        }
        for life in lives[(start ?? 0)...] {
            for record in life.records {
                if isComplete || isTooLong { return }
                take(record.sample, at: record.came)
            }
        }
    }

    package func page() -> SeriesPage {
        SeriesPage(
            device: query.device, rows: thinning?.rows ?? rows,
            next: isComplete ? rows.last?.verdict.sequence : nil)
    }
}

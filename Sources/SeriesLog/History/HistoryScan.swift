package import Detection
package import Wire

/// Folds a series again, and keeps of it what was asked for.
///
/// It is given the samples in their order, from a place on where the fold is known: the beginning
/// of the series, or a checkpoint. So it says of each exactly what was said when it came.
package struct HistoryScan: ~Copyable {
    private let query: SeriesQuery
    /// Those of the series, and with the query's threshold.
    private let parameters: FoldParameters
    private var asked: FoldParameters
    private var fold: SeriesFold
    private var rows: [SeriesPage.Row] = []
    private var thinning: SeriesThinning?
    private var judged = 0
    /// What was asked about one sample, and whether another fold has judged it when it came.
    private var explanation: Explanation?
    private var isRefolded = false
    /// Whether the fold had all samples of the series, from the first on.
    private var isWhole = true

    /// - Parameter parameters: those that the series is judged with.
    package init(_ query: SeriesQuery, _ parameters: FoldParameters) {
        self.query = query
        self.parameters = parameters
        fold = SeriesFold(parameters)
        asked = parameters
        if let threshold = query.alertThreshold { asked.alertThreshold = threshold }
        thinning = query.points.map { SeriesThinning(points: $0) }
    }

    /// Begins with the fold of a checkpoint instead of an empty one.
    /// - Returns: false, and nothing has changed, for one of other parameters or another version.
    package mutating func begin(with element: CheckpointCoding.FoldElement) -> Bool {
        guard let start = element.decoded(parameters) else { return false }
        // Exchanged, not assigned: an optimized build (Swift 6.3) would not free the old window.
        var other = start
        swap(&fold, &other)
        isWhole = true
        return true
    }

    /// The series learns anew, and counts on: samples came before that cannot be folded any more.
    package mutating func goOn(after totals: SeriesTotals) {
        fold.totals = totals
        isWhole = false
    }

    /// Samples folded so far, those before the start too.
    var count: Int { fold.count }
    /// All that was asked for is there: further samples change nothing.
    package var isComplete: Bool {
        if let wanted = query.explained { return fold.count >= wanted }
        return thinning == nil && rows.count == query.limit
    }
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
        if query.explained == fold.count + 1 {
            explanation = fold.explain(sample, asked, at: arrival)
            self.isRefolded = isRefolded
            return
        }
        var verdict = fold.fold(sample, asked, at: arrival)
        // With another threshold there would have been other incidents.
        if query.alertThreshold != nil { verdict.forgetIncident() }
        take(sample, verdict, isRefolded: isRefolded)
    }

    /// Takes the next sample with the verdict that it had.
    package mutating func take(_ sample: Sample, _ verdict: Verdict, isRefolded: Bool = false) {
        guard query.explained == nil, !isComplete,
            query.accepts(sample, sequence: verdict.sequence)
        else { return }
        let row = SeriesPage.Row(sample: sample, verdict: verdict, isRefolded: isRefolded)
        if thinning == nil { rows.append(row) } else { thinning?.take(row) }
    }

    /// Takes what a log and a checkpoint hold of a series.
    /// - Parameter timeToLive: in milliseconds; nil for a series that never ends.
    package mutating func take(_ history: SeriesHistory, timeToLive: Int?) {
        var first = HistoryPart()
        first.records = history.start?.records ?? []
        let element = history.start?.element
        let rest = history.tail.parts(after: history.start?.through ?? 0)
        let lives = HistoryPart.lives(
            of: first.records.isEmpty ? rest : [first] + rest,
            after: element?.lastArrival, timeToLive: timeToLive)
        // What began anew last is the series now.
        let start = lives.lastIndex { $0.isNew }
        if start == nil, let element, !begin(with: element) { goOn(after: element.totals) }
        for life in lives[(start ?? 0)...] {
            for record in life.records {
                if isComplete || isTooLong { return }
                take(record.sample, at: record.came)
            }
        }
    }

    /// What the question is answered with.
    package func answer() -> Answer {
        if isTooLong { return .problem(.tooManyToJudge) }
        guard let wanted = query.explained else { return .series(page()) }
        guard let explanation, isWhole, !isRefolded else {
            return .problem(fold.count < wanted ? .unknownSample : .sampleGone)
        }
        return .explanation(SampleExplanation(device: query.device, explanation))
    }

    package func page() -> SeriesPage {
        SeriesPage(
            device: query.device, rows: thinning?.rows ?? rows,
            next: isComplete ? rows.last?.verdict.sequence : nil)
    }
}

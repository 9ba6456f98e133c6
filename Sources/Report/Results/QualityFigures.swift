/// How good the verdicts on labelled series were, both flags side by side.
package struct QualityFigures: JSONRecord, Equatable, Sendable {
    package var series = 0
    package var samples = 0
    /// Share of the samples that are labelled as anomalies.
    package var prevalence = 0.0
    package var isAnomaly = FlagFigures()
    package var alert = FlagFigures()

    package init() {}

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("series", &series)
        try fields.field("samples", &samples)
        try fields.field("prevalence", &prevalence)
        try fields.field("is_anomaly", &isAnomaly)
        try fields.field("alert", &alert)
    }
}

/// The figures of one flag: sample by sample, and event by event.
package struct FlagFigures: JSONRecord, Equatable, Sendable {
    package var flags = 0
    package var truePositives = 0
    package var falsePositives = 0
    package var trueNegatives = 0
    package var falseNegatives = 0
    package var accuracy = 0.0
    package var precision = 0.0
    package var recall = 0.0
    package var f1 = 0.0
    package var falsePositiveRate = 0.0
    package var events = 0
    package var eventPrecision = 0.0
    /// Share of the events that were flagged anywhere inside.
    package var eventRecall = 0.0
    /// Share of the events that were flagged within 8 samples of their start.
    package var eventRecallEarly = 0.0
    package var eventF1 = 0.0
    /// Samples from an event's start to its first flag, in the middle of all that were found.
    package var medianDelay = 0
    package var flagsPer10k = 0.0
    /// False alarms of one series in a day, by the samples' own clock.
    package var falseAlarmsPerDay = 0.0

    package init() {}

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("flags", &flags)
        try fields.field("true_positives", &truePositives)
        try fields.field("false_positives", &falsePositives)
        try fields.field("true_negatives", &trueNegatives)
        try fields.field("false_negatives", &falseNegatives)
        try fields.field("accuracy", &accuracy)
        try fields.field("precision", &precision)
        try fields.field("recall", &recall)
        try fields.field("f1", &f1)
        try fields.field("fpr", &falsePositiveRate)
        try fields.field("events", &events)
        try fields.field("event_precision", &eventPrecision)
        try fields.field("event_recall", &eventRecall)
        try fields.field("event_recall_early", &eventRecallEarly)
        try fields.field("event_f1", &eventF1)
        try fields.field("median_delay", &medianDelay)
        try fields.field("flags_per_10k", &flagsPer10k)
        try fields.field("false_alarms_per_day", &falseAlarmsPerDay)
    }
}

/// The Numenta benchmark's scores of one flag: with the threshold as shipped, and with the best
/// one.
package struct BenchmarkFigures: JSONRepresentable, Equatable, Sendable {
    package struct Best: JSONRecord, Equatable, Sendable {
        package var score = 0.0
        /// Nil where no detection at all is best.
        package var threshold: Double?

        package init() {}

        package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
            throws(Visitor.Failure)
        {
            try fields.field("score", &score)
            try fields.field("threshold", &threshold)
        }
    }

    /// By the name of the benchmark's profile.
    package var scores: [String: Double] = [:]
    package var best: [String: Best] = [:]

    package init() {}

    package var json: JSONNode {
        guard case .object(let members) = scores.json else { return .null }
        return .object(members + [JSONNode.Member("best", best.json)])
    }

    package init(json: JSONNode) throws(FieldError) {
        guard case .object(let members) = json else {
            throw FieldError(problem: "expected an object, found \(json.kind)")
        }
        scores = try [String: Double](json: .object(members.filter { $0.name != "best" }))
        do throws(FieldError) { best = try [String: Best](json: json["best"] ?? .null) } catch {
            throw error.inside("best")
        }
    }
}

/// What `synthetic score` says of one collection of series.
package struct ScoreResult: JSONRecord, Equatable, Sendable {
    package static let kind = "score"

    package var name = ""
    package var total = QualityFigures()
    /// By flag; empty where the labels are no windows of that benchmark.
    package var benchmark: [String: BenchmarkFigures] = [:]
    package var series: [String: QualityFigures] = [:]

    package init() {}

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        var kind = ScoreResult.kind
        try fields.field("kind", &kind)
        try fields.field("name", &name)
        try fields.field("total", &total)
        try fields.field("nab", &benchmark)
        try fields.field("series", &series)
    }
}

/// What `synthetic report` says of one flag on several collections of series.
package struct AccuracyResult: JSONRecord, Equatable, Sendable {
    package static let kind = "accuracy"

    /// One collection.
    package struct Collection: JSONRecord, Equatable, Sendable {
        package var samples = 0
        package var prevalence = 0.0
        package var figures = FlagFigures()
        package var benchmark: BenchmarkFigures?

        package init() {}

        package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
            throws(Visitor.Failure)
        {
            try fields.field("samples", &samples)
            try fields.field("prevalence", &prevalence)
            try figures.visit(&fields)
            try fields.field("nab", &benchmark)
        }
    }

    /// `alert` or `is_anomaly`.
    package var flag = ""
    package var collections: [String: Collection] = [:]

    package init() {}

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        var kind = AccuracyResult.kind
        try fields.field("kind", &kind)
        try fields.field("flag", &flag)
        try fields.field("collections", &collections)
    }
}

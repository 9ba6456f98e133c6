/// The requests of one action.
package struct ActionFigures: JSONRecord, Equatable, Sendable {
    package var requests = 0
    package var errors = 0
    /// Of all of them, and of those with a good answer; in milliseconds.
    package var latency = LatencySummary()
    package var goodLatency = LatencySummary()

    package init() {}

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("requests", &requests)
        try fields.field("errors", &errors)
        try fields.field("latency_ms", &latency)
        try fields.field("latency_good_ms", &goodLatency)
    }
}

/// The requests that were due in one step of a plan.
package struct StepFigures: JSONRecord, Equatable, Sendable {
    /// Requests per second asked for, at the step's start and at its end.
    package var startRate = 0.0
    package var endRate = 0.0
    package var seconds = 0.0
    package var requests = 0
    package var errors = 0
    /// Answers per second, to the requests that were due in the step.
    package var achievedRate = 0.0
    /// In milliseconds.
    package var latency = LatencySummary()

    package init() {}

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("start_rps", &startRate)
        try fields.field("end_rps", &endRate)
        try fields.field("duration_s", &seconds)
        try fields.field("requests", &requests)
        try fields.field("errors", &errors)
        try fields.field("achieved_rps", &achievedRate)
        try fields.field("latency_ms", &latency)
    }
}

/// How making connections went.
package struct ConnectionCounts: JSONRecord, Equatable, Sendable {
    package var tried = 0
    package var made = 0
    /// Attempts that came to nothing, by the reason.
    package var failures = ErrorCounts()

    package init() {}

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("tried", &tried)
        try fields.field("made", &made)
        try fields.field("failures", &failures)
    }

    /// In one line; nil where every connection came to be.
    package var text: String? {
        guard failures.total > 0 else { return nil }
        let reasons = failures.kinds.sorted { $0.value > $1.value }
            .map { "\($0.value) \($0.key)" }
        return "\(made) of \(tried) connections made: " + reasons.joined(separator: ", ")
    }
}

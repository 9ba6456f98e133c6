/// What a search for the highest rate tried and found, as its JSON file holds it.
package struct SearchResult: JSONRecord, Equatable, Sendable {
    package static let kind = "find-max"

    /// One rate that was tried.
    package struct Step: JSONRecord, Equatable, Sendable {
        package var rate = 0.0
        package var seconds = 0.0
        package var achievedRate = 0.0
        /// In milliseconds.
        package var p50 = 0.0
        package var p95 = 0.0
        package var p99 = 0.0
        package var errorRate = 0.0
        package var busyShare = 0.0
        /// A longer run, which confirms what the search found.
        package var isConfirmation = false
        /// Why the rate does not count as held; empty where it does.
        package var reasons: [String] = []

        package init() {}

        package init(of run: RunResult, rate: Double, isConfirmation: Bool, reasons: [String]) {
            self.rate = rate
            seconds = run.seconds
            achievedRate = run.achievedRate
            p50 = run.latency.p50
            p95 = run.latency.p95
            p99 = run.latency.p99
            errorRate = run.errorRate
            busyShare = run.sends.busyShare
            self.isConfirmation = isConfirmation
            self.reasons = reasons
        }

        package var isHeld: Bool { reasons.isEmpty }

        package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
            throws(Visitor.Failure)
        {
            try fields.field("rate", &rate)
            try fields.field("duration_s", &seconds)
            try fields.field("achieved_rps", &achievedRate)
            try fields.field("p50_ms", &p50)
            try fields.field("p95_ms", &p95)
            try fields.field("p99_ms", &p99)
            try fields.field("error_rate", &errorRate)
            try fields.field("generator_cpu_share", &busyShare)
            try fields.field("confirmation", &isConfirmation)
            try fields.field("reasons", &reasons)
        }
    }

    package var target = ""
    package var scenario = ""
    /// The thresholds that a rate must hold, as they were given.
    package var slo = ""
    /// The confirmed rate; nil when none held.
    package var rate: Double?
    package var steps: [Step] = []
    /// The longer run that confirmed the rate.
    package var confirmation: RunResult?
    /// Somebody stopped the search before it had found a rate.
    package var isInterrupted = false
    package var machine = Machine()

    package init() {}

    /// Why the lowest rate above the confirmed one fell short.
    package var limit: String? {
        steps.filter { !$0.isHeld && $0.rate > (rate ?? 0) }
            .min { $0.rate < $1.rate }?.reasons.joined(separator: "; ")
    }

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        var kind = SearchResult.kind
        try fields.field("kind", &kind)
        try fields.field("target", &target)
        try fields.field("scenario", &scenario)
        try fields.field("slo", &slo)
        try fields.field("interrupted", &isInterrupted)
        try fields.field("max_rps", &rate)
        try fields.field("steps", &steps)
        try fields.field("confirmation", &confirmation)
        try fields.field("environment", &machine)
    }
}

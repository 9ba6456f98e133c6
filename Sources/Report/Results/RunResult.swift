/// What one run came to, as its JSON file holds it. Reports, gates and comparisons are made from
/// this and nothing else.
///
/// A new figure is one property and one line of `visit`.
package struct RunResult: JSONRecord, Equatable, Sendable {
    package static let kind = "run"

    /// What reports call it; nil where nobody named it.
    package var name: String?
    package var plan = PlanSummary()
    /// When it began, in Unix seconds.
    package var startedAt = 0.0
    /// The version of loadgen that made it.
    package var version = ""

    // MARK: Counts

    /// Answers per second of the measured time.
    package var achievedRate = 0.0
    package var seconds = 0.0
    package var requests = 0
    /// Share of the requests that failed.
    package var errorRate = 0.0
    package var errors = ErrorCounts()
    /// Answers by their status.
    package var statuses: [String: Int] = [:]
    /// How often requests were sent, or were to be: once each, and once more for each retry.
    package var attempts = 0
    /// Retries, by what the attempt before came to; a request that succeeds at a retry is no error.
    package var retries = ErrorCounts()
    /// Requests that came to their end after a retry, and those of them that succeeded.
    package var retriedRequests = 0
    package var recoveredRequests = 0
    /// Good answers that call the request a repeated one: an earlier attempt had been stored.
    package var duplicates = 0
    /// Requests that were under way when the run ended, before their time-out: neither good nor
    /// failed.
    package var cut = 0
    /// How connecting went; a connection that could not be made is no request that failed.
    package var connecting = ConnectionCounts()
    /// Addresses of the targets' hosts in all.
    package var addresses = 1
    /// By what they asked for.
    package var actions: [String: ActionFigures] = [:]
    /// By the steps of the plan; empty where it has one alone.
    package var steps: [StepFigures] = []
    /// What the cluster did meanwhile; nil where nobody looked.
    package var replicas: ReplicaCounts?
    /// Processor time of the server per answer, in microseconds; nil where nobody looked.
    package var serverMicroseconds: Double?

    // MARK: Latency

    /// From the time at which a request was meant to be sent, in milliseconds.
    package var latency = LatencySummary()
    /// The same of good answers alone.
    package var goodLatency = LatencySummary()
    /// From its actual sending, in milliseconds.
    package var serviceTime = LatencySummary()
    package var distribution = LatencyDistribution()
    /// Nil in a result that somebody shortened.
    package var histograms: LatencyHistograms?
    package var timeline = RunTimeline()

    // MARK: Can it be relied on?

    package var sends = SendSummary()
    /// Why it can't be relied on; empty where it can.
    package var complaints: [String] = []
    /// Somebody stopped the run before its plan was over.
    package var isInterrupted = false
    /// Why the run ended itself early; nil where it did not.
    package var abort: String?
    /// The objectives that it was held against; nil where none were given.
    package var slo: ThresholdReport?

    /// The quality of the verdicts on a labelled suite.
    package var accuracy: QualityFigures?
    package var machine = Machine()

    package init() {}

    package var isReliable: Bool { complaints.isEmpty }
    /// The most replicas that were seen meanwhile.
    package var replicasMax: Int? { replicas?.largest }

    /// Why nothing should be decided by this run; empty where it can be.
    package var doubts: [String] {
        var doubts = complaints
        if isInterrupted { doubts.append("it was interrupted before its plan was over") }
        if let abort { doubts.append("it ended early: \(abort)") }
        return doubts
    }

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        var kind = RunResult.kind
        try fields.field("kind", &kind)
        try fields.field("name", &name)
        try plan.visit(&fields)
        try fields.field("started_at", &startedAt)
        try fields.field("version", &version)
        try fields.field("achieved_rps", &achievedRate)
        try fields.field("duration_s", &seconds)
        try fields.field("requests", &requests)
        try fields.field("error_rate", &errorRate)
        try fields.field("errors", &errors)
        try fields.field("statuses", &statuses)
        try fields.field("attempts", &attempts, ifMissing: requests)
        try fields.field("retries", &retries, ifMissing: ErrorCounts())
        try fields.field("retried_requests", &retriedRequests, ifMissing: 0)
        try fields.field("recovered_requests", &recoveredRequests, ifMissing: 0)
        try fields.field("duplicates", &duplicates, ifMissing: 0)
        try fields.field("cut", &cut)
        try fields.field("connecting", &connecting)
        try fields.field("addresses", &addresses)
        try fields.field("actions", &actions)
        try fields.field("steps", &steps)
        var most = replicasMax
        try fields.field("replicas_max", &most)
        try fields.field("replicas", &replicas)
        try fields.field("server_cpu_us", &serverMicroseconds)
        try fields.field("latency_ms", &latency)
        try fields.field("latency_good_ms", &goodLatency)
        try fields.field("service_time_ms", &serviceTime)
        try fields.field("distribution", &distribution)
        try fields.field("histograms", &histograms)
        try fields.field("timeline", &timeline)
        try sends.visit(&fields)
        var reliable = isReliable
        try fields.field("reliable", &reliable)
        try fields.field("complaints", &complaints)
        try fields.field("interrupted", &isInterrupted)
        try fields.field("aborted", &abort)
        try fields.field("slo", &slo)
        try fields.field("accuracy", &accuracy)
        try fields.field("environment", &machine)
    }
}

/// What a run was asked to do: two runs of equal summaries can be compared.
package struct PlanSummary: JSONRecord, Equatable, Sendable {
    /// Where it was sent; comparisons allow it to differ.
    package var target = ""
    /// What was sent, in words.
    package var scenario = ""
    /// `closed`, or `open` with the spacing of its sends.
    package var loop = ""
    /// The rate over time, in words.
    package var load = ""
    package var keepsAlive = true
    package var connections = 0
    package var threads = 0
    /// Whether requests that store something had an Idempotency-Key.
    package var usesKeys = false
    /// How often a request was sent again at most.
    package var retryLimit = 0
    /// Requests per second on average over the measured time; nil in a closed loop.
    package var targetRate: Double?

    package init() {}

    /// The fields in which another plan differs, but for the target.
    package func differences(from other: PlanSummary) -> [String] {
        zip(members, other.members).filter { $0 != $1 && $0.name != "target" }.map(\.0.name)
    }

    private var members: [JSONNode.Member] {
        if case .object(let members) = json { members } else { [] }
    }

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("target", &target)
        try fields.field("scenario", &scenario)
        try fields.field("loop", &loop)
        try fields.field("load", &load)
        try fields.field("keep_alive", &keepsAlive)
        try fields.field("connections", &connections)
        try fields.field("threads", &threads)
        try fields.field("keys", &usesKeys, ifMissing: false)
        try fields.field("retry_limit", &retryLimit, ifMissing: 0)
        try fields.field("target_rps", &targetRate)
    }
}

/// How well the generator kept its plan.
package struct SendSummary: JSONRecord, Equatable, Sendable {
    /// How long after its time a request was sent, in microseconds.
    package var lag = LatencySummary()
    /// Sends more than 1 ms late though a connection was free.
    package var late = 0
    /// Share of the sends that were no more than 100 µs late.
    package var onTimeShare = 0.0
    /// Requests that were due and could not be sent.
    package var unsent = 0
    /// Processor time that the generator used.
    package var processorSeconds = 0.0
    /// Share of the time in which the generator's threads were at work.
    package var busyShare = 0.0

    package init() {}

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("send_lag_us", &lag)
        try fields.field("late_sends", &late)
        try fields.field("sends_on_time", &onTimeShare)
        try fields.field("unsent", &unsent)
        try fields.field("generator_cpu_s", &processorSeconds)
        try fields.field("generator_cpu_share", &busyShare)
    }
}

/// The machine that something was measured on.
package struct Machine: JSONRecord, Equatable, Sendable {
    package var processors = 0
    package var model = ""
    package var memoryGiB = 0.0
    package var kernel = ""

    package init() {}

    /// Whether figures of both can be compared: as many processors of one model.
    package func isSameClass(as other: Machine) -> Bool {
        processors == other.processors && model == other.model
    }

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("processors", &processors)
        try fields.field("model", &model)
        try fields.field("memory_gib", &memoryGiB)
        try fields.field("kernel", &kernel)
    }
}

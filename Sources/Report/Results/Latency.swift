/// Percentiles of a duration; the field that holds them names the unit.
package struct LatencySummary: JSONRecord, Equatable, Sendable {
    package var mean = 0.0
    package var p50 = 0.0
    package var p90 = 0.0
    package var p95 = 0.0
    package var p99 = 0.0
    package var p999 = 0.0
    package var max = 0.0

    package init() {}

    /// - Parameter quantile: the value that a share of all values do not exceed.
    package init(mean: Double, max: Double, quantile: (Double) -> Double) {
        self.mean = mean
        p50 = quantile(0.5)
        p90 = quantile(0.9)
        p95 = quantile(0.95)
        p99 = quantile(0.99)
        p999 = quantile(0.999)
        self.max = max
    }

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("mean", &mean)
        try fields.field("p50", &p50)
        try fields.field("p90", &p90)
        try fields.field("p95", &p95)
        try fields.field("p99", &p99)
        try fields.field("p999", &p999)
        try fields.field("max", &max)
    }

    /// The columns of a table of latencies.
    static let titles = ["mean", "p50", "p90", "p95", "p99", "p99.9", "max"]
    var cells: [String] { [mean, p50, p90, p95, p99, p999, max].map(\.shortText) }
}

/// Latency by share of the requests, denser where it is rarer; in milliseconds.
package struct LatencyDistribution: JSONRecord, Equatable, Sendable {
    package var share = Column()
    package var latency = Column()
    package var serviceTime = Column()

    package init() {}

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("share", &share)
        try fields.field("latency_ms", &latency)
        try fields.field("service_time_ms", &serviceTime)
    }
}

/// The run over time, a value of each column for an interval; latencies in milliseconds. Where
/// nothing was answered there is no latency.
package struct RunTimeline: JSONRecord, Equatable, Sendable {
    /// Seconds from the end of the warm-up to the interval's start.
    package var time = Column()
    package var asked = Column()
    package var sent = Column()
    package var answered = Column()
    /// Requests that failed in the interval.
    package var errors = Column()
    /// Requests that were sent again in the interval.
    package var retries = Column()
    package var p50 = Column()
    package var p95 = Column()
    package var p99 = Column()
    package var max = Column()

    package init() {}

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        try fields.field("time_s", &time)
        try fields.field("asked_rps", &asked)
        try fields.field("sent_rps", &sent)
        try fields.field("answered_rps", &answered)
        try fields.field("errors", &errors)
        try fields.field("retries", &retries, ifMissing: Column())
        try fields.field("p50_ms", &p50)
        try fields.field("p95_ms", &p95)
        try fields.field("p99_ms", &p99)
        try fields.field("max_ms", &max)
    }
}

/// Requests that failed, in all and by kind.
package struct ErrorCounts: JSONRepresentable, Equatable, Sendable {
    package var total = 0
    package var kinds: [String: Int] = [:]

    package init(total: Int = 0, kinds: [String: Int] = [:]) {
        self.total = total
        self.kinds = kinds
    }

    package var json: JSONNode { kinds.merging(["total": total]) { $1 }.json }

    package init(json: JSONNode) throws(FieldError) {
        kinds = try [String: Int](json: json)
        guard let total = kinds.removeValue(forKey: "total") else {
            throw FieldError(field: "total", problem: "is missing")
        }
        self.total = total
    }
}

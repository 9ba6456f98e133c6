internal import Bytes
internal import Report
internal import Telemetry

/// A run as Prometheus text, for a push gateway or a textfile collector.
struct PrometheusText: ~Copyable {
    private static let limit = 1024 * 1024

    private(set) var output = ByteBuffer(limit: limit)
    private var writer = ExpositionWriter(.prometheusText)

    init(_ run: RunResult) {
        gauge("started_seconds", help: "When the run began, in Unix time.", run.startedAt)
        gauge("duration_seconds", help: "Length of the measured time.", run.seconds)
        if let rate = run.plan.targetRate {
            gauge("asked_rate", help: "Requests per second that the plan asked for.", rate)
        }
        gauge("answered_rate", help: "Answers per second.", run.achievedRate)
        gauge("requests", help: "Requests that came to some end.", Double(run.requests))
        gauge("error_ratio", help: "Share of the requests that failed.", run.errorRate)
        counts("errors", help: "Requests that failed, by kind.", label: "kind", run.errors)
        gauge("attempts", help: "How often requests were sent.", Double(run.attempts))
        counts(
            "retries", help: "Requests sent again, by what came before.", label: "cause",
            run.retries)
        gauge(
            "retried_requests", help: "Requests that came to an end after a retry.",
            Double(run.retriedRequests))
        gauge(
            "recovered_requests", help: "Requests that succeeded at a retry.",
            Double(run.recoveredRequests))
        gauge(
            "duplicates", help: "Answers that call the request a repeated one.",
            Double(run.duplicates))
        latency("latency_seconds", help: "Latency from the intended send.", run.latency)
        latency("service_time_seconds", help: "Latency from the actual send.", run.serviceTime)
        gauge(
            "reliable", help: "1 when the generator vouches for the run.",
            run.doubts.isEmpty ? 1 : 0)
        if let slo = run.slo {
            gauge("objectives_held", help: "1 when all objectives held.", slo.allHeld ? 1 : 0)
        }
        writer.finish(into: &output)
    }

    private mutating func gauge(_ name: String, help: String, _ value: Double) {
        writer.family("loadgen_\(name)", .gauge, help: help, into: &output)
        writer.sample(value, into: &output)
    }

    private mutating func counts(
        _ name: String, help: String, label: String, _ counts: ErrorCounts
    ) {
        writer.family("loadgen_\(name)", .gauge, help: help, into: &output)
        for (kind, count) in counts.kinds.sorted(by: { $0.key < $1.key }) {
            let value = ExpositionWriter.escaped(kind)
            writer.sample(Double(count), labels: "\(label)=\"\(value)\"", into: &output)
        }
    }

    private mutating func latency(_ name: String, help: String, _ summary: LatencySummary) {
        writer.family("loadgen_\(name)", .gauge, help: help, into: &output)
        // Not as `quantile`, a label that belongs to summaries.
        let percentiles = [
            ("50", summary.p50), ("90", summary.p90), ("95", summary.p95), ("99", summary.p99),
            ("99.9", summary.p999), ("100", summary.max),
        ]
        for (percentile, milliseconds) in percentiles {
            writer.sample(
                milliseconds / 1000, labels: "percentile=\"\(percentile)\"", into: &output)
        }
    }
}

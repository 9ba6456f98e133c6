internal import Bytes
internal import Report
internal import Scoring
internal import Telemetry

/// What a run came to.
struct RunResult {
    let plan: Plan
    let recorder: Recorder
    let seconds: Double
    let quality: Quality?

    var achievedRate: Double { seconds > 0 ? Double(recorder.answered) / seconds : 0 }
    var errorRate: Double {
        ratio(recorder.failed, max(recorder.requests, recorder.failed))
    }

    /// What makes the numbers untrustworthy, in words; empty when they can be relied on.
    var complaints: [String] {
        var complaints: [String] = []
        if recorder.answered == 0 { complaints.append("no request was answered") }
        if ratio(recorder.lateSends, max(1, recorder.requests)) > 0.01 {
            complaints.append(
                "\(recorder.lateSends) of \(recorder.requests) sends were over 1 ms late: "
                    + "this machine cannot keep the plan")
        }
        if recorder.processorSeconds > 0.95 * seconds * Double(plan.threads) {
            complaints.append("the generator's own threads were busy all the time")
        }
        if let rate = plan.rate, quality == nil, achievedRate < 0.98 * rate {
            complaints.append(
                "asked for \(rate.shortText) requests a second, reached \(achievedRate.shortText)")
        }
        return complaints
    }

    // MARK: JSON

    func json() -> ByteBuffer {
        var text = ByteBuffer(limit: 1024 * 1024)
        text.append("{\"target_rps\":")
        if let rate = plan.rate { text.append(number: rate) } else { text.append("null") }
        member("achieved_rps", achievedRate, &text)
        member("duration_s", seconds, &text)
        member("requests", Double(recorder.requests), &text)
        member("error_rate", errorRate, &text)
        text.append(",\"errors\":{\"total\":")
        text.append(integer: recorder.failed)
        for failure in Failure.allCases {
            member(failure.name, Double(recorder.failures[failure.rawValue]), &text)
        }
        text.append("},\"latency_ms\":")
        percentiles(recorder.latency, &text)
        text.append(",\"service_time_ms\":")
        percentiles(recorder.serviceTime, &text)
        member("late_sends", Double(recorder.lateSends), &text)
        member("unsent", Double(recorder.unsent), &text)
        member("connections", Double(plan.connections), &text)
        member("generator_cpu_s", recorder.processorSeconds, &text)
        if let quality {
            text.append(",\"accuracy\":")
            text.append(quality)
        }
        text.append("}\n")
        return text
    }

    private func member(_ name: String, _ value: Double, _ text: inout ByteBuffer) {
        text.append(text: ",\"\(name)\":")
        text.append(number: value)
    }

    private static let shares: [(name: String, share: Double)] = [
        ("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999),
    ]

    private func percentiles(_ histogram: Histogram, _ text: inout ByteBuffer) {
        text.append("{\"mean\":")
        text.append(number: histogram.mean / 1e6)
        for (name, share) in RunResult.shares {
            member(name, Double(histogram.quantile(share)) / 1e6, &text)
        }
        member("max", Double(histogram.maximum) / 1e6, &text)
        text.append("}")
    }

    // MARK: Markdown

    func markdown() -> String {
        var summary = MarkdownTable(["measure", "value"])
        summary.add([
            "rate asked", plan.rate.map { "\($0.shortText) / s" } ?? "as fast as possible",
        ])
        summary.add(["rate reached", "\(achievedRate.shortText) / s"])
        summary.add(["duration", "\(seconds.shortText) s"])
        summary.add(["requests", String(recorder.requests)])
        summary.add(["connections", String(plan.connections)])
        summary.add(["errors", "\(recorder.failed) (\(errorRate.percentText))"])
        summary.add(["late sends", String(recorder.lateSends)])
        var latency = MarkdownTable(["ms", "mean", "p50", "p90", "p95", "p99", "p99.9", "max"])
        latency.add(["latency, from the intended send"] + cells(recorder.latency))
        latency.add(["service time, from the actual send"] + cells(recorder.serviceTime))
        var text = "## Load\n\n\(summary.text)\n\(latency.text)"
        if let quality {
            text += "\n## Verdicts\n\n\(qualityTable([("labelled", quality)]).text)"
        }
        if !complaints.isEmpty {
            text += "\n**Not to be relied on:** \(complaints.joined(separator: "; ")).\n"
        }
        return text
    }

    private func cells(_ histogram: Histogram) -> [String] {
        [(histogram.mean / 1e6).shortText]
            + RunResult.shares.map {
                (Double(histogram.quantile($0.share)) / 1e6).shortText
            } + [(Double(histogram.maximum) / 1e6).shortText]
    }
}

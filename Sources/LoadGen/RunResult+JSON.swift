internal import Bytes
internal import Report
internal import Scoring
internal import Signals
internal import Telemetry

extension RunResult {
    /// All of it: reports are made from this and nothing else.
    func json(_ environment: Environment) -> ByteBuffer {
        var object = JSONObject()
        object.add("kind", text: "run")
        addPlan(&object)
        addCounts(&object)
        object.add("latency_ms") { percentiles(recorder.latency, scale: 1e6, &$0) }
        object.add("service_time_ms") { percentiles(recorder.serviceTime, scale: 1e6, &$0) }
        object.add("send_lag_us") { percentiles(recorder.lag, scale: 1e3, &$0) }
        addSelfCheck(&object)
        object.add("timeline") { addTimeline(&$0) }
        object.add("distribution") { addDistribution(&$0) }
        object.add("environment") { environment.add(to: &$0) }
        if let quality {
            var text = ByteBuffer(limit: 1024 * 1024)
            text.append(quality)
            object.add("accuracy", json: text.readable)
        }
        return object.finish()
    }

    private func addCounts(_ object: inout JSONObject) {
        object.add("achieved_rps", achievedRate)
        object.add("duration_s", seconds)
        object.add("requests", recorder.requests)
        object.add("error_rate", errorRate)
        if let replicas { object.add("replicas_max", replicas) }
        object.add("errors") { errors in
            errors.add("total", recorder.failed)
            for failure in Failure.allCases {
                errors.add(failure.name, recorder.failures[failure.rawValue])
            }
        }
        object.add("statuses") { statuses in
            for (status, count) in recorder.statuses.enumerated() where count > 0 {
                statuses.add(String(status), count)
            }
        }
    }

    private func addPlan(_ object: inout JSONObject) {
        if let name = plan.name { object.add("name", text: name) }
        object.add("target", text: plan.addresses.map(\.text).joined(separator: ","))
        object.add(
            "scenario",
            text: plan.suite.map { "labelled series (\($0.name))" } ?? plan.scenario.text)
        object.add("loop", text: plan.rate == nil ? "closed" : "open, \(plan.spacing.rawValue)")
        object.add("keep_alive", plan.keepsAlive)
        object.add("connections", plan.connections)
        object.add("threads", plan.threads)
        if let rate = plan.rate {
            object.add("target_rps", rate)
        } else {
            object.addNull("target_rps")
        }
    }

    private func addSelfCheck(_ object: inout JSONObject) {
        object.add("late_sends", recorder.lateSends)
        object.add("sends_on_time", ratio(recorder.sendsOnTime, Int(recorder.lag.count)))
        object.add("unsent", recorder.unsent)
        object.add("generator_cpu_s", recorder.processorSeconds)
        object.add("generator_cpu_share", processorShare)
        object.add("reliable", complaints.isEmpty)
        object.add("complaints", complaints)
    }

    private func addTimeline(_ object: inout JSONObject) {
        let rows = timeline.rows.filter { $0.time >= 0 }
        object.add("time_s", rows.map(\.time))
        object.add("asked_rps", rows.map(\.asked))
        object.add("sent_rps", rows.map(\.sent))
        object.add("answered_rps", rows.map(\.answered))
        object.add("errors", rows.map { Double($0.failed) })
        object.add("p50_ms", rows.map(\.p50))
        object.add("p95_ms", rows.map(\.p95))
        object.add("p99_ms", rows.map(\.p99))
        object.add("max_ms", rows.map(\.max))
    }

    /// The whole distribution in some fifty points, denser where it is rarer: 0, ½, ¾, ⅞ and so on,
    /// each half with four steps.
    private func addDistribution(_ object: inout JSONObject) {
        var shares: [Double] = []
        var rest = 1.0
        while rest * Double(max(1, recorder.latency.count)) >= 1, shares.count < 120 {
            for step in 0..<4 { shares.append(1 - rest * (1 - Double(step) / 8)) }
            rest /= 2
        }
        object.add("share", shares)
        object.add("latency_ms", shares.map { Double(recorder.latency.quantile($0)) / 1e6 })
        object.add(
            "service_time_ms", shares.map { Double(recorder.serviceTime.quantile($0)) / 1e6 })
    }

    private static let shares: [(name: String, share: Double)] = [
        ("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999),
    ]

    private func percentiles(
        _ histogram: Histogram, scale: Double, _ object: inout JSONObject
    ) {
        object.add("mean", histogram.mean / scale)
        for (name, share) in RunResult.shares {
            object.add(name, Double(histogram.quantile(share)) / scale)
        }
        object.add("max", Double(histogram.maximum) / scale)
    }
}

internal import Bytes
internal import EventLoop
internal import Report
internal import Scoring
internal import Signals
internal import Telemetry

/// What a run came to.
struct RunResult {
    let plan: Plan
    let recorder: Recorder
    let timeline: Timeline
    let quality: Quality?
    /// From the end of the warm-up to the plan's end, or to the last answer where that came later.
    let seconds: Double
    /// The highest count of replicas that somebody saw meanwhile.
    var replicas: Int?

    init(
        _ plan: Plan, _ recorder: Recorder, _ timeline: Timeline, _ quality: Quality?,
        from countsFrom: Instant
    ) {
        self.plan = plan
        self.recorder = recorder
        self.timeline = timeline
        self.quality = quality
        let answered = (recorder.lastAnswer - countsFrom).seconds
        // Labelled series end when they are all sent.
        seconds = max(0.001, quality == nil ? max(plan.load.seconds, answered) : answered)
    }

    var achievedRate: Double { Double(recorder.answered) / seconds }
    var errorRate: Double { ratio(recorder.failed, max(recorder.requests, recorder.failed)) }
    /// Share of the time in which the generator's threads were at work.
    var processorShare: Double {
        recorder.elapsedSeconds > 0 ? recorder.busySeconds / recorder.elapsedSeconds : 0
    }

    // MARK: Self-check

    private static let lateShare = 0.01
    private static let busyShare = 0.95
    private static let reachedShare = 0.98

    /// What makes the numbers untrustworthy, in words; empty when they can be relied on.
    var complaints: [String] {
        [unanswered, lateness, business].compactMap(\.self) + unreached
    }

    /// Why a rate does not count as held, thresholds apart; `--allow-late` pardons the generator, but
    /// not a rate that was not reached.
    var objections: [String] {
        plan.allowsLate ? [unanswered].compactMap(\.self) + unreached : complaints
    }

    private var lateness: String? {
        guard ratio(recorder.lateSends, max(1, recorder.requests)) > RunResult.lateShare else {
            return nil
        }
        return "\(recorder.lateSends) of \(recorder.requests) sends were over 1 ms late: "
            + "this machine cannot keep the plan"
    }

    private var business: String? {
        guard processorShare > RunResult.busyShare else { return nil }
        return "the generator's own threads were busy \(processorShare.percentText) of the time: "
            + "the server may hold more than it was asked; try --threads"
    }

    private var unreached: [String] {
        var reasons: [String] = []
        if let rate = plan.rate, quality == nil, achievedRate < RunResult.reachedShare * rate {
            reasons.append(
                "asked for \(rate.shortText) requests a second, reached \(achievedRate.shortText)")
        }
        if recorder.unsent > 0 {
            reasons.append("\(recorder.unsent) requests found no free connection in time")
        }
        return reasons
    }

    /// Why nothing at all worked; nil where something did.
    private var unanswered: String? {
        let name = plan.addresses.map(\.text).joined(separator: ", ")
        if recorder.answered == 0 {
            if recorder.failures[Failure.timeout.rawValue] > 0 {
                return "no request was answered: \(name) accepts connections and is silent for "
                    + "\(plan.timeoutSeconds.shortText) s"
            }
            guard recorder.connectError != 0 else {
                return "no request was answered: nothing connects at \(name)"
            }
            let reason = SystemError("connect", recorder.connectError)
            return "no request was answered: \(name): \(reason)"
        }
        let good = recorder.statuses[100..<400].reduce(0, +)
        guard good == 0,
            let most = recorder.statuses.indices.max(by: {
                recorder.statuses[$0] < recorder.statuses[$1]
            })
        else { return nil }
        return
            "no request succeeded: \(recorder.statuses[most]) of \(recorder.answered) answers of "
            + "\(name) were \(most)" + (most == 404 ? "; is the path right?" : "")
    }

    // MARK: JSON

    func json(_ environment: Environment) -> ByteBuffer {
        var object = JSONObject()
        object.add("kind", text: "run")
        if let name = plan.name { object.add("name", text: name) }
        addPlan(&object)
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

    private func addPlan(_ object: inout JSONObject) {
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

internal import Bytes
internal import Report
internal import Telemetry

/// What a search for the highest rate tried, and what it found.
struct SearchResult {
    private struct Step {
        let rate: Double
        let seconds: Double
        let achieved: Double
        let p50: Double
        let p95: Double
        let p99: Double
        let errorRate: Double
        let generatorShare: Double
        let isConfirmation: Bool
        let reasons: [String]
    }

    let plan: Plan
    let slo: String
    /// The confirmed rate; nil when none held.
    var rate: Double?
    private var steps: [Step] = []
    /// The longer run that confirmed the rate.
    private var confirmation: RunResult?

    init(plan: Plan, slo: String) {
        self.plan = plan
        self.slo = slo
    }

    /// - Parameter reasons: why the rate does not count as held; empty when it held.
    mutating func add(
        _ rate: Double, _ seconds: Double, _ result: RunResult, _ reasons: [String],
        isConfirmation: Bool
    ) {
        let latency = result.recorder.latency
        steps.append(
            Step(
                rate: rate, seconds: seconds, achieved: result.achievedRate,
                p50: Double(latency.quantile(0.5)) / 1e6,
                p95: Double(latency.quantile(0.95)) / 1e6,
                p99: Double(latency.quantile(0.99)) / 1e6, errorRate: result.errorRate,
                generatorShare: result.processorShare, isConfirmation: isConfirmation,
                reasons: reasons))
        if isConfirmation, reasons.isEmpty { confirmation = result }
    }

    /// Why the lowest rate that fell short did so.
    private var limit: String? {
        steps.filter { !$0.reasons.isEmpty && $0.rate > (rate ?? 0) }
            .min { $0.rate < $1.rate }?.reasons.joined(separator: "; ")
    }

    func json(_ environment: Environment) -> ByteBuffer {
        var object = JSONObject()
        object.add("kind", text: "find-max")
        object.add("target", text: plan.addresses.map(\.text).joined(separator: ","))
        object.add("scenario", text: plan.scenario.text)
        object.add("slo", text: slo)
        if let rate { object.add("max_rps", rate) } else { object.addNull("max_rps") }
        object.add("confirmed", rate != nil)
        if let limit { object.add("limit", text: limit) }
        object.add("steps") { steps in
            steps.add("rate", self.steps.map(\.rate))
            steps.add("seconds", self.steps.map(\.seconds))
            steps.add("achieved_rps", self.steps.map(\.achieved))
            steps.add("p50_ms", self.steps.map(\.p50))
            steps.add("p95_ms", self.steps.map(\.p95))
            steps.add("p99_ms", self.steps.map(\.p99))
            steps.add("error_rate", self.steps.map(\.errorRate))
            steps.add("generator_cpu_share", self.steps.map(\.generatorShare))
            steps.add("confirmation", self.steps.map { $0.isConfirmation ? 1 : 0 })
            steps.add("held", self.steps.map { $0.reasons.isEmpty ? 1 : 0 })
            steps.add("reasons", self.steps.map { $0.reasons.joined(separator: "; ") })
        }
        if let confirmation {
            let run = confirmation.json(environment)
            object.add("confirmation", json: run.readable)
        }
        object.add("environment") { environment.add(to: &$0) }
        return object.finish()
    }
}

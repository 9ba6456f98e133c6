internal import Options
internal import Report
internal import Signals

/// Thresholds on the result of a run, read from a flag. Their names are checked before anything is
/// sent: a name that no result has would only be noticed when the run is over.
enum Objectives {
    /// Steps that a threshold can name; a plan may have as many.
    private static let stepLimit = 1000

    static func parse(_ text: String, flag: String, labelled: Bool)
        throws(OptionError) -> [Threshold]
    {
        let thresholds: [Threshold]
        do throws(ThresholdError) { thresholds = try Threshold.parseAll(text) } catch {
            throw OptionError("\(flag): \(error.description)")
        }
        let known = Measurements(complete(labelled: labelled).json)
        for threshold in thresholds where known[threshold.name] == nil {
            throw OptionError(
                "\(flag): \"\(threshold.text)\": a result has no \(threshold.name); it has, among "
                    + "others, p50, p95, p99, p99.9, max, errors, errors.total, achieved_rps"
                    + (labelled ? ", accuracy.alert.precision" : ""))
        }
        return thresholds
    }

    /// A result in which every number has a value.
    private static func complete(labelled: Bool) -> RunResult {
        var result = RunResult()
        result.plan.targetRate = 0
        result.replicas = ReplicaCounts(lines: "0 0", start: 0)
        for action in Action.allCases { result.actions[action.name] = ActionFigures() }
        result.steps = Array(repeating: StepFigures(), count: stepLimit)
        result.serverMicroseconds = 0
        for failure in Failure.allCases { result.errors.kinds[failure.name] = 0 }
        for cause in RetryCause.allCases { result.retries.kinds[cause.name] = 0 }
        for status in 100..<600 { result.statuses[String(status)] = 0 }
        if labelled { result.accuracy = QualityFigures() }
        return result
    }
}

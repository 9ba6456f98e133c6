internal import HTTPClient
internal import Report
internal import Telemetry

extension MeasuredRun {
    /// Action by action, step by step, and how connecting went.
    func addParts(to result: inout RunResult) {
        for action in Action.allCases where recorder.actions[action.rawValue].requests > 0 {
            let record = recorder.actions[action.rawValue]
            var figures = ActionFigures()
            figures.requests = record.requests
            figures.errors = record.errors
            figures.latency = LatencySummary(record.latency, unit: 1e6)
            figures.goodLatency = LatencySummary(record.good, unit: 1e6)
            result.actions[action.name] = figures
        }
        if case .open(let curve) = plan.load {
            for (record, stretch) in zip(recorder.steps, curve.stretches) where record.requests > 0
            {
                result.steps.append(MeasuredRun.figures(of: record, in: stretch))
            }
        }
        result.addresses = addresses
        result.connecting.tried = recorder.connectionsTried
        result.connecting.made = recorder.connectionsMade
        for failure in ConnectFailure.allCases {
            let count = recorder.connectFailures[failure.rawValue]
            if count > 0 { result.connecting.failures.kinds[failure.name] = count }
            result.connecting.failures.total += count
        }
        result.cut = recorder.cut
    }

    private static func figures(of record: StepRecord, in stretch: RateCurve.Stretch)
        -> StepFigures
    {
        var figures = StepFigures()
        figures.startRate = stretch.startRate
        figures.endRate = stretch.endRate
        figures.seconds = stretch.seconds
        figures.requests = record.requests
        figures.errors = record.errors
        figures.achievedRate = Double(record.answered) / stretch.seconds
        figures.latency = LatencySummary(record.latency, unit: 1e6)
        return figures
    }
}

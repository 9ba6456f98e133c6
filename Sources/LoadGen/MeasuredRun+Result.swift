internal import Report
internal import Scoring
internal import Signals
internal import Telemetry

extension MeasuredRun {
    /// All of it, as it is written, shown and judged.
    func result(on machine: Machine) -> RunResult {
        var result = RunResult()
        result.name = plan.name
        result.plan = plan.summary
        result.startedAt = startedAt
        result.version = programVersion
        addCounts(to: &result)
        let histograms = histograms
        result.goodLatency = LatencySummary(histograms.good, unit: 1e6)
        result.latency = LatencySummary(histograms.latency, unit: 1e6)
        result.serviceTime = LatencySummary(histograms.serviceTime, unit: 1e6)
        result.distribution = LatencyDistribution(histograms)
        result.histograms = histograms
        result.timeline = timeline.columns
        result.sends = sends
        result.complaints = complaints
        result.accuracy = quality?.figures
        result.machine = machine
        addParts(to: &result)
        switch ending {
        case .complete: break
        case .interrupted: result.isInterrupted = true
        case .aborted(let reason): result.abort = reason
        }
        if !objectives.isEmpty {
            result.slo = ThresholdReport(objectives, Measurements(result.json))
        }
        return result
    }

    private func addCounts(to result: inout RunResult) {
        result.achievedRate = achievedRate
        result.seconds = seconds
        result.requests = recorder.requests
        result.errorRate = errorRate
        addRetries(to: &result)
        result.replicas = replicas
        result.serverMicroseconds = serverMicroseconds
        result.errors = ErrorCounts(total: recorder.failed)
        for failure in Failure.allCases {
            result.errors.kinds[failure.name] = recorder.failures[failure.rawValue]
        }
        for (status, count) in recorder.statuses.enumerated() where count > 0 {
            result.statuses[String(status)] = count
        }
    }

    private func addRetries(to result: inout RunResult) {
        result.attempts = recorder.attempts
        for cause in RetryCause.allCases {
            result.retries.kinds[cause.name] = recorder.retries[cause.rawValue]
        }
        result.retries.total = recorder.retries.reduce(0, +)
        result.retriedRequests = recorder.retriedRequests
        result.recoveredRequests = recorder.recoveredRequests
        result.duplicates = recorder.duplicates
    }

    /// The server worked for the answers of the warm-up too.
    private var serverMicroseconds: Double? {
        guard let serverSeconds, answers >= 1 else { return nil }
        return serverSeconds * 1e6 / answers
    }

    private var sends: SendSummary {
        var sends = SendSummary()
        sends.lag = LatencySummary(recorder.lag, unit: 1e3)
        sends.late = recorder.lateSends
        sends.onTimeShare = ratio(recorder.sendsOnTime, Int(recorder.lag.count))
        sends.unsent = recorder.unsent
        sends.processorSeconds = recorder.processorSeconds
        sends.busyShare = processorShare
        return sends
    }

    /// What percentiles are made of, here and where results of several machines are merged.
    private var histograms: LatencyHistograms {
        var histograms = LatencyHistograms()
        histograms.latency = latency
        histograms.good = goodLatency
        histograms.serviceTime = recorder.serviceTime
        histograms.sendLag = recorder.lag
        for action in Action.allCases where recorder.actions[action.rawValue].requests > 0 {
            let record = recorder.actions[action.rawValue]
            histograms.actions[action.name] = LatencyHistograms.OfAction(
                latency: record.latency, good: record.good)
        }
        histograms.steps = recorder.steps.map(\.latency)
        return histograms
    }
}

extension Plan {
    var summary: PlanSummary {
        var summary = PlanSummary()
        summary.target = addresses.map(\.text).joined(separator: ",")
        summary.scenario = suite.map { "labelled series (\($0.name))" } ?? scenario.text
        summary.keepsAlive = keepsAlive
        summary.connections = connections
        summary.threads = threads
        summary.usesKeys = usesKeys
        summary.retryLimit = retries
        summary.targetRate = rate
        switch load {
        case .closed(let seconds):
            summary.loop = "closed"
            summary.load = "as fast as it goes, \(seconds.shortText) s"
        case .open(let curve):
            summary.loop = "open, \(spacing.rawValue)"
            summary.load = curve.stretches.map(\.text).joined(separator: ", then ")
        }
        return summary
    }
}

extension RateCurve.Stretch {
    /// In a few words, for reports.
    fileprivate var text: String {
        let rate =
            startRate == endRate
            ? "\(startRate.shortText)/s" : "\(startRate.shortText) to \(endRate.shortText)/s"
        return "\(rate) for \(seconds.shortText) s"
    }
}

extension Timeline {
    /// The measured rows, column by column.
    var columns: RunTimeline {
        let measured = rows.filter { $0.time >= 0 }
        func column(_ value: (Row) -> Double) -> Column { Column(measured.map(value)) }
        var columns = RunTimeline()
        columns.time = column(\.time)
        columns.asked = column(\.asked)
        columns.sent = column(\.sent)
        columns.answered = column(\.answered)
        columns.errors = column { Double($0.failed) }
        columns.retries = column { Double($0.retries) }
        columns.p50 = column(\.p50)
        columns.p95 = column(\.p95)
        columns.p99 = column(\.p99)
        columns.max = column(\.max)
        return columns
    }
}

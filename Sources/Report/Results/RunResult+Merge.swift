internal import Telemetry

/// Results of several machines that sent load at the same time.
extension RunResult {
    /// Runs that began further apart than this share of their length did not load the server
    /// together.
    private static let tolerance = 0.1

    /// Adds them up: counts and histograms add, percentiles are those of all requests together.
    /// Over time the percentiles are the highest of the machines, since theirs are all there is.
    /// - Throws: an error that names what keeps the runs from being added.
    package static func merged(_ runs: [RunResult]) throws(FieldError) -> RunResult {
        guard let first = runs.first, runs.count > 1 else {
            throw FieldError(problem: "there must be at least two runs to merge")
        }
        var all = first
        var histograms = LatencyHistograms()
        for (index, run) in runs.enumerated() {
            guard let own = run.histograms else {
                throw FieldError(field: "histograms", problem: "run \(index + 1) has none")
            }
            if index == 0 {
                histograms = own
            } else if !histograms.merge(own) {
                throw FieldError(
                    field: "histograms", problem: "run \(index + 1) has another range")
            }
        }
        all.plan = PlanSummary(merging: runs.map(\.plan))
        all.startedAt = runs.map(\.startedAt).min() ?? 0
        all.addCounts(of: runs)
        all.addParts(of: runs, histograms: histograms)
        all.histograms = histograms
        all.latency = LatencySummary(histograms.latency, unit: 1e6)
        all.goodLatency = LatencySummary(histograms.good, unit: 1e6)
        all.serviceTime = LatencySummary(histograms.serviceTime, unit: 1e6)
        all.distribution = LatencyDistribution(histograms)
        all.timeline = RunTimeline(merging: runs.map(\.timeline))
        all.sends = SendSummary(merging: runs)
        all.sends.lag = LatencySummary(histograms.sendLag, unit: 1e3)
        all.addDoubts(of: runs)
        all.accuracy = nil
        return all
    }

    private mutating func addCounts(of runs: [RunResult]) {
        achievedRate = runs.reduce(0) { $0 + $1.achievedRate }
        seconds = runs.map(\.seconds).max() ?? 0
        requests = runs.reduce(0) { $0 + $1.requests }
        errors = ErrorCounts()
        statuses = [:]
        for run in runs {
            errors.total += run.errors.total
            errors.kinds.merge(run.errors.kinds, uniquingKeysWith: +)
            statuses.merge(run.statuses, uniquingKeysWith: +)
        }
        let whole = max(requests, errors.total)
        errorRate = whole > 0 ? Double(errors.total) / Double(whole) : 0
        addRetries(of: runs)
        cut = runs.reduce(0) { $0 + $1.cut }
        addresses = runs.map(\.addresses).max() ?? 1
        connecting = ConnectionCounts()
        for run in runs {
            connecting.tried += run.connecting.tried
            connecting.made += run.connecting.made
            connecting.failures.total += run.connecting.failures.total
            connecting.failures.kinds.merge(
                run.connecting.failures.kinds, uniquingKeysWith: +)
        }
        replicas = runs.compactMap(\.replicas).first
        serverMicroseconds = nil
    }

    private mutating func addRetries(of runs: [RunResult]) {
        attempts = runs.reduce(0) { $0 + $1.attempts }
        retries = ErrorCounts()
        for run in runs {
            retries.total += run.retries.total
            retries.kinds.merge(run.retries.kinds, uniquingKeysWith: +)
        }
        retriedRequests = runs.reduce(0) { $0 + $1.retriedRequests }
        recoveredRequests = runs.reduce(0) { $0 + $1.recoveredRequests }
        duplicates = runs.reduce(0) { $0 + $1.duplicates }
    }

    /// Action by action and step by step.
    private mutating func addParts(of runs: [RunResult], histograms: LatencyHistograms) {
        actions = [:]
        for (name, own) in histograms.actions {
            var figures = ActionFigures()
            for other in runs.compactMap({ $0.actions[name] }) {
                figures.requests += other.requests
                figures.errors += other.errors
            }
            figures.latency = LatencySummary(own.latency, unit: 1e6)
            figures.goodLatency = LatencySummary(own.good, unit: 1e6)
            actions[name] = figures
        }
        guard runs.allSatisfy({ $0.steps.count == histograms.steps.count }) else {
            steps = []
            return
        }
        steps = histograms.steps.enumerated().map { index, histogram in
            var figures = runs[0].steps[index]
            for other in runs.dropFirst().map({ $0.steps[index] }) {
                figures.startRate += other.startRate
                figures.endRate += other.endRate
                figures.requests += other.requests
                figures.errors += other.errors
                figures.achievedRate += other.achievedRate
            }
            figures.latency = LatencySummary(histogram, unit: 1e6)
            return figures
        }
    }

    private mutating func addDoubts(of runs: [RunResult]) {
        complaints = runs.enumerated().flatMap { index, run in
            run.complaints.map { "machine \(index + 1): \($0)" }
        }
        let latest = runs.map(\.startedAt).max() ?? 0
        let shortest = runs.map(\.seconds).min() ?? 0
        if latest - startedAt > RunResult.tolerance * shortest {
            complaints.append(
                "the runs began \((latest - startedAt).shortText) s apart: "
                    + "they did not load the server together")
        }
        isInterrupted = runs.contains(where: \.isInterrupted)
        abort = runs.compactMap(\.abort).first
    }
}

extension PlanSummary {
    fileprivate init(merging plans: [PlanSummary]) {
        self = plans.first ?? PlanSummary()
        func distinct(_ values: [String]) -> String {
            var seen: [String] = []
            for value in values where !seen.contains(value) { seen.append(value) }
            return seen.joined(separator: "; ")
        }
        target = distinct(plans.map(\.target))
        scenario = distinct(plans.map(\.scenario))
        loop = distinct(plans.map(\.loop))
        load = "\(plans.count) machines: " + distinct(plans.map(\.load))
        connections = plans.reduce(0) { $0 + $1.connections }
        threads = plans.reduce(0) { $0 + $1.threads }
        usesKeys = plans.contains(where: \.usesKeys)
        retryLimit = plans.map(\.retryLimit).max() ?? 0
        let rates = plans.compactMap(\.targetRate)
        targetRate = rates.count == plans.count ? rates.reduce(0, +) : nil
    }
}

extension SendSummary {
    /// All but the lag, which comes from the histograms.
    fileprivate init(merging runs: [RunResult]) {
        self.init()
        let sends = runs.map(\.sends)
        late = sends.reduce(0) { $0 + $1.late }
        unsent = sends.reduce(0) { $0 + $1.unsent }
        processorSeconds = sends.reduce(0) { $0 + $1.processorSeconds }
        busyShare = sends.map(\.busyShare).max() ?? 0
        let counts = runs.map { Double($0.histograms?.sendLag.count ?? 0) }
        let onTime = zip(sends, counts).reduce(0) { $0 + $1.0.onTimeShare * $1.1 }
        let all = counts.reduce(0, +)
        onTimeShare = all > 0 ? onTime / all : 0
    }
}

extension RunTimeline {
    /// Row by row: rates and errors add, of latencies the highest counts.
    fileprivate init(merging timelines: [RunTimeline]) {
        self.init()
        time = timelines.map(\.time).max { $0.values.count < $1.values.count } ?? Column()
        let rows = time.values.indices
        func column(
            _ values: (RunTimeline) -> Column, _ join: ([Double]) -> Double
        ) -> Column {
            Column(
                rows.map { row in
                    join(
                        timelines.map(values).compactMap {
                            row < $0.values.count ? $0.values[row] : nil
                        })
                })
        }
        func sum(_ values: [Double]) -> Double { values.reduce(0, +) }
        func highest(_ values: [Double]) -> Double { values.filter(\.isFinite).max() ?? .nan }
        asked = column(\.asked, sum)
        sent = column(\.sent, sum)
        answered = column(\.answered, sum)
        errors = column(\.errors, sum)
        retries = column(\.retries, sum)
        p50 = column(\.p50, highest)
        p95 = column(\.p95, highest)
        p99 = column(\.p99, highest)
        max = column(\.max, highest)
    }
}

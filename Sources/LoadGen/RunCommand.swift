internal import Bytes
internal import EventLoop
internal import Options
internal import Report
internal import Scoring
internal import Signals
internal import Synchronization
internal import Telemetry

/// Why a run could not be done at all.
struct RunError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// `loadgen run`: one run against one target.
struct RunCommand {
    private let plan: Plan
    private let thresholds: [Threshold]
    private let json: String?
    private let markdown: String?

    init(_ options: inout Options) throws(OptionError) {
        plan = try Plan(&options)
        json = options.text("--json")
        markdown = options.text("--markdown")
        let slo = options.text("--slo") ?? ""
        do throws(ThresholdError) { thresholds = try Threshold.parseAll(slo) } catch {
            throw OptionError("--slo: \(error.description)")
        }
    }

    /// - Returns: the exit status: 0 held, 99 a threshold fell short, 1 the run can't be relied on.
    func run() throws(RunError) -> Int32 {
        let result = try execute()
        let report = result.markdown()
        StandardStreams.writeOutput(report)
        do throws(FileError) {
            if let markdown { try Files.write(markdown, report) }
            if let json { try Files.write(json, result.json().readable) }
        } catch {
            throw RunError(error.description)
        }
        for complaint in result.complaints {
            StandardStreams.writeError("loadgen: \(complaint)\n")
        }
        if !result.complaints.isEmpty, !plan.allowsLate || result.recorder.answered == 0 {
            return 1
        }
        return try judge(result)
    }

    private func judge(_ result: RunResult) throws(RunError) -> Int32 {
        var measurements = Measurements()
        do throws(JSONError) { try measurements.add(result.json().readable) } catch {
            throw RunError("the result's own JSON is malformed at byte \(error.offset)")
        }
        var status: Int32 = 0
        for threshold in thresholds {
            let outcome = threshold.judge(measurements)
            StandardStreams.writeOutput(threshold.sentence(outcome) + "\n")
            if case .held = outcome { continue }
            status = 99
        }
        return status
    }

    private func execute() throws(RunError) -> RunResult {
        ProcessUsage.raiseDescriptorLimit()
        let endpoint = try resolve()
        let series = plan.suite?.series(seed: plan.seed) ?? []
        let lives = (0..<plan.threads).map { _ in CounterTable(count: Live.allCases.count) }
        let outcomes = Outcomes()
        // All threads begin together, a moment from now.
        let start = Clock.now() + .milliseconds(100)
        let plan = plan
        do throws(SystemError) {
            let threads = try ThreadGroup(Array(0..<plan.threads)) { index in
                outcomes.add(
                    work(plan, endpoint, index, lives[index], share(series, index), from: start))
            }
            Progress(plan, lives, start).show { outcomes.count == plan.threads }
            threads.join()
        } catch {
            throw RunError(error.description)
        }
        return try outcomes.result(plan, start + .seconds(plan.warmUpSeconds))
    }

    /// The series of one thread: every series goes through one thread only, to stay in order.
    private func share(_ series: [LabelledSeries], _ index: Int) -> [LabelledSeries] {
        series.enumerated().filter { $0.offset % plan.threads == index }.map(\.element)
    }

    private func resolve() throws(RunError) -> Endpoint {
        do throws(ResolveError) {
            return try Endpoint.resolve(host: plan.target.host, port: plan.target.port)
        } catch {
            throw RunError(error.description)
        }
    }
}

/// What one thread came back with.
private struct Outcome: Sendable {
    var recorder = Recorder()
    var feeds: [LabelledFeed] = []
    var error: String?
    var finished = Instant.zero
}

/// Runs one thread's part; on that thread.
private func work(
    _ plan: Plan, _ endpoint: Endpoint, _ index: Int, _ live: CounterTable,
    _ series: [LabelledSeries], from start: Instant
) -> Outcome {
    var outcome = Outcome()
    do throws(SystemError) {
        var thread = try LoadThread(plan, endpoint, index: index, live: live, series: series)
        try thread.run(from: start)
        outcome.recorder = thread.recorder
        outcome.feeds = thread.feeds
    } catch {
        outcome.error = error.description
    }
    outcome.finished = Clock.now()
    return outcome
}

/// Collects what the threads come back with.
private final class Outcomes: Sendable {
    private let list = Mutex<[Outcome]>([])

    func add(_ outcome: Outcome) { list.withLock { $0.append(outcome) } }
    var count: Int { list.withLock { $0.count } }

    func result(_ plan: Plan, _ countsFrom: Instant) throws(RunError) -> RunResult {
        let all = list.withLock { $0 }
        if let error = all.compactMap(\.error).first { throw RunError(error) }
        var recorder = Recorder()
        var quality: Quality?
        for outcome in all {
            recorder.merge(outcome.recorder)
            for feed in outcome.feeds {
                quality = quality ?? Quality()
                quality?.add(feed.series, feed.judgments)
            }
        }
        let finished = all.map(\.finished).max() ?? countsFrom
        let elapsed = (finished - countsFrom).seconds
        return RunResult(
            plan: plan, recorder: recorder,
            seconds: max(0.001, min(elapsed, plan.durationSeconds)), quality: quality)
    }
}

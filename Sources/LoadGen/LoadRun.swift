internal import Bytes
internal import System
internal import Options
internal import Scoring
internal import Signals
internal import Synchronization
internal import Telemetry

/// Why a run could not be done at all.
struct RunError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// One run of a plan: its threads, and what they came to.
struct LoadRun: Sendable {
    private static let rowLimit = 3600.0

    let plan: Plan
    let endpoints: [Endpoint]
    let mailboxes: [IntervalMailbox]
    /// Length of an interval: a second, shorter for short runs, longer where there were too many.
    let intervalSeconds: Double

    init(_ plan: Plan) throws(RunError) {
        self.plan = plan
        var endpoints: [Endpoint] = []
        for address in plan.addresses { endpoints.append(try LoadRun.resolve(address)) }
        self.endpoints = endpoints
        mailboxes = (0..<plan.threads).map { _ in IntervalMailbox() }
        let seconds = plan.load.seconds
        intervalSeconds =
            seconds <= 15 ? 0.25 : max(1, (seconds / LoadRun.rowLimit).rounded(.up))
    }

    private static func resolve(_ address: Address) throws(RunError) -> Endpoint {
        do throws(ResolveError) {
            return try Endpoint.resolve(
                host: address.url.server.host, port: address.url.server.port)
        } catch {
            throw RunError(error.description)
        }
    }

    /// Runs it; returns when all is settled.
    func execute(showing view: inout LiveView) throws(RunError) -> MeasuredRun {
        ProcessUsage.raiseDescriptorLimit()
        let series = plan.suite?.series(seed: plan.seed) ?? []
        let outcomes = Outcomes()
        // All threads begin together, a moment from now.
        let start = Clock.now() + .milliseconds(100)
        let startedAt = Double(Clock.unixNanoseconds()) * 1e-9
        var timeline = Timeline(plan, intervalSeconds: intervalSeconds)
        do throws(SystemError) {
            let threads = try ThreadGroup(Array(0..<plan.threads)) { index in
                outcomes.add(work(self, thread: index, series: share(series, index), from: start))
            }
            watch(&timeline, &view, outcomes)
            threads.join()
        } catch {
            throw RunError(error.description)
        }
        return try outcomes.result(
            self, timeline, countsFrom: start + .seconds(plan.warmUpSeconds), startedAt: startedAt)
    }

    /// The series of one thread: every series goes through one thread only, to stay in order.
    private func share(_ series: [LabelledSeries], _ index: Int) -> [LabelledSeries] {
        series.enumerated().filter { $0.offset % plan.threads == index }.map(\.element)
    }

    /// Gathers what the threads hand over until they are done.
    private func watch(
        _ timeline: inout Timeline, _ view: inout LiveView, _ outcomes: Outcomes
    ) {
        var spare = Interval()
        var isLast = false
        while true {
            isLast = outcomes.count == plan.threads
            for index in mailboxes.indices where mailboxes[index].collect(&spare) {
                if timeline.add(spare, thread: index) { view.show(timeline) }
                spare.reset()
            }
            if isLast { break }
            Clock.sleep(.milliseconds(10))
        }
        timeline.close()
        view.finish()
    }
}

/// What one thread came back with.
private struct Outcome: Sendable {
    var recorder = Recorder()
    var feeds: [LabelledFeed] = []
    var error: String?
}

/// Runs one thread's part; on that thread.
private func work(
    _ run: LoadRun, thread index: Int, series: [LabelledSeries], from start: Instant
) -> Outcome {
    var outcome = Outcome()
    do throws(SystemError) {
        var thread = LoadThread(run, index: index, series: series)
        try thread.run(from: start)
        outcome.recorder = thread.recorder
        outcome.feeds = thread.feeds
    } catch {
        outcome.error = error.description
    }
    return outcome
}

/// Collects what the threads come back with.
private final class Outcomes: Sendable {
    private let list = Mutex<[Outcome]>([])

    func add(_ outcome: Outcome) { list.withLock { $0.append(outcome) } }
    var count: Int { list.withLock { $0.count } }

    func result(
        _ run: LoadRun, _ timeline: Timeline, countsFrom: Instant, startedAt: Double
    ) throws(RunError) -> MeasuredRun {
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
        return MeasuredRun(
            plan: run.plan, recorder: recorder, timeline: timeline, quality: quality,
            countsFrom: countsFrom, startedAt: startedAt)
    }
}

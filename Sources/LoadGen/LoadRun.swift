internal import Bytes
internal import HTTPClient
internal import Options
internal import Scoring
internal import Signals
internal import Synchronization
internal import System
internal import TLS
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
    let routes: [Route]
    let control = RunControl()
    /// The keys of its requests, which no other run has.
    let keys = IdempotencyKeys()
    let mailboxes: [IntervalMailbox]
    /// Length of an interval: a second, shorter for short runs, longer where there were too many.
    let intervalSeconds: Double

    /// Finds the addresses of a host name.
    typealias Resolver = (_ host: String, _ port: UInt16) throws(ResolveError) -> [SocketAddress]

    /// - Parameter resolve: asks the machine's name servers unless told otherwise.
    init(_ plan: Plan, resolve: Resolver = SocketAddress.resolveAll) throws(RunError) {
        self.plan = plan
        routes = try LoadRun.routes(plan, resolve)
        mailboxes = (0..<plan.threads).map { _ in
            IntervalMailbox(latencyLimit: plan.latencyLimitNanoseconds)
        }
        let seconds = plan.load.seconds
        intervalSeconds =
            seconds <= 15 ? 0.25 : max(1, (seconds / LoadRun.rowLimit).rounded(.up))
    }

    private static func routes(_ plan: Plan, _ resolve: Resolver) throws(RunError) -> [Route] {
        var context: TLSContext?
        if plan.addresses.contains(where: { $0.url.isSecure }) {
            do throws(TLSError) { context = try TLSContext(trusting: plan.trust) } catch {
                throw RunError(error.description)
            }
        }
        var routes: [Route] = []
        for address in plan.addresses {
            let server = address.url.server
            do throws(ResolveError) {
                let endpoints = try resolve(server.host, server.port)
                let security =
                    address.url.isSecure
                    ? context.map {
                        HTTPConnection.Security($0, serverName: address.serverName)
                    } : nil
                routes.append(Route(endpoints: endpoints, security: security))
            } catch {
                throw RunError(error.description)
            }
        }
        return routes
    }

    /// Runs it; returns when all is settled.
    func execute(showing view: inout LiveView) throws(RunError) -> MeasuredRun {
        _ = ProcessUsage.raiseDescriptorLimit()
        let series = plan.suite?.series(seed: plan.seed) ?? []
        let outcomes = Outcomes()
        // All threads begin together, a moment from now.
        let start = Clock.now() + .milliseconds(100)
        let startedAt = Double(Clock.unixNanoseconds()) * 1e-9
        var timeline = Timeline(plan, intervalSeconds: intervalSeconds)
        var ending = Ending.complete
        var stoppedAt: Instant?
        do throws(SystemError) {
            // Before the threads begin, so that all leave signals to this one.
            let signals = try SignalQueue()
            let threads = try ThreadGroup(Array(0..<plan.threads)) { index in
                outcomes.add(work(self, thread: index, series: share(series, index), from: start))
            }
            ending = watch(
                &timeline, view: &view, outcomes: outcomes, signals: signals, stoppedAt: &stoppedAt)
            threads.join()
        } catch {
            throw RunError(error.description)
        }
        var measured = try outcomes.result(
            self, timeline, countsFrom: start + .seconds(plan.warmUpSeconds), stoppedAt: stoppedAt,
            startedAt: startedAt)
        measured.ending = ending
        measured.addresses = routes.reduce(0) { $0 + $1.endpoints.count }
        return measured
    }

    /// The series of one thread: every series goes through one thread only, to stay in order.
    private func share(_ series: [LabelledSeries], _ index: Int) -> [LabelledSeries] {
        series.enumerated().filter { $0.offset % plan.threads == index }.map(\.element)
    }

    /// Gathers what the threads hand over until they are done, and ends the run early on a signal
    /// or when a rule of `--abort-on` says so.
    private func watch(
        _ timeline: inout Timeline, view: inout LiveView, outcomes: Outcomes,
        signals: borrowing SignalQueue, stoppedAt: inout Instant?
    ) -> Ending {
        var ending = Ending.complete
        var spare = Interval(latencyLimit: plan.latencyLimitNanoseconds)
        var rules = plan.abortRules
        var rowsSeen = 0
        while true {
            let isLast = outcomes.count == plan.threads
            for index in mailboxes.indices where mailboxes[index].collect(&spare) {
                if timeline.add(spare, thread: index) { view.show(timeline) }
                spare.reset()
            }
            if isLast { break }
            if signals.next() != nil {
                // Who asks twice wants no results.
                if ending == .interrupted { exitProcess(LoadRun.interruptedStatus) }
                ending = .interrupted
            }
            if ending == .complete, let reason = reason(&rules, timeline, from: &rowsSeen) {
                ending = .aborted(reason)
            }
            if ending != .complete, stoppedAt == nil {
                stoppedAt = Clock.now()
                control.stop()
            }
            Clock.sleep(.milliseconds(10))
        }
        timeline.close()
        view.finish()
        return ending
    }

    /// What shells say of a program that SIGINT ended.
    private static let interruptedStatus: Int32 = 130

    /// Why a rule ends the run, by the rows that it has not seen yet.
    private func reason(
        _ rules: inout [AbortRule], _ timeline: Timeline, from rowsSeen: inout Int
    ) -> String? {
        var found: String?
        for row in timeline.rows[rowsSeen...] where row.time >= 0 {
            for index in rules.indices {
                found = found ?? rules[index].note(row, until: row.time + intervalSeconds)
            }
        }
        rowsSeen = timeline.rows.count
        return found
    }
}

/// What one thread came back with.
private struct Outcome: Sendable {
    var recorder: Recorder
    var feeds: [LabelledFeed] = []
    var error: String?
}

/// Runs one thread's part; on that thread.
private func work(
    _ run: LoadRun, thread index: Int, series: [LabelledSeries], from start: Instant
) -> Outcome {
    var outcome = Outcome(recorder: Recorder(run.plan))
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
        _ run: LoadRun, _ timeline: Timeline, countsFrom: Instant, stoppedAt: Instant?,
        startedAt: Double
    ) throws(RunError) -> MeasuredRun {
        let all = list.withLock { $0 }
        if let error = all.compactMap(\.error).first { throw RunError(error) }
        var recorder = Recorder(run.plan)
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
            countsFrom: countsFrom, stoppedAt: stoppedAt, startedAt: startedAt)
    }
}

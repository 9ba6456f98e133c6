internal import Bytes
internal import System
internal import HTTPClient
internal import Numerics
internal import Scoring
internal import Signals
internal import Telemetry

/// One thread of the generator: sends what is due, on whichever connection is free.
struct LoadThread: ~Copyable, EventHandler {
    private static let longestWait = TimeSpan.milliseconds(20)
    /// With no connection by then, there is nobody to measure.
    private static let patience = TimeSpan.seconds(2)

    let plan: Plan
    /// The addresses of each target, and the TLS of those that are https.
    let routes: [Route]
    let timeout: TimeSpan
    /// How long after the plan's end its requests are waited for.
    let settling: TimeSpan
    /// After an early end, how long requests under way are waited for.
    private static let stopPatience = TimeSpan.seconds(1)
    private let control: RunControl
    let expected: [Bool]
    let expectsVerdicts: Bool
    let isHead: Bool
    private let mailbox: IntervalMailbox
    private let intervalLength: TimeSpan
    var connections: [LoadConnection] = []
    var free: FreeList
    /// Since when there has been a free connection for what is due.
    var freeSince = Instant.zero
    var traffic: Traffic
    private var arrivals: Arrivals?
    private var drawn: Action?
    var feeds: [LabelledFeed]
    var freeFeeds: [Int]
    /// Requests that wait to be sent again, and copies that are free for other requests.
    var retryQueue: RetryQueue
    var spareRequests: [HeldRequest] = []
    /// Spreads the retries.
    var chances: SeededRandom
    /// The run is over: nothing is sent any more.
    private(set) var isSettling = false
    var recorder: Recorder
    var interval: Interval
    var verdictMark = VerdictMark(isBatch: false)
    var batchMark = VerdictMark(isBatch: true)
    private var intervalEnd = Instant.zero
    private var start = Instant.zero
    private(set) var countsFrom = Instant.zero
    private(set) var end = Instant.zero
    /// When the run ended early; nil while it goes on.
    private(set) var stoppedAt: Instant?
    /// When each step of the plan ends; empty where they are not told apart.
    private var stepEnds: [Instant] = []
    private var step = 0
    /// The clock as last read.
    var now = Instant.zero
    var waiting = 0
    var memo = HeadMemo()
    private var alarm = Alarm()
    var hasConnected = false
    var firstAttempt: Instant?
    /// The wait that the turn began with: how far away the next send was, and from when.
    private var asked = TimeSpan(nanoseconds: 0)
    private var askedAt = Instant.zero
    private var endsByTimer = false

    init(_ run: LoadRun, index: Int, series: [LabelledSeries]) {
        let plan = run.plan
        self.plan = plan
        routes = run.routes
        control = run.control
        expected = (0..<600).map { plan.expectedStatuses?.contains($0) ?? (200..<300).contains($0) }
        expectsVerdicts = plan.expectedStatuses == nil
        isHead = plan.scenario.template?.isHead ?? false
        recorder = Recorder(plan)
        interval = Interval(latencyLimit: plan.latencyLimitNanoseconds)
        timeout = .seconds(plan.timeoutSeconds)
        settling = .seconds(plan.settlingSeconds)
        mailbox = run.mailboxes[index]
        intervalLength = .seconds(run.intervalSeconds)
        let seed = plan.seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15
        arrivals = plan.curve.map {
            Arrivals($0, plan.spacing, thread: index, of: plan.threads, seed: seed)
        }
        traffic = Traffic(plan, seed: seed ^ 0xFFFF, thread: index, keys: run.keys)
        chances = SeededRandom(seed: seed ^ 0xFFFF_0000)
        retryQueue = RetryQueue(threads: plan.threads)
        feeds = series.map(LabelledFeed.init)
        freeFeeds = Array(feeds.indices.reversed())
        let extra = index < plan.connections % plan.threads ? 1 : 0
        let count = plan.connections / plan.threads + extra
        free = FreeList(capacity: count)
        connections = (0..<count).map {
            let speaker = $0 * plan.threads + index
            return LoadConnection(
                index: $0, speaker: speaker, route: speaker / plan.addresses.count)
        }
    }

    /// Runs the plan from `start`; returns when its time is over and open requests are settled.
    mutating func run(from start: Instant) throws(SystemError) {
        wakeThreadPrecisely()
        self.start = start
        countsFrom = start + .seconds(plan.warmUpSeconds)
        end = countsFrom + .seconds(plan.load.seconds)
        beginIntervals()
        beginSteps()
        var loop = try EventLoop(wakeUp: nil)
        now = loop.now
        openConnections(&loop)
        let began = now
        let processorBefore = Clock.threadProcessorTime()
        try loop.run(&self)
        finish(&loop)
        recorder.elapsedSeconds = (now - began).seconds
        let processor = Clock.threadProcessorTime() - processorBefore
        recorder.processorSeconds = processor.seconds
        recorder.busySeconds = max(0, (processor - alarm.watched).seconds)
    }

    // MARK: A turn of the loop

    mutating func timeToWait(_ loop: inout EventLoop) -> TimeSpan? {
        sendWhatIsDue(&loop)
        asked = untilNextSend()
        askedAt = now
        let wait = alarm.wait(for: asked)
        endsByTimer = (loop.timers.nextLook() ?? .never) < now + wait
        return wait
    }

    mutating func beginTurn(_ loop: inout EventLoop, eventCount: Int) {
        now = loop.now
        alarm.note(asked, took: now - askedAt, isEmpty: eventCount == 0 && !endsByTimer)
    }

    mutating func endTurn(_ loop: inout EventLoop) -> Bool {
        if now >= intervalEnd { handOver() }
        if stoppedAt == nil, control.isStopped { stop() }
        return !isOver()
    }

    /// Ends the run early: nothing more is sent.
    private mutating func stop() {
        stoppedAt = now
        // With a free connection what is due this very moment would just have been sent.
        if free.isEmpty { recorder.unsent += arrivals?.pass(by: min(now, end) - start) ?? 0 }
        end = min(end, now)
    }

    /// All that was planned is settled, or there has been time enough for it: what was due before
    /// the end and found no connection is still sent after it, or a server that stalls would be
    /// spared.
    private func isOver() -> Bool {
        if let stoppedAt {
            return waiting == 0 || now >= stoppedAt + min(timeout, LoadThread.stopPatience)
        }
        if now >= end + settling { return true }
        if !hasConnected, let firstAttempt, now >= firstAttempt + LoadThread.patience {
            return true
        }
        guard retryQueue.isEmpty else { return false }
        if !feeds.isEmpty, feeds.allSatisfy(\.isDone), waiting == 0 { return true }
        if case .some(let arrivals) = arrivals { return arrivals.due == nil && waiting == 0 }
        return now >= end && waiting == 0
    }

    private mutating func finish(_ loop: inout EventLoop) {
        isSettling = true
        settleRetries()
        for connection in connections where connection.hasRequest {
            if now - connection.since >= timeout {
                fail(connection, .timeout, on: &loop)
            } else if connection.request.counts {
                // Nobody knows what would have become of it.
                if connection.http.state == .busy {
                    recorder.cut += 1
                } else {
                    recorder.unsent += 1
                }
            }
        }
        let isOutOfLabelled = !feeds.isEmpty && feeds.allSatisfy(\.isDone)
        if stoppedAt == nil, !isOutOfLabelled {
            recorder.unsent += arrivals?.pass(by: end - start) ?? 0
        }
        // The other side empties the mailbox within milliseconds.
        while !mailbox.deposit(&interval) { Clock.sleep(.milliseconds(1)) }
    }

    // MARK: Intervals

    private mutating func beginIntervals() {
        let length = intervalLength.nanoseconds
        let warmUp = (countsFrom - start).nanoseconds
        interval.number = -Int((warmUp + length - 1) / length)
        intervalEnd = countsFrom + intervalLength * (interval.number + 1)
    }

    private mutating func beginSteps() {
        guard plan.stepCount > 0, case .open(let curve) = plan.load else { return }
        var end = countsFrom
        for stretch in curve.stretches {
            end = end + .seconds(stretch.seconds)
            stepEnds.append(end)
        }
    }

    private mutating func handOver() {
        // Rounded down, in the warm-up too, whose numbers are negative.
        let next = Int(((now - countsFrom).seconds / intervalLength.seconds).rounded(.down))
        if now < end, mailbox.deposit(&interval) {
            interval.number = next
        }
        intervalEnd = countsFrom + intervalLength * (next + 1)
    }

    // MARK: Sending

    @inline(__always)
    var isDue: Bool {
        guard !free.isEmpty, stoppedAt == nil else { return false }
        if case .some(let arrivals) = arrivals {
            guard let due = arrivals.due else { return false }
            return start + due <= now
        }
        return now < end && now >= start
    }

    private func untilNextSend() -> TimeSpan {
        guard !free.isEmpty, stoppedAt == nil else { return LoadThread.longestWait }
        var next = retryQueue.nextDue ?? .never
        if case .some(let arrivals) = arrivals, let due = arrivals.due, start + due > now {
            next = min(next, start + due)
        }
        // Due and not sent: no labelled series is free for it.
        guard next > now else { return LoadThread.longestWait }
        return min(LoadThread.longestWait, next - now)
    }

    mutating func sendWhatIsDue(_ loop: inout EventLoop) {
        // A plan has no end of requests in a closed loop: behind it retries would wait for ever.
        if arrivals == nil { sendRetries(&loop) }
        sendPlanned(&loop)
        sendRetries(&loop)
    }

    private mutating func sendPlanned(_ loop: inout EventLoop) {
        while !free.isEmpty, stoppedAt == nil {
            var intended = now
            if case .some(let arrivals) = arrivals {
                guard let due = arrivals.due else { return }
                intended = start + due
                if intended > now {
                    now = Clock.now()
                    if intended > now { return }
                }
            } else if now >= end || now < start {
                return
            }
            guard let connection = nextFree() else { return }
            guard write(on: connection) else {
                list(connection)
                return
            }
            arrivals?.advance()
            send(on: connection, intended: intended, &loop)
        }
    }

    mutating func nextFree() -> LoadConnection? {
        while let number = free.removeFirst() {
            let connection = connections[number]
            connection.isListed = false
            if connection.http.state == (plan.keepsAlive ? .idle : .closed) { return connection }
        }
        return nil
    }

    private mutating func send(
        on connection: LoadConnection, intended: Instant, _ loop: inout EventLoop
    ) {
        let counts = intended >= countsFrom
        if counts, arrivals != nil {
            // A request that waited for a connection was kept by the server, not by us.
            recorder.noteLag(Int((now - max(intended, freeSince)).nanoseconds))
        }
        connection.request.intended = intended
        connection.request.counts = counts
        while step + 1 < stepEnds.count, intended >= stepEnds[step] { step += 1 }
        connection.request.step = step
        connection.request.retries = 0
        interval.sent += 1
        if plan.retries > 0 { keepRequest(of: connection) }
        begin(connection, &loop)
    }

    /// Sends the request that stands in the connection's output, when the connection is there.
    mutating func begin(_ connection: LoadConnection, _ loop: inout EventLoop) {
        connection.since = now
        connection.hasRequest = true
        waiting += 1
        if connection.request.counts { recorder.attempts += 1 }
        guard plan.keepsAlive else {
            if connection.http.state == .closed { open(connection, &loop) }
            return
        }
        send(connection, &loop)
    }

    private mutating func write(on connection: LoadConnection) -> Bool {
        let action = drawn ?? traffic.draw()
        drawn = nil
        let address = connection.speaker % routes.count
        connection.request.action = action
        if isHead { connection.http.isHead = action == .request }
        guard action.sendsSamples, !feeds.isEmpty else {
            connection.request.kind = .plain
            traffic.write(
                action, address: address, speaker: connection.speaker, into: &connection.http.output
            )
            return true
        }
        guard let number = freeFeeds.popLast() else {
            drawn = action
            return false
        }
        connection.request.kind = .labelled(series: number)
        traffic.writeLabelled(
            feeds[number].series, feeds[number].next, address: address,
            into: &connection.http.output)
        feeds[number].next += 1
        return true
    }

    /// Puts a connection that can take a request on the list.
    @inline(__always)
    mutating func list(_ connection: LoadConnection) {
        guard !connection.isListed else { return }
        if free.isEmpty { freeSince = now }
        connection.isListed = true
        free.append(connection.index)
    }
}

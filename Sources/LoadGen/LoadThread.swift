internal import Bytes
internal import System
internal import HTTP
internal import Scoring
internal import Signals
internal import Telemetry

/// One thread of the generator: sends what is due, on whichever connection is free.
struct LoadThread: ~Copyable {
    private static let longestWait = TimeSpan.milliseconds(20)
    /// With no connection by then, there is nobody to measure.
    private static let patience = TimeSpan.seconds(2)

    let plan: Plan
    let endpoints: [Endpoint]
    private let mailbox: IntervalMailbox
    private let intervalLength: TimeSpan
    var poller: Poller
    var connections: [ClientConnection] = []
    var free: FreeList
    /// Since when there has been a free connection for what is due.
    var freeSince = Instant.zero
    private var traffic: Traffic
    private var arrivals: Arrivals?
    private var drawn: Action?
    var feeds: [LabelledFeed]
    var freeFeeds: [Int]
    var recorder = Recorder()
    var interval = Interval()
    private var intervalEnd = Instant.zero
    private var start = Instant.zero
    private(set) var countsFrom = Instant.zero
    private(set) var end = Instant.zero
    /// The clock as last read.
    var now = Instant.zero
    var waiting = 0
    var memo = HeadMemo()
    private var alarm = Alarm()
    var hasConnected = false
    var firstAttempt: Instant?
    var nextHousekeeping = Instant.zero
    var nextChecked = 0

    init(_ run: LoadRun, index: Int, series: [LabelledSeries]) throws(SystemError) {
        let plan = run.plan
        let poller = try Poller()
        self.poller = poller
        self.plan = plan
        endpoints = run.endpoints
        mailbox = run.mailboxes[index]
        intervalLength = .seconds(run.intervalSeconds)
        let seed = plan.seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15
        arrivals = plan.curve.map {
            Arrivals($0, plan.spacing, thread: index, of: plan.threads, seed: seed)
        }
        traffic = Traffic(plan, seed: seed ^ 0xFFFF)
        feeds = series.map(LabelledFeed.init)
        freeFeeds = Array(feeds.indices.reversed())
        let extra = index < plan.connections % plan.threads ? 1 : 0
        let count = plan.connections / plan.threads + extra
        free = FreeList(capacity: count)
        connections = (0..<count).map {
            ClientConnection(index: $0, speaker: $0 * plan.threads + index)
        }
    }

    /// Runs the plan from `start`; returns when its time is over and open requests are settled.
    mutating func run(from start: Instant) throws(SystemError) {
        wakeThreadPrecisely()
        self.start = start
        countsFrom = start + .seconds(plan.warmUpSeconds)
        end = countsFrom + .seconds(plan.load.seconds)
        beginIntervals()
        now = Clock.now()
        openConnections()
        let began = now
        let processorBefore = Clock.threadProcessorTime()
        while !isOver() {
            sendWhatIsDue()
            let asked = untilNextSend()
            let count = try poller.wait(alarm.wait(for: asked))
            let before = now
            now = Clock.now()
            alarm.note(asked, took: now - before, isEmpty: count == 0)
            for index in 0..<count {
                handle(poller.event(at: index))
                if isDue { sendWhatIsDue() }
            }
            if now >= nextHousekeeping { keepHouse() }
            if now >= intervalEnd { handOver() }
        }
        finish()
        recorder.elapsedSeconds = (now - began).seconds
        let processor = Clock.threadProcessorTime() - processorBefore
        recorder.processorSeconds = processor.seconds
        recorder.busySeconds = max(0, (processor - alarm.watched).seconds)
    }

    /// All that was planned is settled, or there has been time enough for it: what was due before the
    /// end and found no connection is still sent after it, or a server that stalls would be spared.
    private func isOver() -> Bool {
        if now >= end + .seconds(plan.timeoutSeconds) { return true }
        if !hasConnected, let firstAttempt, now >= firstAttempt + LoadThread.patience {
            return true
        }
        if !feeds.isEmpty, feeds.allSatisfy(\.isDone), waiting == 0 { return true }
        if case .some(let arrivals) = arrivals { return arrivals.due == nil && waiting == 0 }
        return now >= end && waiting == 0
    }

    private mutating func finish() {
        for connection in connections where connection.hasRequest { fail(connection, .timeout) }
        let isOutOfLabelled = !feeds.isEmpty && feeds.allSatisfy(\.isDone)
        if !isOutOfLabelled { recorder.unsent += arrivals?.pass(by: end - start) ?? 0 }
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
    private var isDue: Bool {
        guard !free.isEmpty else { return false }
        if case .some(let arrivals) = arrivals {
            guard let due = arrivals.due else { return false }
            return start + due <= now
        }
        return now < end && now >= start
    }

    private func untilNextSend() -> TimeSpan {
        guard !free.isEmpty, case .some(let arrivals) = arrivals, let due = arrivals.due else {
            return LoadThread.longestWait
        }
        let next = start + due
        // Due and not sent: no labelled series is free for it.
        guard next > now else { return LoadThread.longestWait }
        return min(LoadThread.longestWait, next - now)
    }

    private mutating func sendWhatIsDue() {
        while !free.isEmpty {
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
            guard let connection = takeFree() else { return }
            guard write(on: connection) else {
                list(connection)
                return
            }
            arrivals?.advance()
            send(on: connection, intended: intended)
        }
    }

    private mutating func takeFree() -> ClientConnection? {
        while let number = free.removeFirst() {
            let connection = connections[number]
            connection.isListed = false
            if connection.state == (plan.keepsAlive ? .idle : .closed) { return connection }
        }
        return nil
    }

    private mutating func send(on connection: ClientConnection, intended: Instant) {
        let counts = intended >= countsFrom
        if counts, arrivals != nil {
            // A request that waited for a connection was kept by the server, not by us.
            recorder.noteLag(Int((now - max(intended, freeSince)).nanoseconds))
        }
        connection.intended = intended
        connection.since = now
        connection.counts = counts
        connection.hasRequest = true
        waiting += 1
        interval.sent += 1
        guard plan.keepsAlive else {
            if connection.state == .closed { open(connection) }
            return
        }
        if case .failed = connection.send(poller) { fail(connection, .reset) }
    }

    private mutating func write(on connection: ClientConnection) -> Bool {
        let action = drawn ?? traffic.draw()
        drawn = nil
        let address = connection.speaker % endpoints.count
        let isSample = action == .ingest || action == .batch
        guard isSample, !feeds.isEmpty else {
            connection.kind = .plain
            traffic.write(
                action, address: address, speaker: connection.speaker, into: &connection.output)
            return true
        }
        guard let number = freeFeeds.popLast() else {
            drawn = action
            return false
        }
        connection.kind = .labelled(series: number)
        traffic.writeLabelled(
            feeds[number].series, feeds[number].next, address: address, into: &connection.output)
        feeds[number].next += 1
        return true
    }

    /// Puts a connection that can take a request on the list.
    @inline(__always)
    mutating func list(_ connection: ClientConnection) {
        guard !connection.isListed else { return }
        if free.isEmpty { freeSince = now }
        connection.isListed = true
        free.append(connection.index)
    }
}

internal import Bytes
internal import EventLoop
internal import HTTP
internal import Scoring
internal import Signals
internal import Telemetry

/// What a thread reports while it runs; written by it alone, read by the progress line.
enum Live: Int, CaseIterable {
    case answered, failed, sent
}

/// One thread of the generator: sends what the pacer says is due, on whichever connection is free.
struct LoadThread: ~Copyable {
    /// Before a request is due the thread wakes this much early and spins: the kernel's wake-ups are
    /// no finer.
    private static let spin = TimeSpan.microseconds(50)
    private static let longestWait = TimeSpan.milliseconds(50)
    /// After the end, how long open requests are waited for, at most.
    private static let reconnectPause = TimeSpan.milliseconds(100)

    private let plan: Plan
    private let endpoint: Endpoint
    private let pacer: Pacer?
    private let live: CounterTable
    private var poller: Poller
    private var connections: [ClientConnection] = []
    private var idle: [Int] = []
    private var traffic: Traffic
    private(set) var feeds: [LabelledFeed]
    private var freeFeeds: [Int]
    private(set) var recorder = Recorder()
    private var start = Instant.zero
    private var countsFrom = Instant.zero
    private var end = Instant.zero
    private var issued = 0
    private var waiting = 0
    private var nextHousekeeping = Instant.zero

    init(
        _ plan: Plan, _ endpoint: Endpoint, index: Int, live: CounterTable,
        series: [LabelledSeries]
    ) throws(SystemError) {
        let poller = try Poller()
        self.poller = poller
        self.plan = plan
        self.endpoint = endpoint
        self.live = live
        pacer = plan.rate.map {
            Pacer(rate: $0 / Double(plan.threads), phase: Double(index) / Double(plan.threads))
        }
        traffic = Traffic(plan, seed: plan.seed &+ UInt64(index))
        feeds = series.map(LabelledFeed.init)
        freeFeeds = Array(feeds.indices.reversed())
        let share = plan.connections / plan.threads
        let extra = index < plan.connections % plan.threads ? 1 : 0
        connections = (0..<share + extra).map(ClientConnection.init)
    }

    /// Runs the plan from `start`; returns when its time is over and open requests are settled.
    mutating func run(from start: Instant) throws(SystemError) {
        self.start = start
        countsFrom = start + .seconds(plan.warmUpSeconds)
        end = countsFrom + .seconds(plan.durationSeconds)
        for connection in connections { open(connection) }
        let processorBefore = Clock.threadProcessorTime()
        while true {
            let now = Clock.now()
            if now >= end || isOutOfLabelled() { break }
            sendWhatIsDue()
            let count = try poller.wait(untilNextSend(Clock.now()))
            for index in 0..<count { handle(poller.event(at: index)) }
            keepHouse(Clock.now())
        }
        try settle()
        recorder.processorSeconds = (Clock.threadProcessorTime() - processorBefore).seconds
    }

    /// Waits for the answers that are still to come, up to the request time-out.
    private mutating func settle() throws(SystemError) {
        if let pacer, !isOutOfLabelled() {
            recorder.unsent += max(0, pacer.dueCount(by: end - start) - issued)
        }
        let deadline = Clock.now() + .seconds(plan.timeoutSeconds)
        while waiting > 0, Clock.now() < deadline {
            let count = try poller.wait(LoadThread.longestWait)
            for index in 0..<count { handle(poller.event(at: index)) }
            keepHouse(Clock.now())
        }
        for connection in connections where connection.state == .waiting {
            fail(connection, .timeout)
        }
    }

    private func isOutOfLabelled() -> Bool {
        !feeds.isEmpty && feeds.allSatisfy(\.isDone) && waiting == 0
    }

    // MARK: Sending

    private func untilNextSend(_ now: Instant) -> TimeSpan {
        guard let pacer else { return LoadThread.longestWait }
        guard !idle.isEmpty else { return LoadThread.longestWait }
        let next = start + pacer.due(issued)
        return max(
            TimeSpan(nanoseconds: 0), min(LoadThread.longestWait, next - now - LoadThread.spin))
    }

    private mutating func sendWhatIsDue() {
        while !idle.isEmpty {
            let now = Clock.now()
            var intended = now
            if let pacer {
                intended = start + pacer.due(issued)
                if intended > now { return }
            }
            guard intended < end, let number = takeIdle() else { return }
            guard send(on: connections[number], intended: intended, now: now) else { return }
        }
    }

    private mutating func takeIdle() -> Int? {
        while let number = idle.popLast() {
            if connections[number].state == .idle { return number }
        }
        return nil
    }

    /// - Returns: false when there is nothing to send now.
    private mutating func send(on connection: ClientConnection, intended: Instant, now: Instant)
        -> Bool
    {
        guard write(on: connection) else {
            idle.append(connection.index)
            return false
        }
        // Late is what the generator did late; a request that waited for a connection was the
        // server's doing, and its latency says so.
        let possible = max(intended, connection.freeSince)
        if plan.rate != nil, (now - possible).nanoseconds > Recorder.lateNanoseconds {
            recorder.lateSends += 1
        }
        connection.intended = intended
        connection.sent = now
        connection.counts = intended >= countsFrom
        issued += 1
        waiting += 1
        live.add(1, to: Live.sent.rawValue)
        if !connection.send() { fail(connection, .reset) }
        return true
    }

    private mutating func write(on connection: ClientConnection) -> Bool {
        if traffic.drawsAnalyze() {
            connection.kind = .analyze
            traffic.writeAnalyze(into: &connection.output)
            return true
        }
        guard !feeds.isEmpty else {
            connection.kind = .ingest
            traffic.writeIngest(into: &connection.output)
            return true
        }
        guard let number = freeFeeds.popLast() else { return false }
        connection.kind = .labelled(series: number)
        traffic.writeLabelled(
            feeds[number].series, feeds[number].next, into: &connection.output)
        feeds[number].next += 1
        return true
    }

    // MARK: Answers

    private mutating func handle(_ event: Event) {
        let connection = connections[event.token.index]
        switch connection.state {
        case .closed: break
        case .connecting:
            if connection.finishConnecting(poller) {
                setFree(connection)
            } else {
                recorder.fail(.connect)
                live.add(1, to: Live.failed.rawValue)
                connection.close()
            }
        case .idle, .waiting: read(connection)
        }
    }

    private mutating func read(_ connection: ClientConnection) {
        let wasWaiting = connection.state == .waiting
        let progress = connection.read()
        switch progress {
        case .incomplete: break
        case .answered(let summary): finish(connection, summary)
        case .failed(let failure):
            // A server may close an idle connection; that is no failed request.
            if wasWaiting { fail(connection, failure) } else { reopen(connection) }
        }
        recorder.bytesRead += connection.lastRead
    }

    private mutating func finish(_ connection: ClientConnection, _ summary: ResponseSummary) {
        let now = Clock.now()
        waiting -= 1
        if connection.counts {
            recorder.answered += 1
            recorder.latency.record(Int((now - connection.intended).nanoseconds))
            recorder.serviceTime.record(Int((now - connection.sent).nanoseconds))
        }
        live.add(1, to: Live.answered.rawValue)
        let judgment = connection.finishAnswer { body -> Judgment? in
            guard case .labelled = connection.kind, summary.status == 202 else { return nil }
            return try? VerdictReader.single(body)
        }
        note(summary, judgment, connection)
        if summary.keepAlive { setFree(connection) } else { reopen(connection) }
    }

    private mutating func note(
        _ summary: ResponseSummary, _ judgment: Judgment?, _ connection: ClientConnection
    ) {
        if summary.status >= 400 {
            recorder.fail(summary.status >= 500 ? .status5xx : .status4xx)
            live.add(1, to: Live.failed.rawValue)
        }
        guard case .labelled(let number) = connection.kind else { return }
        if let judgment {
            feeds[number].note(judgment)
        } else if summary.status < 400 {
            recorder.fail(.badAnswer)
        }
        release(number)
    }

    /// A series whose sample was not judged is out of step with its labels: it is not sent on.
    private mutating func release(_ number: Int) {
        let isInStep = feeds[number].judgments.count == feeds[number].next
        if !isInStep { feeds[number].next = feeds[number].series.samples.count }
        if !feeds[number].isDone { freeFeeds.insert(number, at: 0) }
    }

    private mutating func fail(_ connection: ClientConnection, _ failure: Failure) {
        waiting -= 1
        recorder.fail(failure)
        live.add(1, to: Live.failed.rawValue)
        if case .labelled(let number) = connection.kind { release(number) }
        reopen(connection)
    }

    // MARK: Connections

    private mutating func setFree(_ connection: ClientConnection) {
        connection.freeSince = Clock.now()
        idle.append(connection.index)
    }

    private mutating func open(_ connection: ClientConnection) {
        do throws(SystemError) {
            try connection.open(endpoint, poller)
        } catch {
            recorder.fail(.connect)
            live.add(1, to: Live.failed.rawValue)
            connection.close()
        }
    }

    private mutating func reopen(_ connection: ClientConnection) {
        connection.close()
        if Clock.now() < end { open(connection) }
    }

    /// Now and then: gives up on requests that take too long, and opens what could not be opened.
    private mutating func keepHouse(_ now: Instant) {
        guard now >= nextHousekeeping else { return }
        nextHousekeeping = now + LoadThread.reconnectPause
        let timeout = TimeSpan.seconds(plan.timeoutSeconds)
        for connection in connections {
            switch connection.state {
            case .waiting where now - connection.sent > timeout: fail(connection, .timeout)
            case .closed where now < end: open(connection)
            case .waiting, .closed, .connecting, .idle: break
            }
        }
    }
}

internal import Bytes
internal import System
internal import HTTP
internal import Scoring
internal import Signals
internal import Telemetry

/// What comes back: answers, failures, connections made and lost.
extension LoadThread {
    /// Every connection is looked at once in this time.
    private static let roundTime = TimeSpan.milliseconds(100)
    /// Housekeeping is cut into this many parts, so that no part keeps a request waiting.
    private static let partsOfRound = 10

    mutating func handle(_ event: Event) {
        let connection = connections[event.token.index]
        switch connection.state {
        case .closed: break
        case .connecting: finishConnecting(connection)
        case .waiting where connection.isSending && event.isWritable: send(connection)
        case .idle, .waiting: read(connection)
        }
    }

    private mutating func send(_ connection: ClientConnection) {
        if case .failed = connection.send(poller) { fail(connection, .reset) }
    }

    private mutating func read(_ connection: ClientConnection) {
        switch connection.read(&memo) {
        case .incomplete: break
        case .answered(let summary): finish(connection, summary)
        case .failed(let failure):
            // A server may close an idle connection; that is no failed request.
            if connection.hasRequest { fail(connection, failure) } else { reopen(connection) }
        }
        recorder.bytesRead += connection.lastRead
    }

    private mutating func finish(_ connection: ClientConnection, _ summary: ResponseSummary) {
        now = Clock.now()
        waiting -= 1
        record(connection, summary)
        let judgment = connection.finishAnswer { body -> Judgment? in
            guard case .labelled = connection.kind, summary.status == 202 else { return nil }
            return try? VerdictReader.single(body)
        }
        if summary.status >= 400 {
            note(summary.status >= 500 ? .status5xx : .status4xx, connection)
        }
        if case .labelled(let number) = connection.kind {
            if let judgment {
                feeds[number].note(judgment)
            } else if summary.status < 400 {
                note(.badAnswer, connection)
            }
            release(number)
        }
        if summary.keepAlive, plan.keepsAlive { list(connection) } else { reopen(connection) }
    }

    @inline(__always)
    private mutating func record(_ connection: ClientConnection, _ summary: ResponseSummary) {
        let latency = Int((now - connection.intended).nanoseconds)
        if connection.counts {
            recorder.answered += 1
            recorder.requests += 1
            recorder.latency.record(latency)
            recorder.serviceTime.record(Int((now - connection.since).nanoseconds))
            recorder.statuses[summary.status] += 1
            recorder.lastAnswer = now
        }
        interval.answered += 1
        interval.latency.record(latency)
    }

    /// A series whose sample was not judged is out of step with its labels: it is not sent on.
    private mutating func release(_ number: Int) {
        let isInStep = feeds[number].judgments.count == feeds[number].next
        if !isInStep { feeds[number].next = feeds[number].series.samples.count }
        guard !feeds[number].isDone else { return }
        if freeFeeds.isEmpty { freeSince = now }
        freeFeeds.insert(number, at: 0)
    }

    private mutating func note(_ failure: Failure, _ connection: ClientConnection) {
        if connection.counts { recorder.fail(failure) }
        interval.failed += 1
    }

    /// The request on this connection failed.
    mutating func fail(_ connection: ClientConnection, _ failure: Failure) {
        waiting -= 1
        note(failure, connection)
        if connection.counts {
            recorder.requests += 1
            if failure == .timeout {
                recorder.latency.record(Int((now - connection.intended).nanoseconds))
                recorder.serviceTime.record(Int((now - connection.since).nanoseconds))
            }
        }
        if case .labelled(let number) = connection.kind { release(number) }
        reopen(connection)
    }

    // MARK: Connections

    mutating func openConnections() {
        for connection in connections {
            if plan.connectionsPerSecond > 0 {
                connection.opensAt =
                    now + .seconds(Double(connection.speaker) / plan.connectionsPerSecond)
            }
            if connection.opensAt <= now { prepare(connection) }
        }
    }

    /// Makes a closed connection ready: with keep-alive it is opened, without only its request opens
    /// it.
    private mutating func prepare(_ connection: ClientConnection) {
        if plan.keepsAlive { open(connection) } else { list(connection) }
    }

    private mutating func finishConnecting(_ connection: ClientConnection) {
        let code = connection.finishConnecting(poller)
        guard code == 0 else {
            failToConnect(connection, code)
            return
        }
        hasConnected = true
        if connection.hasRequest { send(connection) } else { list(connection) }
    }

    private mutating func failToConnect(_ connection: ClientConnection, _ code: Int32) {
        if code > 0 { recorder.connectError = code }
        guard !connection.hasRequest else {
            fail(connection, .connect)
            return
        }
        if now >= countsFrom { recorder.fail(.connect) }
        interval.failed += 1
        connection.close()
    }

    mutating func open(_ connection: ClientConnection) {
        connection.since = now
        firstAttempt = firstAttempt ?? now
        do throws(SystemError) {
            try connection.open(endpoints[connection.speaker % endpoints.count], poller)
        } catch {
            failToConnect(connection, error.code)
        }
    }

    private mutating func reopen(_ connection: ClientConnection) {
        let hadConnected = connection.state != .connecting
        connection.close()
        // A refused connection is tried again in the next round, not at once.
        if now < end + .seconds(plan.timeoutSeconds), hadConnected { prepare(connection) }
    }

    /// Now and then: gives up on requests that take too long, and opens what could not be opened.
    mutating func keepHouse() {
        nextHousekeeping =
            now
            + TimeSpan(
                nanoseconds: LoadThread.roundTime.nanoseconds / Int64(LoadThread.partsOfRound))
        let timeout = TimeSpan.seconds(plan.timeoutSeconds)
        let part = (connections.count + LoadThread.partsOfRound - 1) / LoadThread.partsOfRound
        for _ in 0..<part {
            let connection = connections[nextChecked]
            nextChecked = nextChecked + 1 == connections.count ? 0 : nextChecked + 1
            switch connection.state {
            case .waiting where now - connection.since > timeout: fail(connection, .timeout)
            case .connecting where now - connection.since > timeout:
                failToConnect(connection, 0)
            case .closed where now < end && connection.opensAt <= now && !connection.isListed:
                prepare(connection)
            case .waiting, .closed, .connecting, .idle: break
            }
        }
    }
}

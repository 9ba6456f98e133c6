internal import Bytes
internal import HTTP
internal import HTTPClient
internal import Scoring
internal import Signals
internal import System
internal import Telemetry

/// What comes back: responses and failures.
extension LoadThread {
    mutating func handle(_ event: Event, _ loop: inout EventLoop) {
        let connection = connections[event.token.index]
        switch connection.http.handle(event, loop.poller, memo: &memo) {
        case .pending: break
        case .connected: beginUse(of: connection, &loop)
        case .notConnected(let failure): failToConnect(connection, failure, on: &loop)
        case .response(let summary): finish(connection, summary, on: &loop)
        case .failed(let failure):
            if connection.hasRequest {
                fail(connection, failure == .reset ? .reset : .badAnswer, on: &loop)
            } else {
                reopen(connection, &loop)
            }
        // A server may close an idle connection; that is no failed request.
        case .closedWhileIdle: reopen(connection, &loop)
        }
        if isDue { sendWhatIsDue(&loop) }
    }

    /// Sends the request that stands in the connection's output.
    mutating func send(_ connection: LoadConnection, _ loop: inout EventLoop) {
        guard connection.http.send(loop.poller) == nil else {
            fail(connection, .reset, on: &loop)
            return
        }
        watchTime(of: connection, &loop)
    }

    private mutating func finish(
        _ connection: LoadConnection, _ summary: ResponseSummary, on loop: inout EventLoop
    ) {
        now = Clock.now()
        waiting -= 1
        connection.hasRequest = false
        record(connection, summary)
        let judgment = connection.http.finishResponse { body -> Judgment? in
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
        if summary.keepAlive, plan.keepsAlive {
            list(connection)
        } else {
            reopen(connection, &loop)
        }
    }

    @inline(__always)
    private mutating func record(_ connection: LoadConnection, _ summary: ResponseSummary) {
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

    /// A series whose sample got no verdict is out of step with its labels: it is not sent on.
    private mutating func release(_ number: Int) {
        let isInStep = feeds[number].judgments.count == feeds[number].next
        if !isInStep { feeds[number].next = feeds[number].series.samples.count }
        guard !feeds[number].isDone else { return }
        if freeFeeds.isEmpty { freeSince = now }
        freeFeeds.insert(number, at: 0)
    }

    private mutating func note(_ failure: Failure, _ connection: LoadConnection) {
        if connection.counts { recorder.fail(failure) }
        interval.failed += 1
    }

    /// The request on this connection failed.
    mutating func fail(
        _ connection: LoadConnection, _ failure: Failure, on loop: inout EventLoop
    ) {
        waiting -= 1
        connection.hasRequest = false
        note(failure, connection)
        if connection.counts {
            recorder.requests += 1
            if failure == .timeout {
                recorder.latency.record(Int((now - connection.intended).nanoseconds))
                recorder.serviceTime.record(Int((now - connection.since).nanoseconds))
            }
        }
        if case .labelled(let number) = connection.kind { release(number) }
        reopen(connection, &loop)
    }
}

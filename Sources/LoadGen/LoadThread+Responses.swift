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
        if summary.status == 503, !expected[503],
            putAside(connection, .unavailable, retryAfterSeconds: summary.retryAfterSeconds)
        {
            connection.http.finishResponse { _ in }
        } else {
            settle(connection, summary)
        }
        if summary.keepAlive, plan.keepsAlive {
            list(connection)
        } else {
            reopen(connection, &loop)
        }
    }

    /// The request on this connection has its final answer.
    @inline(__always)
    private mutating func settle(_ connection: LoadConnection, _ summary: ResponseSummary) {
        waiting -= 1
        connection.hasRequest = false
        dropRequest(of: connection)
        guard case .labelled(let number) = connection.request.kind else {
            let isUnderstood = readAnswer(connection, status: summary.status)
            record(
                connection, failure: failure(of: summary, isUnderstood: isUnderstood),
                status: summary.status)
            return
        }
        var isRepeat = false
        let judgment = connection.http.finishResponse { body -> Judgment? in
            // The note of a repeated request holds no verdict.
            isRepeat = (200..<300).contains(summary.status) && verdictMark.isRepeat(body)
            return isRepeat || summary.status != 202 ? nil : try? VerdictReader.single(body)
        }
        if isRepeat, connection.request.counts { recorder.duplicates += 1 }
        record(
            connection, failure: failure(of: summary, isUnderstood: judgment != nil || isRepeat),
            status: summary.status)
        if let judgment { feeds[number].note(judgment) }
        release(number)
    }

    /// Whether an answer to samples of the service's own kind says what became of them.
    @inline(__always)
    private mutating func readAnswer(_ connection: LoadConnection, status: Int) -> Bool {
        let action = connection.request.action
        let isRead = expectsVerdicts && action.sendsSamples
        let isSearched = plan.usesKeys && (200..<300).contains(status)
        var isRepeat = false
        let isUnderstood = connection.http.finishResponse { body in
            if isSearched { isRepeat = verdictMark.isRepeat(body) }
            guard isRead else { return true }
            return action == .batch ? batchMark.isIn(body) : verdictMark.isIn(body)
        }
        if isRepeat, connection.request.counts { recorder.duplicates += 1 }
        return isUnderstood
    }

    /// What is wrong with an answer; nil for a good one.
    @inline(__always)
    private func failure(of summary: ResponseSummary, isUnderstood: Bool) -> Failure? {
        if expected[summary.status] { return isUnderstood ? nil : .badAnswer }
        switch summary.status {
        case 300..<400: return .status3xx
        case 400..<500: return .status4xx
        case 500...: return .status5xx
        default: return .unexpectedStatus
        }
    }

    @inline(__always)
    private mutating func record(
        _ connection: LoadConnection, failure: Failure?, status: Int
    ) {
        let latency = Int((now - connection.request.intended).nanoseconds)
        if connection.request.counts {
            recorder.noteAnswer(
                connection.request.action, step: connection.request.step, status: status,
                failure: failure,
                latency: latency, serviceTime: Int((now - connection.since).nanoseconds))
            recorder.noteRetried(connection.request.retries, isGood: failure == nil)
            recorder.lastAnswer = now
        }
        interval.answered += 1
        interval.ended += 1
        if failure != nil { interval.failed += 1 }
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

    /// The attempt on this connection failed, and the request with it unless it is sent again.
    mutating func fail(
        _ connection: LoadConnection, _ failure: Failure, on loop: inout EventLoop
    ) {
        if let cause = RetryCause(failure), putAside(connection, cause) {
            reopen(connection, &loop)
            return
        }
        waiting -= 1
        connection.hasRequest = false
        dropRequest(of: connection)
        interval.ended += 1
        interval.failed += 1
        if connection.request.counts {
            // A request that was waited for in vain took at least that long; one that was cut off
            // says nothing of the server's speed.
            var latency: Int?
            if failure == .timeout {
                latency = Int((now - connection.request.intended).nanoseconds)
                recorder.serviceTime.record(Int((now - connection.since).nanoseconds))
            }
            recorder.noteRetried(connection.request.retries, isGood: false)
            recorder.noteEnd(
                connection.request.action, step: connection.request.step, failure: failure,
                latency: latency)
        }
        if case .labelled(let number) = connection.request.kind { release(number) }
        reopen(connection, &loop)
    }
}

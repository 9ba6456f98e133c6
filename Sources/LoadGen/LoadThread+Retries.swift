internal import Bytes
internal import HTTPClient
internal import Numerics
internal import System

/// Requests that are sent again, with the same key and the same body.
///
/// They wait beside the plan, not in it: what is due goes out first, and a retry takes a connection
/// that is free after that.
extension LoadThread {
    /// Keeps a copy of the request that stands in the connection's output.
    mutating func keepRequest(of connection: LoadConnection) {
        let held = spareRequests.popLast() ?? HeldRequest()
        held.bytes.removeAll()
        held.bytes.append(connection.http.output.readable)
        held.address = connection.speaker % routes.count
        connection.held = held
    }

    /// The connection's request has come to its end: its copy is of no more use.
    @inline(__always)
    mutating func dropRequest(of connection: LoadConnection) {
        guard let held = connection.held else { return }
        connection.held = nil
        spareRequests.append(held)
    }

    /// Puts the request of a connection aside until its retry is due; the connection is free of it.
    /// - Returns: false when it is not sent again, because it has no retry left, the run ends or
    ///   too many wait: then it has failed.
    mutating func putAside(
        _ connection: LoadConnection, _ cause: RetryCause, retryAfterSeconds: Int? = nil
    ) -> Bool {
        guard let held = connection.held, !isSettling, stoppedAt == nil,
            connection.request.retries < plan.retries
        else { return false }
        held.state = connection.request
        held.state.retries += 1
        held.cause = cause
        let pause = RetryPause.before(
            retry: held.state.retries, retryAfterSeconds: retryAfterSeconds,
            chance: chances.unit())
        guard retryQueue.add(held, at: now + pause) else { return false }
        connection.held = nil
        connection.hasRequest = false
        waiting -= 1
        return true
    }

    /// Sends the retries that are due, as far as there are free connections. Any connection will
    /// do: a replica knows the keys of all.
    mutating func sendRetries(_ loop: inout EventLoop) {
        while stoppedAt == nil, let due = retryQueue.nextDue, due <= now,
            let connection = nextFree(), let held = retryQueue.removeFirst()
        {
            traffic.write(
                again: held.bytes.readable, for: held.address,
                to: connection.speaker % routes.count, into: &connection.http.output)
            connection.held = held
            connection.request = held.state
            if isHead { connection.http.isHead = held.state.action == .request }
            interval.retries += 1
            if held.state.counts { recorder.retries[held.cause.rawValue] += 1 }
            begin(connection, &loop)
        }
    }

    /// The run is over: what still waits for a retry has failed by what it was to be sent again
    /// for. Of a run that was stopped nobody knows what would have become of it.
    mutating func settleRetries() {
        while let held = retryQueue.removeFirst() {
            guard stoppedAt == nil else {
                if held.state.counts { recorder.cut += 1 }
                continue
            }
            interval.ended += 1
            interval.failed += 1
            guard held.state.counts else { continue }
            var latency: Int?
            switch held.cause {
            case .unavailable, .timeout:
                latency = Int((now - held.state.intended).nanoseconds)
            case .reset, .connect: break
            }
            // The last one was not sent.
            recorder.noteRetried(held.state.retries - 1, isGood: false)
            recorder.noteEnd(
                held.state.action, step: held.state.step, failure: held.cause.failure,
                latency: latency)
        }
    }
}

internal import Bytes
internal import HTTPClient
internal import System

/// Connections: made, lost, given up and tried again.
extension LoadThread {
    /// A connection that could not be made is tried again after this, not at once.
    private static let retryPause = TimeSpan.milliseconds(100)

    mutating func openConnections(_ loop: inout EventLoop) {
        for connection in connections {
            if plan.connectionsPerSecond > 0 {
                connection.opensAt =
                    now + .seconds(Double(connection.speaker) / plan.connectionsPerSecond)
            }
            prepareInTime(connection, &loop)
        }
    }

    /// Makes a closed connection ready as soon as it may be opened.
    private mutating func prepareInTime(_ connection: LoadConnection, _ loop: inout EventLoop) {
        if connection.opensAt > now {
            schedule(connection, at: connection.opensAt, &loop)
        } else if plan.keepsAlive {
            open(connection, &loop)
        } else {
            // Without keep-alive only its request opens it.
            list(connection)
        }
    }

    mutating func open(_ connection: LoadConnection, _ loop: inout EventLoop) {
        connection.since = now
        firstAttempt = firstAttempt ?? now
        let endpoint = endpoints[connection.speaker % endpoints.count]
        if let failure = connection.http.open(endpoint, loop.poller) {
            failToConnect(connection, failure, on: &loop)
        } else {
            watchTime(of: connection, &loop)
        }
    }

    /// The connection is there.
    mutating func beginUse(of connection: LoadConnection, _ loop: inout EventLoop) {
        hasConnected = true
        if connection.hasRequest { send(connection, &loop) } else { list(connection) }
    }

    mutating func failToConnect(
        _ connection: LoadConnection, _ failure: ConnectFailure, on loop: inout EventLoop
    ) {
        recorder.connectFailures[failure.rawValue] += 1
        connection.opensAt = now + LoadThread.retryPause
        guard !connection.hasRequest else {
            fail(connection, .connect, on: &loop)
            return
        }
        if now >= countsFrom { recorder.fail(.connect) }
        interval.failed += 1
        reopen(connection, &loop)
    }

    mutating func reopen(_ connection: LoadConnection, _ loop: inout EventLoop) {
        connection.http.close()
        if now < end + .seconds(plan.timeoutSeconds) { prepareInTime(connection, &loop) }
    }

    // MARK: Time

    /// Has the connection looked at when its request, or its opening, has taken too long.
    @inline(__always)
    func watchTime(of connection: LoadConnection, _ loop: inout EventLoop) {
        let deadline = connection.since + timeout
        if deadline < connection.lookAt { schedule(connection, at: deadline, &loop) }
    }

    private func schedule(
        _ connection: LoadConnection, at deadline: Instant, _ loop: inout EventLoop
    ) {
        let token = Token(
            kind: LoadConnection.tokenKind, generation: 0, index: connection.index)
        connection.lookAt = loop.timers.schedule(token, at: deadline)
    }

    /// Gives up on what takes too long, and opens what may be opened by now.
    mutating func timeOut(_ token: Token, _ loop: inout EventLoop) {
        let connection = connections[token.index]
        // Another look is scheduled later: this one was for a deadline that has moved.
        guard connection.lookAt <= now else { return }
        connection.lookAt = .never
        switch connection.http.state {
        case .idle: break
        case .closed: if now < end, !connection.isListed { prepareInTime(connection, &loop) }
        case .connecting, .busy:
            if connection.since + timeout > now {
                watchTime(of: connection, &loop)
            } else if connection.http.state == .busy {
                fail(connection, .timeout, on: &loop)
            } else {
                failToConnect(connection, .timeout, on: &loop)
            }
        }
    }
}

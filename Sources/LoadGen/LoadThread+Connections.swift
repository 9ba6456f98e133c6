internal import Bytes
internal import HTTPClient
internal import System
internal import TLS

/// Connections: made, lost, given up and tried again.
extension LoadThread {
    /// A connection that could not be made is tried again after this, not at once.
    private static let reopeningPause = TimeSpan.milliseconds(100)

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
        recorder.connectionsTried += 1
        let route = routes[connection.speaker % routes.count]
        let endpoint = route.endpoints[connection.route % route.endpoints.count]
        if let failure = connection.http.open(endpoint, loop.poller, security: route.security) {
            failToConnect(connection, failure, on: &loop)
        } else {
            watchTime(of: connection, &loop)
        }
    }

    /// The connection is there.
    mutating func beginUse(of connection: LoadConnection, _ loop: inout EventLoop) {
        hasConnected = true
        recorder.connectionsMade += 1
        connection.failedRoutes = 0
        if connection.hasRequest { send(connection, &loop) } else { list(connection) }
    }

    /// Tries the next of the host's addresses; when all have failed, a request that waits for the
    /// connection has, and it is made again after a pause.
    mutating func failToConnect(
        _ connection: LoadConnection, _ failure: ConnectFailure, on loop: inout EventLoop
    ) {
        recorder.connectFailures[failure.rawValue] += 1
        interval.connectFailures += 1
        if failure == .tls { recorder.tlsError = connection.http.tlsError?.description }
        connection.route += 1
        connection.failedRoutes += 1
        if connection.failedRoutes < routes[connection.speaker % routes.count].endpoints.count {
            connection.http.reset()
            open(connection, &loop)
            return
        }
        connection.failedRoutes = 0
        connection.opensAt = now + LoadThread.reopeningPause
        if connection.hasRequest {
            fail(connection, .connect, on: &loop)
        } else {
            reopen(connection, &loop)
        }
    }

    mutating func reopen(_ connection: LoadConnection, _ loop: inout EventLoop) {
        connection.http.close()
        if now < end + settling, stoppedAt == nil { prepareInTime(connection, &loop) }
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
        case .closed:
            // Behind the plan's end only a retry needs a new connection.
            let lastOpening = plan.retries > 0 ? end + settling : end
            if now < lastOpening, !connection.isListed { prepareInTime(connection, &loop) }
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

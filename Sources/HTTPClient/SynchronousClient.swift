package import Bytes
internal import HTTP
internal import System
internal import TLS

/// A whole response.
package struct Response {
    package let status: Int
    /// What Retry-After says, where it does.
    package let retryAfterSeconds: Int?
    package let body: [UInt8]
}

/// Why a request has no response.
package struct RequestError: Error, Equatable, CustomStringConvertible {
    package enum Outcome: Equatable, Sendable {
        /// No byte of it went out: it may be sent again.
        case notSent
        /// All or a part of it went out: the server may have acted on it or not.
        case unknown
    }

    package let outcome: Outcome
    /// The reason, for people.
    package let description: String

    package init(outcome: Outcome, description: String) {
        self.outcome = outcome
        self.description = description
    }
}

/// Sends one request after the other to a server and waits for each response; on one connection,
/// which is opened again when it has to be. A request is sent once.
package struct SynchronousClient: ~Copyable {
    private static let tokenKind: UInt8 = 1

    private let endpoints: [SocketAddress]
    private let timeout: TimeSpan
    private let security: HTTPConnection.Security?
    private var poller: Poller
    private var connection: HTTPConnection
    private var memo = HeadMemo()

    /// - Parameters:
    ///   - timeout: for a request, from the connection's opening to the response's end.
    ///   - requestLimit, bodyLimit: the largest request, and body of a response, in bytes.
    package init(
        host: String, port: UInt16, security: HTTPConnection.Security? = nil, timeout: TimeSpan,
        requestLimit: Int, bodyLimit: Int
    ) throws(RequestError) {
        let endpoints = try SynchronousClient.resolve(host, port)
        let poller = try SynchronousClient.makePoller()
        self.endpoints = endpoints
        self.poller = poller
        self.timeout = timeout
        self.security = security
        connection = HTTPConnection(
            tokenKind: SynchronousClient.tokenKind, index: 0, requestLimit: requestLimit,
            bodyLimit: bodyLimit)
    }

    private static func resolve(_ host: String, _ port: UInt16) throws(RequestError)
        -> [SocketAddress]
    {
        do throws(ResolveError) {
            return try SocketAddress.resolveAll(host: host, port: port)
        } catch {
            throw RequestError(outcome: .notSent, description: error.description)
        }
    }

    private static func makePoller() throws(RequestError) -> Poller {
        do throws(SystemError) { return try Poller() } catch {
            throw RequestError(outcome: .notSent, description: error.description)
        }
    }

    /// Sends a request, head and body, and waits for its response.
    package mutating func exchange(_ request: borrowing ByteBuffer) throws(RequestError) -> Response
    {
        let deadline = Clock.now() + timeout
        try noticeClosing()
        if connection.state != .idle { try connect(deadline) }
        guard connection.output.append(request.readable) else {
            throw RequestError(outcome: .notSent, description: "the request is too large")
        }
        do throws(RequestError) {
            return try awaitResponse(deadline)
        } catch {
            // Whatever comes on this connection later belongs to the request that was given up.
            connection.close()
            throw error
        }
    }

    /// A server closes what was idle for too long: that is seen before a request goes out, not
    /// after.
    private mutating func noticeClosing() throws(RequestError) {
        guard connection.state == .idle else { return }
        if try step(until: Clock.now()) ?? .pending != .pending { connection.close() }
    }

    private mutating func connect(_ deadline: Instant) throws(RequestError) {
        var last = "no address"
        for endpoint in endpoints {
            connection.close()
            if let failure = connection.open(endpoint, poller, security: security) {
                last = connection.tlsError?.description ?? failure.description
                continue
            }
            switch try step(until: deadline) {
            case .connected: return
            case .notConnected(let failure):
                last = connection.tlsError?.description ?? failure.description
            case nil, .pending, .response, .failed, .closedWhileIdle:
                connection.close()
                throw RequestError(outcome: .notSent, description: "no connection in time")
            }
        }
        throw RequestError(outcome: .notSent, description: last)
    }

    private mutating func awaitResponse(_ deadline: Instant) throws(RequestError) -> Response {
        if let failure = connection.send(poller) {
            throw RequestError(outcome: .unknown, description: failure.description)
        }
        switch try step(until: deadline) {
        case .response(let summary):
            let body = connection.finishResponse { body in body.indices.map { body[$0] } }
            if !summary.keepAlive { connection.close() }
            return Response(
                status: summary.status, retryAfterSeconds: summary.retryAfterSeconds, body: body)
        case .failed(let failure):
            throw RequestError(outcome: .unknown, description: failure.description)
        case nil, .pending, .connected, .notConnected, .closedWhileIdle:
            throw RequestError(
                outcome: .unknown, description: "no whole response within \(timeout.seconds) s")
        }
    }

    /// Serves events until one says something; nil when the deadline is over before.
    private mutating func step(until deadline: Instant) throws(RequestError)
        -> HTTPConnection.Step?
    {
        while true {
            let left = max(TimeSpan(nanoseconds: 0), deadline - Clock.now())
            let count: Int
            do throws(SystemError) { count = try poller.wait(left) } catch {
                throw RequestError(outcome: .unknown, description: error.description)
            }
            for index in 0..<count {
                let step = connection.handle(poller.event(at: index), poller, memo: &memo)
                if step != .pending { return step }
            }
            if deadline <= Clock.now() { return nil }
        }
    }
}

package import Bytes
package import HTTP
package import System
package import TLS

/// One HTTP/1.1 connection of a client: a request goes out, its response comes in, then the next
/// one.
///
/// It never waits: whoever owns it watches events, on a loop (`EventHandler`) or one by one
/// (`SynchronousClient`), and keeps the time.
package struct HTTPConnection: ~Copyable {
    /// The TLS of a connection.
    package struct Security: Sendable {
        package let context: TLSContext
        /// The host as the certificate and SNI name it.
        package let serverName: String

        package init(_ context: TLSContext, serverName: String) {
            self.context = context
            self.serverName = serverName
        }
    }

    package enum State {
        case closed
        case connecting
        /// Ready for a request.
        case idle
        /// A request is on its way, or its response is.
        case busy
    }

    /// What an event led to.
    package enum Step: Equatable {
        /// Nothing to tell yet.
        case pending
        case connected
        case notConnected(ConnectFailure)
        /// The response is whole: `finishResponse` gives its body and makes the connection idle.
        case response(ResponseSummary)
        case failed(ExchangeFailure)
        /// The server has closed a connection that no request was on.
        case closedWhileIdle
    }

    package private(set) var state = State.closed
    /// The next request, written here; `send` sends it.
    package var output: ByteBuffer
    private let bodyLimit: Int
    private let tokenKind: UInt8
    private let index: Int
    /// Counts openings, so that an event of an earlier socket is told apart.
    private var generation: UInt32 = 0
    private var descriptor: FileDescriptor?
    /// Nil on a plain connection.
    private var channel: SecureChannel?
    private var isSocketConnected = false
    private var isWatchedForWriting = false
    private var reader: ResponseReader
    /// Why TLS came to nothing, the last time it did.
    package private(set) var tlsError: TLSError?

    /// - Parameters:
    ///   - tokenKind, index: what the connection's events are told by.
    ///   - requestLimit, bodyLimit: bytes of the largest request, and of the largest
    ///     response body.
    package init(tokenKind: UInt8, index: Int, requestLimit: Int, bodyLimit: Int) {
        self.tokenKind = tokenKind
        self.index = index
        self.bodyLimit = bodyLimit
        output = ByteBuffer(limit: requestLimit)
        reader = ResponseReader(bodyLimit: bodyLimit)
    }

    private var token: Token { Token(kind: tokenKind, generation: generation, index: index) }

    /// Whether the request has not been handed to the kernel whole.
    package var isSending: Bool {
        if !output.isEmpty { return true }
        switch channel {
        case .some(let open): return open.isBlocked
        case .none: return false
        }
    }

    /// Whether the request under way is a HEAD.
    package var isHead: Bool {
        get { reader.answersHead }
        set { reader.answersHead = newValue }
    }

    /// Begins a connection; `handle` tells what came of it.
    /// - Parameter security: the TLS of an https connection and the host's name in it; nil for
    ///   http.
    package mutating func open(
        _ endpoint: SocketAddress, _ poller: borrowing Poller, security: Security? = nil
    ) -> ConnectFailure? {
        generation &+= 1
        channel = nil
        isSocketConnected = false
        if let security {
            do throws(TLSError) {
                channel = try SecureChannel(security.context, serverName: security.serverName)
            } catch {
                tlsError = error
                return .tls
            }
        }
        do throws(SystemError) {
            let fresh = try Sockets.connect(to: endpoint)
            try poller.add(fresh.number, .write, token: token)
            descriptor = consume fresh
        } catch {
            return ConnectFailure(code: error.code)
        }
        state = .connecting
        isWatchedForWriting = true
        reader = ResponseReader(bodyLimit: bodyLimit)
        return nil
    }

    /// Closes the connection and forgets what was to be sent.
    package mutating func close() {
        reset()
        output.removeAll()
    }

    /// Closes the connection and keeps what is to be sent, for another address.
    package mutating func reset() {
        descriptor = nil
        channel = nil
        state = .closed
    }

    /// Sends what stands in `output`. Small requests go whole into a socket that was idle; the rest
    /// goes when `handle` is told that there is room.
    package mutating func send(_ poller: borrowing Poller) -> ExchangeFailure? {
        precondition(state == .idle || state == .busy, "a request needs a connection")
        state = .busy
        while isSending {
            switch transmit() {
            case .moved: continue
            case .wouldBlock: return watch(forWriting: true, poller) ? nil : .reset
            case .ended, .failed: return .reset
            }
        }
        return watch(forWriting: false, poller) ? nil : .reset
    }

    private mutating func transmit() -> Transfer {
        switch descriptor {
        case .some(let open):
            return channel?.send(from: &output, to: open) ?? open.send(from: &output)
        case .none: return .ended
        }
    }

    /// Serves an event. What is told ends the event: a failure leaves it to the owner to close.
    package mutating func handle(
        _ event: Event, _ poller: borrowing Poller, memo: inout HeadMemo
    ) -> Step {
        guard event.token == token else { return .pending }
        switch state {
        case .closed: return .pending
        case .connecting: return finishConnecting(poller)
        case .busy where isSending && event.isWritable && !event.isReadable:
            return send(poller).map(Step.failed) ?? .pending
        case .idle, .busy: return read(&memo)
        }
    }

    private mutating func finishConnecting(_ poller: borrowing Poller) -> Step {
        if !isSocketConnected {
            let code =
                switch descriptor {
                case .some(let open): Sockets.pendingError(open)
                case .none: Int32(-1)
                }
            guard code == 0 else { return .notConnected(ConnectFailure(code: code)) }
            isSocketConnected = true
        }
        let outcome = secure()
        if case .failed = outcome {
            tlsError = channel?.failure
            return .notConnected(tlsError == nil ? .reset : .tls)
        }
        let isBlocked = channel?.isBlocked ?? false
        guard watch(forWriting: isBlocked, poller) else { return .notConnected(.other) }
        guard case .moved = outcome else { return .pending }
        state = .idle
        return .connected
    }

    /// Goes on with the TLS handshake, where there is one.
    private mutating func secure() -> Transfer {
        switch descriptor {
        case .some(let open):
            return reader.shakeHands(open, through: &channel)
        case .none: return .ended
        }
    }

    private mutating func watch(forWriting: Bool, _ poller: borrowing Poller) -> Bool {
        guard isWatchedForWriting != forWriting else { return true }
        guard let number = descriptor?.number else { return false }
        let interest = Interest(reads: true, writes: forWriting)
        do throws(SystemError) { try poller.modify(number, interest, token: token) } catch {
            return false
        }
        isWatchedForWriting = forWriting
        return true
    }

    private mutating func read(_ memo: inout HeadMemo) -> Step {
        let outcome: Transfer
        switch descriptor {
        case .some(let open):
            outcome = reader.receive(from: open, through: &channel)
        case .none: return .failed(.reset)
        }
        guard state == .busy else {
            // A TLS server sends tickets whenever it likes.
            if outcome == .wouldBlock || outcome == .moved(0) { return .pending }
            if case .moved = outcome { return .failed(.malformed) }
            return .closedWhileIdle
        }
        let progress: ResponseReader.Progress =
            switch outcome {
            case .moved: parse(&memo)
            case .wouldBlock: .incomplete
            case .ended: reader.end()
            case .failed: .failed(.reset)
            }
        switch progress {
        case .incomplete: return .pending
        case .complete(let summary): return .response(summary)
        case .failed(let failure): return .failed(failure)
        }
    }

    private mutating func parse(_ memo: inout HeadMemo) -> ResponseReader.Progress {
        let progress = reader.parse(&memo)
        // Over TLS the end may come with the last bytes.
        let isFinished = channel?.isFinished ?? false
        if progress == .incomplete, isFinished { return reader.end() }
        return progress
    }

    /// Runs `body` on the complete response's body; then the connection is idle.
    package mutating func finishResponse<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        state = .idle
        return reader.finish(body)
    }
}

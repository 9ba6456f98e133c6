internal import Bytes
internal import EventLoop
internal import HTTP

/// One keep-alive connection of the generator: at most one request is under way on it.
final class ClientConnection {
    enum State {
        case closed
        case connecting
        case idle
        case waiting
    }

    let index: Int
    private(set) var state = State.closed
    var kind = RequestKind.ingest
    var intended = Instant.zero
    var sent = Instant.zero
    /// Since when the connection has had nothing to do.
    var freeSince = Instant.zero
    /// Whether the request counts: those of the warm-up do not.
    var counts = true
    private(set) var lastRead = 0
    private var descriptor: FileDescriptor?
    var output = ByteBuffer(limit: 64 * 1024)
    private var reader = AnswerReader()

    init(index: Int) { self.index = index }

    private var token: Token { Token(kind: 0, generation: 0, index: index) }

    func open(_ endpoint: Endpoint, _ poller: borrowing Poller) throws(SystemError) {
        let fresh = try Sockets.connect(to: endpoint)
        try poller.add(fresh.number, [.write], token)
        descriptor = consume fresh
        state = .connecting
        output.removeAll()
        reader = AnswerReader()
    }

    func close() {
        descriptor = nil
        state = .closed
    }

    /// The connection begun by `open` is there, or is not.
    func finishConnecting(_ poller: borrowing Poller) -> Bool {
        guard let result = pendingError(), result == 0, let number = descriptor?.number,
            (try? poller.modify(number, .read, token)) != nil
        else { return false }
        state = .idle
        return true
    }

    private func pendingError() -> Int32? {
        switch descriptor {
        case .some(let open): Sockets.pendingError(open)
        case .none: nil
        }
    }

    /// Sends the request that stands in `output`. Requests are small: a socket that was idle takes them
    /// whole.
    func send() -> Bool {
        state = .waiting
        while !output.isEmpty {
            guard case .moved? = descriptor?.send(from: &output) else { return false }
        }
        return true
    }

    func read() -> AnswerReader.Progress {
        lastRead = 0
        let outcome: Transfer
        switch descriptor {
        case .some(let open): outcome = reader.receive(from: open)
        case .none: return .failed(.reset)
        }
        switch outcome {
        case .moved(let count): lastRead = count
        case .wouldBlock: return .incomplete
        case .ended, .failed: return .failed(.reset)
        }
        guard case .waiting = state else { return .failed(.badAnswer) }
        return reader.parse()
    }

    /// Runs `body` on the complete answer's body, then is free for the next request.
    func finishAnswer<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        state = .idle
        return reader.finish(body)
    }
}

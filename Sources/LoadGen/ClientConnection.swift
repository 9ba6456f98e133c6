internal import Bytes
internal import System
internal import HTTP

/// One connection of the generator: at most one request is under way on it.
final class ClientConnection {
    enum State {
        case closed
        case connecting
        case idle
        case waiting
    }

    /// What sending came to.
    enum Sending {
        case done
        /// The socket takes no more for now; `resume` goes on.
        case blocked
        case failed
    }

    let index: Int
    /// Its number among the connections of all threads.
    let speaker: Int
    private(set) var state = State.closed
    var kind = RequestKind.plain
    /// Whether a request is under way, be the connection there yet or not.
    var hasRequest = false
    /// Whether it stands in the list of free connections.
    var isListed = false
    /// Before this it is not opened.
    var opensAt = Instant.zero
    var intended = Instant.zero
    /// When its request was sent, or its opening began.
    var since = Instant.zero
    /// Whether the request counts: those of the warm-up do not.
    var counts = true
    private(set) var lastRead = 0
    private var descriptor: FileDescriptor?
    private var isWatchedForWriting = false
    var output = ByteBuffer(limit: Traffic.requestLimit)
    private var reader = AnswerReader()

    init(index: Int, speaker: Int) {
        self.index = index
        self.speaker = speaker
    }

    private var token: Token { Token(kind: 0, generation: 0, index: index) }

    func open(_ endpoint: Endpoint, _ poller: borrowing Poller) throws(SystemError) {
        let fresh = try Sockets.connect(to: endpoint)
        try poller.add(fresh.number, .write, token)
        descriptor = consume fresh
        state = .connecting
        isWatchedForWriting = true
        reader = AnswerReader()
    }

    func close() {
        descriptor = nil
        state = .closed
        hasRequest = false
        output.removeAll()
    }

    /// The connection begun by `open` is there, or is not.
    /// - Returns: 0, or the error's number.
    func finishConnecting(_ poller: borrowing Poller) -> Int32 {
        let code =
            switch descriptor {
            case .some(let open): Sockets.pendingError(open)
            case .none: Int32(-1)
            }
        guard code == 0 else { return code }
        guard watch(forWriting: false, poller) else { return -1 }
        state = .idle
        return 0
    }

    private func watch(forWriting: Bool, _ poller: borrowing Poller) -> Bool {
        guard isWatchedForWriting != forWriting else { return true }
        guard let number = descriptor?.number else { return false }
        let interest = Interest(reads: true, writes: forWriting)
        do throws(SystemError) { try poller.modify(number, interest, token) } catch { return false }
        isWatchedForWriting = forWriting
        return true
    }

    /// Sends what stands in `output`. Small requests go whole into a socket that was idle.
    func send(_ poller: borrowing Poller) -> Sending {
        state = .waiting
        while !output.isEmpty {
            switch descriptor?.send(from: &output) {
            case .moved: continue
            case .wouldBlock: return watch(forWriting: true, poller) ? .blocked : .failed
            case .ended, .failed, nil: return .failed
            }
        }
        return isWatchedForWriting && !watch(forWriting: false, poller) ? .failed : .done
    }

    var isSending: Bool { !output.isEmpty }

    func read(_ memo: inout HeadMemo) -> AnswerReader.Progress {
        lastRead = 0
        let outcome: Transfer
        switch descriptor {
        case .some(let open): outcome = reader.receive(from: open)
        case .none: return .failed(.reset)
        }
        switch outcome {
        case .moved(let count): lastRead = count
        case .wouldBlock: return .incomplete
        case .ended: return reader.end()
        case .failed: return .failed(.reset)
        }
        guard case .waiting = state else { return .failed(.badAnswer) }
        return reader.parse(&memo)
    }

    /// Runs `body` on the complete answer's body, then is free for the next request.
    func finishAnswer<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        state = .idle
        hasRequest = false
        return reader.finish(body)
    }
}

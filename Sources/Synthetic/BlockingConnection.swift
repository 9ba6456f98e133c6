internal import Bytes
internal import System
internal import HTTP
internal import Options

/// Why an exchange with the service failed.
struct ExchangeError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A response as far as a replay needs it.
struct Answer {
    let status: Int
    let retryAfterSeconds: Int?
    let body: [UInt8]
}

/// One keep-alive connection on which a request is sent and its answer waited for.
struct BlockingConnection: ~Copyable {
    /// How long anything may take before the exchange is given up.
    private static let patience = TimeSpan.seconds(30)
    /// Largest answer: a batch of verdicts, with room.
    private static let answerLimitBytes = 64 * 1024 * 1024

    private let target: Target
    private let endpoint: Endpoint
    private var poller: Poller
    private var descriptor: FileDescriptor?
    private var input: ByteBuffer

    init(_ target: Target) throws(ExchangeError) {
        let endpoint = try BlockingConnection.resolve(target)
        let poller = try BlockingConnection.makePoller()
        self.target = target
        self.endpoint = endpoint
        self.poller = poller
        descriptor = nil
        input = ByteBuffer(limit: BlockingConnection.answerLimitBytes)
    }

    private static func resolve(_ target: Target) throws(ExchangeError) -> Endpoint {
        do throws(ResolveError) {
            return try Endpoint.resolve(host: target.host, port: target.port)
        } catch {
            throw ExchangeError(error.description)
        }
    }

    private static func makePoller() throws(ExchangeError) -> Poller {
        do throws(SystemError) { return try Poller() } catch {
            throw ExchangeError(error.description)
        }
    }

    /// Sends a request and returns its answer. A connection that was kept and has been closed since
    /// is opened anew, once.
    mutating func exchange(_ request: borrowing ByteBuffer) throws(ExchangeError) -> Answer {
        let wasOpen = descriptor != nil
        do throws(ExchangeError) {
            return try attempt(request)
        } catch {
            descriptor = nil
            // Sent twice could count twice: only a connection that died before any answer byte, and
            // that had been idle, is safe to try again.
            guard wasOpen, input.isEmpty else { throw error }
            return try attempt(request)
        }
    }

    private mutating func attempt(_ request: borrowing ByteBuffer) throws(ExchangeError) -> Answer {
        input.removeAll()
        let deadline = Clock.now() + BlockingConnection.patience
        do throws(SystemError) {
            if descriptor == nil { try open() }
            try send(request, deadline)
            return try receive(deadline)
        } catch {
            descriptor = nil
            throw ExchangeError("\(target.hostHeader): \(error.description)")
        }
    }

    private mutating func open() throws(SystemError) {
        let fresh = try Sockets.connect(to: endpoint)
        try poller.add(fresh.number, .write, Token(kind: 0, generation: 0, index: 0))
        descriptor = consume fresh
    }

    /// Waits until the socket is ready for what it is watched for.
    private mutating func wait(_ interest: Interest, _ deadline: Instant) throws(SystemError) {
        guard let number = descriptor?.number else { throw SystemError("connect", 107) }
        try poller.modify(number, interest, Token(kind: 0, generation: 0, index: 0))
        while true {
            let left = deadline - Clock.now()
            guard left > TimeSpan(nanoseconds: 0) else { throw SystemError("wait", 110) }
            if try poller.wait(left) > 0 { return }
        }
    }

    private mutating func send(_ request: borrowing ByteBuffer, _ deadline: Instant)
        throws(SystemError)
    {
        var output = ByteBuffer(limit: max(1, request.count))
        output.append(request.readable)
        while !output.isEmpty {
            try wait(.write, deadline)
            switch descriptor?.send(from: &output) ?? .ended {
            case .moved, .wouldBlock: break
            case .ended: throw SystemError("send", 104)
            case .failed(let code): throw SystemError("send", code)
            }
        }
    }

    private mutating func receive(_ deadline: Instant) throws(SystemError) -> Answer {
        var head = try parseHead()
        while head == nil {
            try more(deadline)
            head = try parseHead()
        }
        guard let head else { throw SystemError("response", 71) }
        switch head.framing {
        case .length(let length):
            while input.count < length { try more(deadline) }
            return finish(head, Array(input.readable.extracting(0..<length)))
        case .chunked: return finish(head, try receiveChunked(deadline))
        case .untilClose: throw SystemError("response", 71)
        }
    }

    /// The final response's head, consumed; nil while it is not complete. 71 is EPROTO.
    private mutating func parseHead() throws(SystemError) -> ResponseSummary? {
        while true {
            let parsed: ResponseSummary?
            do throws(ResponseError) { parsed = try ResponseParser.parse(input.readable) } catch {
                throw SystemError("response", 71)
            }
            guard let head = parsed else { return nil }
            input.consume(head.byteCount)
            if head.status >= 200 { return head }
        }
    }

    private mutating func receiveChunked(_ deadline: Instant) throws(SystemError) -> [UInt8] {
        var limits = HTTPLimits()
        limits.bodyBytes = BlockingConnection.answerLimitBytes
        var decoder = ChunkedDecoder(limits)
        var body = ByteBuffer(limit: BlockingConnection.answerLimitBytes)
        while true {
            do throws(HTTPRefusal) { try decoder.decode(from: &input, into: &body) } catch {
                throw SystemError("response", 71)
            }
            if decoder.isDone { return Array(body.readable) }
            try more(deadline)
        }
    }

    private mutating func more(_ deadline: Instant) throws(SystemError) {
        try wait(.read, deadline)
        switch descriptor?.receive(into: &input, atMost: 64 * 1024) ?? .ended {
        case .moved, .wouldBlock: break
        case .ended: throw SystemError("receive", 104)
        case .failed(let code): throw SystemError("receive", code)
        }
    }

    private mutating func finish(_ head: ResponseSummary, _ body: [UInt8]) -> Answer {
        input.removeAll()
        if !head.keepAlive { descriptor = nil }
        return Answer(
            status: head.status, retryAfterSeconds: head.retryAfterSeconds, body: body)
    }
}

extension Array where Element == UInt8 {
    fileprivate init(_ bytes: Span<UInt8>) {
        self = bytes.indices.map { bytes[$0] }
    }
}

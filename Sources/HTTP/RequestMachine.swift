package import Bytes

/// What a connection's driver does next.
package enum RequestStep {
    /// Nothing more can be done with what has arrived.
    case needMore
    /// A head is complete and stands at the front of the input. Decide with `takeBody`, or answer
    /// and `discardBody`; then consume the head.
    case head(RequestHead)
    /// Write `100 Continue`, then ask again.
    case sendContinue
    /// The body is complete: the first `length` bytes of the input, which are consumed afterwards.
    case body(length: Int)
    /// The body is complete and stands in `chunkedBody`.
    case chunkedBody
    /// So many bytes of the input are used up; ask again.
    case consumed(Int)
    /// Answer with the refusal and close.
    case refuse(HTTPRefusal)
}

/// The receiving half of a connection: which request comes next, and where its body ends.
///
/// Pure: it is shown the unread input, says what to do, and remembers where it is. The driver keeps
/// the bytes. A head or a body with a length is never copied; only a chunked one is.
package struct RequestMachine: ~Copyable {
    private enum State {
        case head
        case expectingBody(BodyFraming, sendContinue: Bool)
        case lengthBody(Int)
        case chunkedBody
        case discarding(Int)
        case closed
    }

    private var state = State.head
    private var decoder: ChunkedDecoder
    private let limits: HTTPLimits
    /// Input bytes in which no head was found yet, so that a head that trickles in is not parsed
    /// anew for every byte.
    private var scannedBytes = 0
    /// The decoded body after `.chunkedBody`, until `finishChunkedBody`.
    package private(set) var chunkedBody: ByteBuffer

    package init(_ limits: HTTPLimits) {
        self.limits = limits
        decoder = ChunkedDecoder(limits)
        chunkedBody = ByteBuffer(limit: max(1, limits.bodyBytes))
    }

    /// Whether the machine is between two requests: nothing of the next one has been used up.
    package var isBetweenRequests: Bool {
        if case .head = state { true } else { false }
    }

    package var isReadingBody: Bool {
        switch state {
        case .expectingBody, .lengthBody, .chunkedBody, .discarding: true
        case .head, .closed: false
        }
    }

    /// Looks at the unread input.
    package mutating func next(_ input: Span<UInt8>) -> RequestStep {
        switch state {
        case .head: return head(input)
        case .expectingBody(let framing, let sendContinue):
            switch framing {
            case .none: state = .lengthBody(0)
            case .length(let length): state = .lengthBody(length)
            case .chunked: state = .chunkedBody
            }
            return sendContinue && input.isEmpty ? .sendContinue : next(input)
        case .lengthBody(let length):
            guard input.count >= length else { return .needMore }
            state = .head
            return .body(length: length)
        case .chunkedBody: return chunked(input)
        case .discarding(let length): return discard(input, length)
        case .closed: return input.isEmpty ? .needMore : .consumed(input.count)
        }
    }

    private mutating func head(_ input: Span<UInt8>) -> RequestStep {
        guard input.count > 0, headMayBeComplete(input) else { return .needMore }
        do {
            if let head = try RequestHeadParser.parse(input, limits) {
                scannedBytes = 0
                return .head(head)
            }
            scannedBytes = input.count
            return .needMore
        } catch {
            state = .closed
            return .refuse(error)
        }
    }

    /// A head that was incomplete is worth another look when a line has ended since, or a limit
    /// has been passed.
    private func headMayBeComplete(_ input: Span<UInt8>) -> Bool {
        if scannedBytes == 0 || input.count > limits.requestLineBytes { return true }
        for index in min(scannedBytes, input.count)..<input.count where input[index] == 0x0A {
            return true
        }
        return false
    }

    /// After `.head`: the body is wanted. Comes later as `.body` or `.chunkedBody`, or as a refusal
    /// when it is over the limit.
    /// - Returns: the refusal when the head alone shows that the body is too large.
    package mutating func takeBody(_ head: RequestHead) -> HTTPRefusal? {
        if case .length(let length) = head.framing, length > limits.bodyBytes {
            state = .closed
            return HTTPRefusal(.contentTooLarge, "the body is over \(limits.bodyBytes) bytes")
        }
        decoder = ChunkedDecoder(limits)
        state = .expectingBody(head.framing, sendContinue: head.expectsContinue)
        return nil
    }

    /// After `.head`: the request is answered without its body.
    /// - Returns: whether the connection can go on. False when the body is long, of unknown length,
    ///   or perhaps never sent because the client waits for `100 Continue`.
    package mutating func discardBody(_ head: RequestHead) -> Bool {
        switch head.framing {
        case .none, .length(0):
            state = .head
            return true
        case .length(let length) where length <= limits.discardBytes && !head.expectsContinue:
            state = .discarding(length)
            return true
        case .length, .chunked:
            state = .closed
            return false
        }
    }

    /// The driver has used the chunked body; its memory is kept only while it is small.
    package mutating func finishChunkedBody() {
        chunkedBody.removeAll()
        if chunkedBody.capacity > limits.discardBytes { chunkedBody.releaseMemory() }
    }

    /// Gives the memory of a chunked body back, whatever of it has come.
    package mutating func releaseMemory() {
        chunkedBody.releaseMemory()
    }

    /// Nothing more is expected of this connection; what still comes is thrown away.
    package mutating func close() {
        state = .closed
    }

    private mutating func chunked(_ input: Span<UInt8>) -> RequestStep {
        if decoder.isDone {
            state = .head
            return .chunkedBody
        }
        guard input.count > 0 else { return .needMore }
        do {
            return .consumed(try decoder.decode(input, into: &chunkedBody))
        } catch {
            state = .closed
            return .refuse(error)
        }
    }

    private mutating func discard(_ input: Span<UInt8>, _ length: Int) -> RequestStep {
        guard length > 0 else {
            state = .head
            return next(input)
        }
        guard input.count > 0 else { return .needMore }
        let taken = min(length, input.count)
        state = .discarding(length - taken)
        return .consumed(taken)
    }
}

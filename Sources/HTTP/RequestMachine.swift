package import Bytes

/// The next step of a connection's driver.
package enum RequestStep {
    /// Wait until more input has arrived.
    case needMore
    /// A complete head is at the front of the input. Call `acceptBody`, or respond and call
    /// `discardBody`; then consume the head.
    case head(RequestHead)
    /// Write `100 Continue`, then call `next` again.
    case sendContinue
    /// The body is complete: the first `length` bytes of the input. Consume them after use.
    case body(length: Int)
    /// The body is complete; `chunkedBody` holds it.
    case chunkedBody
    /// Consume so many bytes of the input, then call `next` again.
    case consumed(Int)
    /// Send the refusal and close the connection.
    case refuse(HTTPRefusal)
}

/// The receiving half of a connection: it finds each request and the end of its body.
///
/// It is pure. The driver owns the bytes and passes the unread input to `next`; the machine returns
/// the next step and keeps its state. Only a chunked body is copied; a head or a body with a length
/// is not.
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
    /// Input bytes that contained no complete head, so that a head that arrives byte by byte is not
    /// parsed again for each byte.
    private var scannedBytes = 0
    /// The decoded body, from the step `.chunkedBody` until `finishChunkedBody`.
    package private(set) var chunkedBody: ByteBuffer

    package init(_ limits: HTTPLimits) {
        self.limits = limits
        decoder = ChunkedDecoder(limits)
        chunkedBody = ByteBuffer(limit: max(1, limits.bodyBytes))
    }

    /// Whether the machine is between two requests and has consumed no byte of the next one.
    package var isBetweenRequests: Bool {
        if case .head = state { true } else { false }
    }

    /// Whether the rest of a body is still to come.
    package var isReadingBody: Bool {
        switch state {
        case .expectingBody, .lengthBody, .chunkedBody, .discarding: true
        case .head, .closed: false
        }
    }

    /// Returns the next step for the unread input.
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

    /// An incomplete head is parsed again only if a line has ended since, or if it is over a limit.
    private func headMayBeComplete(_ input: Span<UInt8>) -> Bool {
        if scannedBytes == 0 || input.count > limits.requestLineBytes { return true }
        for index in min(scannedBytes, input.count)..<input.count where input[index] == 0x0A {
            return true
        }
        return false
    }

    /// After `.head`: the driver wants the body. It comes later as `.body` or `.chunkedBody`, or as
    /// a refusal if it is over the limit.
    /// - Returns: a refusal if the head already shows that the body is too large.
    package mutating func acceptBody(_ head: RequestHead) -> HTTPRefusal? {
        if case .length(let length) = head.framing, length > limits.bodyBytes {
            state = .closed
            return HTTPRefusal(.contentTooLarge, "the body is over \(limits.bodyBytes) bytes")
        }
        decoder = ChunkedDecoder(limits)
        state = .expectingBody(head.framing, sendContinue: head.expectsContinue)
        return nil
    }

    /// After `.head`: the driver responds without the body.
    /// - Returns: whether the connection can stay open. False if the body is long, has no known
    ///   length, or may never come because the client waits for `100 Continue`.
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

    /// The driver has used the chunked body. Its memory is kept only if it is small.
    package mutating func finishChunkedBody() {
        chunkedBody.removeAll()
        if chunkedBody.capacity > limits.discardBytes { chunkedBody.releaseMemory() }
    }

    /// The same for a driver that keeps the body.
    package mutating func takeChunkedBody() -> ByteBuffer {
        var taken = ByteBuffer(limit: chunkedBody.limit)
        swap(&taken, &chunkedBody)
        return taken
    }

    /// Frees the memory of a chunked body, even if the body is not complete.
    package mutating func releaseMemory() {
        chunkedBody.releaseMemory()
    }

    /// Ends the machine: it drops all further input.
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
        let dropped = min(length, input.count)
        state = .discarding(length - dropped)
        return .consumed(dropped)
    }
}

internal import Bytes
package import HTTP
internal import System
internal import TLS

/// Reads one response after the other from a connection's bytes.
package struct ResponseReader: ~Copyable {
    /// What has arrived of the response.
    package enum Progress: Equatable {
        case incomplete
        /// It is whole: `finish` gives its body.
        case complete(ResponseSummary)
        case failed(ExchangeFailure)
    }

    private static let readBytes = 16 * 1024

    private let limits: HTTPLimits
    private var input: ByteBuffer
    private var head: ResponseSummary?
    private var decoder: ChunkedDecoder?
    private var decoded: ByteBuffer
    /// Whether the request was a HEAD: its response has no body, whatever its length says.
    package var answersHead = false

    /// - Parameter bodyLimit: the largest body, in bytes, that is held; a larger one is a failure.
    package init(bodyLimit: Int) {
        var limits = HTTPLimits()
        limits.bodyBytes = bodyLimit
        self.limits = limits
        input = ByteBuffer(limit: bodyLimit + ResponseParser.headLimit + ResponseReader.readBytes)
        decoded = ByteBuffer(limit: bodyLimit)
    }

    /// Reads what has arrived.
    /// - Parameter channel: decrypts it; nil on a plain connection.
    mutating func receive(
        from descriptor: borrowing FileDescriptor, through channel: inout SecureChannel?
    ) -> Transfer {
        if channel == nil {
            return descriptor.receive(into: &input, atMost: ResponseReader.readBytes)
        }
        return channel?.receive(from: descriptor, into: &input) ?? .ended
    }

    /// Goes on with a TLS handshake, behind which a part of a response may come at once.
    /// - Returns: `.moved` when it is done; without TLS it is.
    mutating func shakeHands(
        _ descriptor: borrowing FileDescriptor, through channel: inout SecureChannel?
    ) -> Transfer {
        if channel == nil { return .moved(0) }
        return channel?.shakeHands(descriptor, into: &input) ?? .ended
    }

    /// Looks at what has arrived.
    package mutating func parse(_ memo: inout HeadMemo) -> Progress {
        if head == nil, !parseHead(&memo) { return .failed(.malformed) }
        guard let summary = head else { return .incomplete }
        switch summary.framing {
        case .length(let length):
            if input.count >= length { return .complete(summary) }
            return length > limits.bodyBytes ? .failed(.tooLarge) : .incomplete
        case .chunked: return parseChunks(summary)
        case .untilClose: return input.count > limits.bodyBytes ? .failed(.tooLarge) : .incomplete
        }
    }

    /// Reads the head of the final response. Interim ones (RFC 9110 section 15.2) announce it and
    /// are dropped; 101 is final, for nothing of HTTP follows it.
    /// - Returns: false when what has arrived is no response.
    private mutating func parseHead(_ memo: inout HeadMemo) -> Bool {
        if !answersHead, let known = memo.summary(of: input.readable) {
            head = known
            input.consume(known.byteCount)
            return true
        }
        while true {
            let parsed: ResponseSummary?
            do throws(ResponseError) {
                parsed = try ResponseParser.parse(input.readable, isAnswerToHead: answersHead)
            } catch {
                return false
            }
            guard let parsed else { return true }
            if parsed.status >= 200 || parsed.status == 101 {
                if !answersHead { memo.remember(input.readable, parsed) }
                head = parsed
                input.consume(parsed.byteCount)
                return true
            }
            input.consume(parsed.byteCount)
        }
    }

    /// The server has closed: that may be what ends the response.
    package mutating func end() -> Progress {
        guard var summary = head, summary.framing == .untilClose else { return .failed(.reset) }
        summary.framing = .length(input.count)
        summary.keepAlive = false
        head = summary
        return .complete(summary)
    }

    private mutating func parseChunks(_ summary: ResponseSummary) -> Progress {
        var current = decoder ?? ChunkedDecoder(limits)
        do throws(HTTPRefusal) { try current.decode(from: &input, into: &decoded) } catch {
            return .failed(error.status == .contentTooLarge ? .tooLarge : .malformed)
        }
        decoder = current
        return current.isDone ? .complete(summary) : .incomplete
    }

    /// Runs `body` on the complete response's body, then forgets the response.
    package mutating func finish<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        let result: Result
        if decoder != nil {
            result = body(decoded.readable)
            decoded.removeAll()
            decoder = nil
        } else if case .length(let length) = head?.framing {
            result = body(input.readable.extracting(0..<length))
            input.consume(length)
        } else {
            result = body(input.readable.extracting(0..<0))
        }
        head = nil
        return result
    }
}

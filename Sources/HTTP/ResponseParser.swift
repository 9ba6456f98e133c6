internal import Bytes

/// The reason why bytes are not a response that this parser can read.
package struct ResponseError: Error, Equatable {
    package let detail: StaticString

    package static func == (left: ResponseError, right: ResponseError) -> Bool {
        String(describing: left.detail) == String(describing: right.detail)
    }
}

/// How a response's body ends.
package enum ResponseFraming: Equatable {
    case length(Int)
    case chunked
    /// The body ends when the server closes the connection.
    case untilClose
}

/// The parts of a response's head that clients use; cheap to copy.
package struct ResponseSummary: Equatable {
    package var status = 0
    package var framing = ResponseFraming.untilClose
    package var keepAlive = true
    /// Length of the head with its empty line.
    package var byteCount = 0
    /// Retry-After in seconds; nil if the header is missing or is a date.
    package var retryAfterSeconds: Int?

    package init() {}
}

/// Parses the head of an HTTP/1.x response, for clients.
package enum ResponseParser {
    /// Longest head accepted, in bytes.
    package static let headLimit = 64 * 1024

    /// Parses the head at the front of `bytes`.
    /// - Parameter isAnswerToHead: whether the request was HEAD, whose response has no body.
    /// - Returns: nil if the head is not complete yet.
    package static func parse(_ bytes: Span<UInt8>, isAnswerToHead: Bool = false)
        throws(ResponseError) -> ResponseSummary?
    {
        guard let end = lineEnd(bytes, from: 0) else { return try incomplete(bytes) }
        var summary = try statusLine(bytes, end)
        var offset = end + 2
        while let end = lineEnd(bytes, from: offset) {
            if end == offset {
                summary.byteCount = end + 2
                if isAnswerToHead || summary.status == 204 || summary.status == 304
                    || summary.status < 200
                {
                    summary.framing = .length(0)
                }
                return summary
            }
            try parseHeader(ByteRange(offset, end), of: bytes, into: &summary)
            offset = end + 2
        }
        return try incomplete(bytes)
    }

    private static func incomplete(_ bytes: Span<UInt8>) throws(ResponseError) -> ResponseSummary? {
        guard bytes.count <= headLimit else { throw ResponseError(detail: "head too long") }
        return nil
    }

    /// The offset of the next CRLF.
    private static func lineEnd(_ bytes: Span<UInt8>, from start: Int) -> Int? {
        var index = start
        while index + 1 < bytes.count {
            if bytes[index] == 0x0D, bytes[index + 1] == 0x0A { return index }
            index += 1
        }
        return nil
    }

    private static func statusLine(_ bytes: Span<UInt8>, _ end: Int)
        throws(ResponseError) -> ResponseSummary
    {
        guard end >= 12, bytes.spells(ByteRange(0, 7), "HTTP/1."), bytes[8] == 0x20 else {
            throw ResponseError(detail: "not an HTTP/1.x response")
        }
        var summary = ResponseSummary()
        summary.keepAlive = bytes[7] != UInt8(ascii: "0")
        guard let status = digits(bytes, ByteRange(9, 12)), status >= 100, status <= 599 else {
            throw ResponseError(detail: "the status is not three digits")
        }
        summary.status = status
        return summary
    }

    private static func parseHeader(
        _ line: ByteRange, of bytes: Span<UInt8>, into summary: inout ResponseSummary
    ) throws(ResponseError) {
        var colon = line.start
        while colon < line.end, bytes[colon] != UInt8(ascii: ":") { colon += 1 }
        guard colon < line.end else { throw ResponseError(detail: "a header without a colon") }
        let name = ByteRange(line.start, colon)
        let value = trimmed(bytes, ByteRange(colon + 1, line.end))
        if bytes.spells(name, "content-length", ignoringCase: true) {
            guard let length = digits(bytes, value) else {
                throw ResponseError(detail: "Content-Length is not a number")
            }
            if case .length(let other) = summary.framing, other != length {
                throw ResponseError(detail: "two Content-Lengths that differ")
            }
            if summary.framing != .chunked { summary.framing = .length(length) }
        } else if bytes.spells(name, "transfer-encoding", ignoringCase: true) {
            guard bytes.spells(value, "chunked", ignoringCase: true) else {
                throw ResponseError(detail: "an unknown transfer coding")
            }
            summary.framing = .chunked
        } else if bytes.spells(name, "connection", ignoringCase: true) {
            if bytes.spells(value, "close", ignoringCase: true) { summary.keepAlive = false }
            if bytes.spells(value, "keep-alive", ignoringCase: true) { summary.keepAlive = true }
        } else if bytes.spells(name, "retry-after", ignoringCase: true) {
            summary.retryAfterSeconds = digits(bytes, value)
        }
    }

    private static func trimmed(_ bytes: Span<UInt8>, _ range: ByteRange) -> ByteRange {
        var (start, end) = (range.start, range.end)
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
        return ByteRange(start, end)
    }

    private static func digits(_ bytes: Span<UInt8>, _ range: ByteRange) -> Int? {
        guard range.count > 0, range.count <= 18 else { return nil }
        var value = 0
        for index in range.start..<range.end {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }
}

package import Bytes

/// Decodes a chunked body (RFC 9112 section 7.1) as it arrives, in pieces of any size.
///
/// Chunk extensions and trailers are checked and ignored. Sizes have at most 15 hexadecimal digits,
/// so they cannot overflow.
package struct ChunkedDecoder {
    private enum State {
        case size(digits: Int)
        case extensions(ChunkExtensions)
        case sizeLineFeed
        case data
        case dataReturn
        case dataLineFeed
        case trailerStart
        case trailer(TrailerField)
        case trailerLineFeed
        case endLineFeed
        case done
    }

    private var state = State.size(digits: 0)
    /// Bytes of the current chunk that are still to come.
    private var remaining = 0
    /// Bytes of the current size line, or of the trailers, so far.
    private var headBytes = 0
    /// Body bytes decoded so far.
    private var decodedBytes = 0
    private let headLimit: Int
    private let bodyLimit: Int

    package init(_ limits: HTTPLimits) {
        headLimit = limits.chunkHeadBytes
        bodyLimit = limits.bodyBytes
    }

    package var isDone: Bool {
        if case .done = state { true } else { false }
    }

    /// Decodes as much of `input` as belongs to this body, and appends the decoded bytes to `body`.
    /// - Returns: how many bytes of the input it used. These are all, unless the body is complete.
    /// - Throws: a refusal if the chunks are malformed or the body is too large.
    package mutating func decode(_ input: Span<UInt8>, into body: inout ByteBuffer)
        throws(HTTPRefusal) -> Int
    {
        var offset = 0
        while offset < input.count, !isDone {
            if case .data = state {
                let length = min(remaining, input.count - offset)
                guard body.append(input.extracting(offset..<offset + length)) else {
                    throw tooLarge()
                }
                decodedBytes += length
                remaining -= length
                offset += length
                if remaining == 0 { state = .dataReturn }
            } else {
                try step(input[offset])
                offset += 1
            }
        }
        return offset
    }

    /// Decodes from the unread bytes of a buffer, and consumes those that belong to the body.
    package mutating func decode(from input: inout ByteBuffer, into body: inout ByteBuffer)
        throws(HTTPRefusal)
    {
        input.consume(try decode(input.readable, into: &body))
    }

    private func tooLarge() -> HTTPRefusal {
        HTTPRefusal(.contentTooLarge, "the body is over \(bodyLimit) bytes")
    }

    /// Handles one byte that is not data.
    private mutating func step(_ byte: UInt8) throws(HTTPRefusal) {
        headBytes += 1
        guard headBytes <= headLimit else {
            throw HTTPRefusal(
                .badRequest, "a chunk's size line or the trailers are over \(headLimit) bytes")
        }
        switch state {
        case .size(let digits): state = try size(byte, digits)
        case .extensions(var extensions):
            if byte == 0x0D {
                try extensions.end()
                state = .sizeLineFeed
            } else {
                try extensions.take(byte)
                state = .extensions(extensions)
            }
        case .sizeLineFeed:
            try expect(byte, 0x0A)
            headBytes = remaining == 0 ? headBytes : 0
            state = remaining == 0 ? .trailerStart : .data
        case .data: break
        case .dataReturn:
            try expect(byte, 0x0D)
            state = .dataLineFeed
        case .dataLineFeed:
            try expect(byte, 0x0A)
            headBytes = 0
            state = .size(digits: 0)
        case .trailerStart:
            if byte == 0x0D {
                state = .endLineFeed
            } else {
                var field = TrailerField()
                try field.take(byte)
                state = .trailer(field)
            }
        case .trailer(var field):
            // Without a copy of the name in the state.
            state = .trailerStart
            if byte == 0x0D {
                try field.end()
                state = .trailerLineFeed
            } else {
                try field.take(byte)
                state = .trailer(field)
            }
        case .trailerLineFeed:
            try expect(byte, 0x0A)
            state = .trailerStart
        case .endLineFeed:
            try expect(byte, 0x0A)
            state = .done
        case .done: break
        }
    }

    private mutating func size(_ byte: UInt8, _ digits: Int) throws(HTTPRefusal) -> State {
        if let digit = hexDigit(byte) {
            guard digits < 15 else {
                throw HTTPRefusal(.badRequest, "a chunk size has more than 15 digits")
            }
            remaining = (digits == 0 ? 0 : remaining << 4) | Int(digit)
            guard remaining <= bodyLimit - decodedBytes else { throw tooLarge() }
            return .size(digits: digits + 1)
        }
        guard digits > 0 else {
            throw HTTPRefusal(.badRequest, "a chunk does not begin with its size in hexadecimal")
        }
        if byte == 0x0D { return .sizeLineFeed }
        guard byte == UInt8(ascii: ";") else {
            throw HTTPRefusal(.badRequest, "a chunk size is followed by neither ; nor CRLF")
        }
        return .extensions(ChunkExtensions())
    }

    private func expect(_ byte: UInt8, _ expected: UInt8) throws(HTTPRefusal) {
        guard byte == expected else {
            throw HTTPRefusal(.badRequest, "a chunk is not closed by CRLF")
        }
    }
}

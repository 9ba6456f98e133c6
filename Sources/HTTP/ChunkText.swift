// The text around chunks: extensions after a size, and fields after the last chunk. The service
// uses neither. What is malformed is refused, because a proxy in front might read it in another
// way.

/// Checks the extensions of a chunk, byte by byte: `;name`, `;name=token` or `;name="text"` (RFC
/// 9112 section 7.1.1), without blanks.
struct ChunkExtensions {
    private enum State {
        case name(isEmpty: Bool)
        case value(isEmpty: Bool)
        case quoted
        case escaped
        case afterQuoted
    }

    private var state = State.name(isEmpty: true)

    /// - Parameter byte: what follows the first semicolon, without the line's end.
    mutating func take(_ byte: UInt8) throws(HTTPRefusal) {
        switch (state, byte) {
        case (.quoted, UInt8(ascii: "\"")): state = .afterQuoted
        case (.quoted, UInt8(ascii: "\\")): state = .escaped
        case (.quoted, _) where ByteClass.isFieldValue(byte): break
        case (.escaped, _) where ByteClass.isFieldValue(byte): state = .quoted
        case (.name(isEmpty: false), UInt8(ascii: "=")): state = .value(isEmpty: true)
        case (.value(isEmpty: true), UInt8(ascii: "\"")): state = .quoted
        case (.name(isEmpty: false), UInt8(ascii: ";")),
            (.value(isEmpty: false), UInt8(ascii: ";")),
            (.afterQuoted, UInt8(ascii: ";")):
            state = .name(isEmpty: true)
        case (.name, _) where ByteClass.isToken(byte): state = .name(isEmpty: false)
        case (.value, _) where ByteClass.isToken(byte): state = .value(isEmpty: false)
        default: throw HTTPRefusal(.badRequest, "a chunk's extension is malformed")
        }
    }

    func end() throws(HTTPRefusal) {
        switch state {
        case .name(isEmpty: false), .value(isEmpty: false), .afterQuoted: break
        default: throw HTTPRefusal(.badRequest, "a chunk's extension is malformed")
        }
    }
}

/// Checks a field of the trailers, byte by byte: a name, a colon, a value.
struct TrailerField {
    /// What decides where a request ends, where it goes, or who sends it stands in the head alone
    /// (RFC 9110 section 6.5.1).
    private static let refused = [
        "authorization", "connection", "content-encoding", "content-length", "expect", "host",
        "trailer", "transfer-encoding",
    ]

    private var name: [UInt8] = []
    private var hasName = false

    mutating func take(_ byte: UInt8) throws(HTTPRefusal) {
        if hasName {
            guard !ByteClass.isFieldValue(byte) else { return }
            throw HTTPRefusal(.badRequest, "a control character in a trailer")
        }
        if byte == UInt8(ascii: ":"), !name.isEmpty {
            let text = String(decoding: name, as: UTF8.self).lowercased()
            guard !TrailerField.refused.contains(text) else {
                throw HTTPRefusal(.badRequest, "\(text) is not allowed in a trailer")
            }
            hasName = true
            return
        }
        guard ByteClass.isToken(byte) else {
            throw HTTPRefusal(.badRequest, "a trailer is not name: value")
        }
        name.append(byte)
    }

    func end() throws(HTTPRefusal) {
        guard hasName else { throw HTTPRefusal(.badRequest, "a trailer is not name: value") }
    }
}

/// What is wrong with a JSON document, and at which byte.
public struct JSONError: Error, Equatable {
    public enum Problem: Equatable, Sendable {
        case unexpectedEnd
        case unexpectedByte
        case badNumber
        case numberOutOfRange
        case badEscape
        case badUTF8
        case controlInString
        case tooDeep
        case trailingBytes

        /// The problem in words, to stand before "at byte N".
        public var description: StaticString {
            switch self {
            case .unexpectedEnd: "unexpected end of JSON"
            case .unexpectedByte: "unexpected byte in JSON"
            case .badNumber: "malformed number"
            case .numberOutOfRange: "number out of a double's range"
            case .badEscape: "malformed escape in a string"
            case .badUTF8: "malformed UTF-8 in a string"
            case .controlInString: "raw control character in a string"
            case .tooDeep: "JSON nested deeper than 64 levels"
            case .trailingBytes: "bytes after the end of the JSON document"
            }
        }
    }

    public let problem: Problem
    public let offset: Int
}

/// A string as it stands in a document: where its content lies, and whether it must be decoded.
public struct JSONText {
    public let start: Int
    public let end: Int
    public let hasEscapes: Bool
}

/// Reads JSON (RFC 8259) from bytes, value by value, without allocating.
///
/// Strict: full grammar, UTF-8 checked, depth bounded. The caller says what it expects; the cursor
/// says at which byte the document disagrees.
public struct JSONCursor: ~Escapable {
    /// Levels of nesting that `skipValue` follows; beyond it a document is hostile, not deep.
    public static let depthLimit = 64

    public let bytes: Span<UInt8>
    public var offset: Int

    @_lifetime(copy bytes)
    @inlinable public init(_ bytes: Span<UInt8>, at offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    public func error(_ problem: JSONError.Problem, at place: Int? = nil) -> JSONError {
        JSONError(problem: problem, offset: place ?? offset)
    }

    /// What is wrong at the current byte when it is not what the grammar allows.
    public func unexpected() -> JSONError {
        error(offset < bytes.count ? .unexpectedByte : .unexpectedEnd)
    }

    @inline(__always)
    func byte(_ index: Int) -> UInt8 {
        // SAFETY: every caller has compared `index` with `bytes.count`; measured: the second
        // check of a safe subscript costs a quarter of the parse.
        unsafe bytes[unchecked: index]
    }

    /// Moves past white space and returns the byte there, or nil at the end.
    @_lifetime(self: copy self)
    @inline(__always)
    public mutating func peek() -> UInt8? {
        while offset < bytes.count {
            let next = byte(offset)
            guard next <= 0x20 else { return next }
            guard next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 else { return next }
            offset += 1
        }
        return nil
    }

    /// Moves past `expected` if it comes next.
    @_lifetime(self: copy self)
    @inline(__always)
    public mutating func take(_ expected: UInt8) -> Bool {
        guard peek() == expected else { return false }
        offset += 1
        return true
    }

    @_lifetime(self: copy self)
    @inline(__always)
    public mutating func expect(_ expected: UInt8) throws(JSONError) {
        guard take(expected) else { throw unexpected() }
    }

    /// Only white space may follow.
    @_lifetime(self: copy self)
    public mutating func expectEnd() throws(JSONError) {
        guard peek() == nil else { throw error(.trailingBytes) }
    }
}

/// Reads JSON (RFC 8259) from bytes, value by value, without allocating.
///
/// It is strict: it checks the full grammar and UTF-8, and limits the depth. The caller calls the
/// function for the value that it expects; the error names the byte at which the document differs.
public struct JSONCursor: ~Escapable {
    /// Levels of nesting that `skipValue` allows. Real documents have far fewer; deeper ones are an
    /// attack on the stack.
    public static let depthLimit = 64

    public let bytes: Span<UInt8>
    public var offset: Int

    @_lifetime(copy bytes)
    @inlinable public init(_ bytes: Span<UInt8>, at offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    /// The error for a problem at `position`, or at the current byte.
    public func error(_ problem: JSONError.Problem, at position: Int? = nil) -> JSONError {
        JSONError(problem: problem, offset: position ?? offset)
    }

    /// The error for a current byte that the grammar does not allow.
    public func unexpected() -> JSONError {
        error(offset < bytes.count ? .unexpectedByte : .unexpectedEnd)
    }

    @inline(__always)
    func byte(_ index: Int) -> UInt8 {
        // SAFETY: every caller has compared `index` with `bytes.count`. A safe subscript would
        // check again, which takes a quarter of the time of a parse.
        unsafe bytes[unchecked: index]
    }

    /// Skips white space and returns the byte after it without consuming it; nil at the end.
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

    /// Skips white space, and consumes `expected` if it comes next.
    /// - Returns: whether it was consumed.
    @_lifetime(self: copy self)
    @inline(__always)
    public mutating func take(_ expected: UInt8) -> Bool {
        guard peek() == expected else { return false }
        offset += 1
        return true
    }

    /// Skips white space and consumes `expected`, which must come next.
    @_lifetime(self: copy self)
    @inline(__always)
    public mutating func expect(_ expected: UInt8) throws(JSONError) {
        guard take(expected) else { throw unexpected() }
    }

    /// Checks that only white space follows.
    @_lifetime(self: copy self)
    public mutating func expectEnd() throws(JSONError) {
        guard peek() == nil else { throw error(.trailingBytes) }
    }
}

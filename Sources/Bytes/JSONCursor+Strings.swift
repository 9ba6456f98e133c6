extension JSONCursor {
    /// Reads a string and returns the offsets of its content. Escapes are checked but not decoded.
    @_lifetime(self: copy self)
    public mutating func string() throws(JSONError) -> JSONText {
        guard take(UInt8(ascii: "\"")) else { throw unexpected() }
        let start = offset
        var hasEscapes = false
        while offset < bytes.count {
            let next = byte(offset)
            if next == UInt8(ascii: "\"") {
                offset += 1
                return JSONText(start: start, end: offset - 1, hasEscapes: hasEscapes)
            }
            if next >= 0x20 && next < 0x80 && next != UInt8(ascii: "\\") {
                offset += 1
            } else if next == UInt8(ascii: "\\") {
                hasEscapes = true
                _ = try escape()
            } else if next < 0x20 {
                throw error(.controlInString)
            } else {
                offset += try multibyteLength()
            }
        }
        throw error(.unexpectedEnd)
    }

    /// Whether a string is equal to `name`. Escapes are decoded first, so `"\u0072ps"` is the field
    /// `rps`.
    public func matches(_ text: JSONText, _ name: StaticString) -> Bool {
        let length = name.utf8CodeUnitCount
        if text.hasEscapes { return matchesDecoded(text, name) }
        guard text.end - text.start == length else { return false }
        for index in 0..<length {
            // SAFETY: index is below the length of the static string.
            guard unsafe byte(text.start + index) == name.utf8Start[index] else { return false }
        }
        return true
    }

    private func matchesDecoded(_ text: JSONText, _ name: StaticString) -> Bool {
        var decoded = ByteBuffer(limit: max(1, text.end - text.start))
        decode(text, into: &decoded)
        guard decoded.count == name.utf8CodeUnitCount else { return false }
        let content = decoded.readable
        for index in content.indices {
            // SAFETY: both have the same length, which the guard above checked.
            guard unsafe content[index] == name.utf8Start[index] else { return false }
        }
        return true
    }

    /// Appends a string's content with its escapes decoded. `text` must come from `string()`, which
    /// has checked it.
    public func decode(_ text: JSONText, into output: inout ByteBuffer) {
        var reader = JSONCursor(bytes, at: text.start)
        while reader.offset < text.end {
            if byte(reader.offset) == UInt8(ascii: "\\") {
                guard let scalar = try? reader.escape() else { return }
                for unit in String(Character(scalar)).utf8 { output.append(unit) }
            } else {
                output.append(byte(reader.offset))
                reader.offset += 1
            }
        }
    }

    /// Reads one escape; a surrogate pair counts as one.
    @_lifetime(self: copy self)
    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        let start = offset
        guard offset + 1 < bytes.count else { throw error(.unexpectedEnd, at: bytes.count) }
        let kind = byte(offset + 1)
        offset += 2
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(kind)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw error(.badEscape, at: start)
        }
        let first = try fourHexDigits(from: start)
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, offset + 1 < bytes.count, byte(offset) == UInt8(ascii: "\\"),
            byte(offset + 1) == UInt8(ascii: "u")
        else { throw error(.badEscape, at: start) }
        offset += 2
        let second = try fourHexDigits(from: start)
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw error(.badEscape, at: start) }
        return scalar
    }

    @_lifetime(self: copy self)
    private mutating func fourHexDigits(from start: Int) throws(JSONError) -> UInt32 {
        guard offset + 4 <= bytes.count else { throw error(.unexpectedEnd, at: bytes.count) }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = hexDigit(byte(offset)) else { throw error(.badEscape, at: start) }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }

    /// The length of the well-formed UTF-8 sequence at the offset (Unicode 15, table 3-7).
    private func multibyteLength() throws(JSONError) -> Int {
        guard let length = utf8SequenceLength(bytes, at: offset) else { throw error(.badUTF8) }
        return length
    }
}

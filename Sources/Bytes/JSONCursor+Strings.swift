extension JSONCursor {
    /// Reads a string and says where its content lies; escapes are checked, not yet decoded.
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

    /// Whether a string's raw content is exactly `name`. A name with escapes in it is compared
    /// decoded, so `"\u0072ps"` is the field `rps`.
    public func matches(_ text: JSONText, _ name: StaticString) -> Bool {
        let length = name.utf8CodeUnitCount
        if text.hasEscapes { return matchesDecoded(text, name) }
        guard text.end - text.start == length else { return false }
        for index in 0..<length {
            // SAFETY: a static string is valid for `utf8CodeUnitCount` bytes.
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
            // SAFETY: the counts are equal, and a static string is valid for its own.
            guard unsafe content[index] == name.utf8Start[index] else { return false }
        }
        return true
    }

    /// Appends a string's content with its escapes decoded; what `string()` returned is valid.
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

    /// Reads one escape, a surrogate pair as a whole.
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

/// The value of a hexadecimal digit, nil for any other byte.
public func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// The length in bytes of the well-formed UTF-8 sequence at `offset` (Unicode 15, table 3-7), or
/// nil when there is none: truncated, overlong, a surrogate, or beyond U+10FFFF.
public func utf8SequenceLength(_ bytes: Span<UInt8>, at offset: Int) -> Int? {
    func byte(_ index: Int) -> UInt8 { index < bytes.count ? bytes[index] : 0 }
    func continues(_ index: Int) -> Bool { byte(index) & 0xC0 == 0x80 }
    let first = byte(offset)
    let second = byte(offset + 1)
    switch first {
    case 0x00...0x7F: return offset < bytes.count ? 1 : nil
    case 0xC2...0xDF: return continues(offset + 1) ? 2 : nil
    case 0xE0: guard (0xA0...0xBF).contains(second) else { return nil }
    case 0xED: guard (0x80...0x9F).contains(second) else { return nil }
    case 0xE1...0xEF: guard continues(offset + 1) else { return nil }
    case 0xF0: guard (0x90...0xBF).contains(second) else { return nil }
    case 0xF4: guard (0x80...0x8F).contains(second) else { return nil }
    case 0xF1...0xF3: guard continues(offset + 1) else { return nil }
    default: return nil
    }
    guard continues(offset + 2) else { return nil }
    if first < 0xF0 { return 3 }
    return continues(offset + 3) ? 4 : nil
}

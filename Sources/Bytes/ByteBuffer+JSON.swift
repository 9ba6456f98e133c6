extension ByteBuffer {
    /// Appends UTF-8 bytes as a quoted JSON string, with the escapes that RFC 8259 requires.
    public mutating func append(jsonString bytes: Span<UInt8>) {
        append(UInt8(ascii: "\""))
        append(escaped: bytes)
        append(UInt8(ascii: "\""))
    }

    /// Appends UTF-8 bytes as a part of a JSON string.
    public mutating func append(escaped bytes: Span<UInt8>) {
        var firstUnwritten = 0
        for index in bytes.indices {
            let byte = bytes[index]
            if byte >= 0xC2 {
                guard let (units, length) = ByteBuffer.unseenCharacter(bytes, at: index) else {
                    continue
                }
                append(bytes.extracting(firstUnwritten..<index))
                for unit in units {
                    append("\\u")
                    appendHexadecimal(UInt8(unit >> 8))
                    appendHexadecimal(UInt8(unit & 0xFF))
                }
                firstUnwritten = index + length
                continue
            }
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
                continue
            }
            append(bytes.extracting(firstUnwritten..<index))
            appendEscape(byte)
            firstUnwritten = index + 1
        }
        append(bytes.extracting(firstUnwritten..<bytes.count))
    }

    /// Appends a string, quoted and escaped.
    public mutating func append(jsonString text: String) {
        var text = text
        text.withUTF8 { bytes in
            // SAFETY: the UTF-8 bytes are contiguous and valid until the closure returns.
            unsafe append(jsonString: Span(_unsafeElements: bytes))
        }
    }

    private mutating func appendEscape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case 0x08: append("\\b")
        case 0x09: append("\\t")
        case 0x0A: append("\\n")
        case 0x0C: append("\\f")
        case 0x0D: append("\\r")
        default:
            append("\\u00")
            appendHexadecimal(byte)
        }
    }

    private mutating func appendHexadecimal(_ byte: UInt8) {
        for nibble in [byte >> 4, byte & 0xF] {
            append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") - 10 + nibble)
        }
    }

    /// A character that is not seen, or that turns those around it: two names that differ only by
    /// them look the same.
    /// - Returns: its UTF-16 and how many bytes it takes; nil for any other character.
    private static func unseenCharacter(
        _ bytes: Span<UInt8>, at index: Int
    ) -> (units: String.UTF16View, length: Int)? {
        let lead = bytes[index]
        let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        guard index + length <= bytes.count else { return nil }
        var code = UInt32(lead) & (0x7F >> UInt32(length))
        for offset in 1..<length { code = code << 6 | UInt32(bytes[index + offset] & 0x3F) }
        switch code {
        case 0x80...0x9F, 0xAD, 0x61C, 0x180E, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F,
            0xFEFF, 0xFFF9...0xFFFB, 0xE0000...0xE007F:
            return Unicode.Scalar(code).map { (String($0).utf16, length) }
        default: return nil
        }
    }

    /// Appends `true` or `false`.
    public mutating func append(boolean value: Bool) {
        if value { append("true") } else { append("false") }
    }
}

extension String {
    /// The bytes as text; malformed UTF-8 becomes U+FFFD.
    public init(_ bytes: Span<UInt8>) {
        // SAFETY: the pointer is used only inside the closure, which copies the bytes.
        self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

extension ByteBuffer {
    /// Appends UTF-8 bytes as a quoted JSON string, with the escapes that RFC 8259 requires.
    public mutating func append(jsonString bytes: Span<UInt8>) {
        append(UInt8(ascii: "\""))
        var firstUnwritten = 0
        for index in bytes.indices {
            let byte = bytes[index]
            if byte >= 0x80 {
                guard let scalar = ByteBuffer.unseenCharacter(bytes, at: index) else { continue }
                append(bytes.extracting(firstUnwritten..<index))
                append("\\u")
                appendHexadecimal(UInt8(scalar >> 8))
                appendHexadecimal(UInt8(scalar & 0xFF))
                firstUnwritten = index + 3
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
        append(UInt8(ascii: "\""))
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
    /// them look the same. All take three bytes.
    /// - Returns: nil for any other.
    private static func unseenCharacter(_ bytes: Span<UInt8>, at index: Int) -> UInt16? {
        guard index + 2 < bytes.count, bytes[index] & 0xF0 == 0xE0 else { return nil }
        let scalar =
            UInt16(bytes[index] & 0x0F) << 12 | UInt16(bytes[index + 1] & 0x3F) << 6
            | UInt16(bytes[index + 2] & 0x3F)
        switch scalar {
        case 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB:
            return scalar
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

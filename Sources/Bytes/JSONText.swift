extension ByteBuffer {
    /// Appends bytes of UTF-8 as a quoted JSON string, escaping what RFC 8259 asks for.
    public mutating func append(jsonString bytes: Span<UInt8>) {
        append(UInt8(ascii: "\""))
        var clean = 0
        for index in bytes.indices {
            let byte = bytes[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
                continue
            }
            append(bytes.extracting(clean..<index))
            appendEscape(byte)
            clean = index + 1
        }
        append(bytes.extracting(clean..<bytes.count))
        append(UInt8(ascii: "\""))
    }

    public mutating func append(jsonString text: String) {
        var text = text
        text.withUTF8 { bytes in
            // SAFETY: the UTF-8 of a native string is contiguous for the closure's duration.
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
            for nibble in [byte >> 4, byte & 0xF] {
                append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") - 10 + nibble)
            }
        }
    }

    /// Appends `true` or `false`.
    public mutating func append(boolean value: Bool) {
        if value { append("true") } else { append("false") }
    }
}

extension String {
    /// The bytes as text; malformed UTF-8 shows as U+FFFD.
    public init(_ bytes: Span<UInt8>) {
        // SAFETY: the text is copied before the span's memory can go.
        self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

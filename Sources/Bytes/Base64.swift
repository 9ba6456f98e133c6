extension String {
    /// Bytes as Base64 (RFC 4648, section 4), with padding.
    public init(base64 bytes: [UInt8]) {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<Swift.min(start + 3, bytes.count)]
            var word = 0
            for offset in 0..<3 {
                word = word << 8 | (offset < group.count ? Int(group[start + offset]) : 0)
            }
            for place in 0..<4 {
                let isPadding = place > group.count
                text.append(
                    isPadding ? UInt8(ascii: "=") : base64Alphabet[word >> (18 - 6 * place) & 63])
            }
        }
        self = String(decoding: text, as: UTF8.self)
    }

    /// The bytes that the text spells in Base64; nil when it is none.
    public var base64Bytes: [UInt8]? {
        let text = Array(utf8)
        guard text.count % 4 == 0 else { return nil }
        let padding = text.suffix(2).count { $0 == UInt8(ascii: "=") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var word = 0
        for (index, character) in text.enumerated() {
            let isPadding = index >= text.count - padding
            guard let value = isPadding ? 0 : sixBits(character) else { return nil }
            guard !isPadding || character == UInt8(ascii: "=") else { return nil }
            word = word << 6 | value
            if index % 4 == 3 {
                bytes += [16, 8, 0].map { UInt8(truncatingIfNeeded: word >> $0) }
                word = 0
            }
        }
        return Array(bytes.dropLast(padding))
    }
}

private let base64Alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

/// The value of a character of the alphabet.
private func sixBits(_ character: UInt8) -> Int? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(character) - 65
    case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(character) - 71
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(character) + 4
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
}

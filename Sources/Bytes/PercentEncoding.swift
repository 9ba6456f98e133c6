/// Percent-encoding of URLs (RFC 3986 section 2.1).
package enum PercentEncoding {
    /// Undoes it; nil where a `%` is not followed by two hexadecimal digits.
    /// - Parameter plusIsSpace: whether `+` means a space, as in the queries that forms send.
    package static func decode(_ bytes: Span<UInt8>, plusIsSpace: Bool = false) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            var byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "+"), plusIsSpace {
                byte = 0x20
            } else if byte == UInt8(ascii: "%") {
                guard index + 1 < bytes.count, let high = hexDigit(bytes[index]),
                    let low = hexDigit(bytes[index + 1])
                else { return nil }
                byte = high << 4 | low
                index += 2
            }
            decoded.append(byte)
        }
        return decoded
    }

    /// The same of text; nil also where what it stands for is not UTF-8.
    package static func decode(_ text: some StringProtocol) -> String? {
        guard let decoded = decode(Array(text.utf8).span) else { return nil }
        return String(validating: decoded, as: UTF8.self)
    }

    /// Only letters, digits and `-._~` stand as they are.
    package static func encode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += "%" + (digits.utf8.count < 2 ? "0" : "") + digits
            }
        }
        return encoded
    }
}

internal import Bytes

/// What a device may be called.
package enum DeviceName {
    package static let byteLimit = 128
    package static let rule = "allowed is 1 to 128 bytes of UTF-8 without control characters"

    package static func isValid(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count >= 1, bytes.count <= byteLimit else { return false }
        var offset = 0
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte < 0x80 {
                guard byte >= 0x20, byte != 0x7F else { return false }
                offset += 1
                continue
            }
            guard let length = utf8SequenceLength(bytes, at: offset) else { return false }
            // U+0080 to U+009F, the other control characters, are C2 80 to C2 9F.
            if byte == 0xC2, bytes[offset + 1] < 0xA0 { return false }
            offset += length
        }
        return true
    }
}

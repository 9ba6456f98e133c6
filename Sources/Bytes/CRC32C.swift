/// The cyclic redundancy check of RFC 3720 (Castagnoli's polynomial): finds bytes that have changed
/// by themselves, not bytes that somebody changed.
package enum CRC32C {
    /// For each of eight bytes that are looked at together, what it changes. Eight tables of 256.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var rest = UInt32(byte)
            for _ in 0..<8 { rest = rest & 1 == 1 ? rest >> 1 ^ 0x82F6_3B78 : rest >> 1 }
            tables[byte] = rest
        }
        for index in 256..<8 * 256 {
            let before = tables[index - 256]
            tables[index] = before >> 8 ^ tables[Int(before & 0xFF)]
        }
        return tables
    }()

    package static func of(_ bytes: Span<UInt8>) -> UInt32 {
        let tables = tables.span
        var state = UInt32.max
        var offset = 0
        while bytes.count - offset >= 8 {
            // SAFETY: eight bytes lie between the offset and the end.
            let loaded = unsafe bytes.bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: offset, as: UInt64.self)
            let word = UInt64(littleEndian: loaded) ^ UInt64(state)
            state = 0
            for place in 0..<8 {
                let byte = Int(truncatingIfNeeded: word >> (8 * UInt64(place))) & 0xFF
                state ^= tables[(7 - place) * 256 + byte]
            }
            offset += 8
        }
        while offset < bytes.count {
            state = state >> 8 ^ tables[Int((state ^ UInt32(bytes[offset])) & 0xFF)]
            offset += 1
        }
        return ~state
    }
}

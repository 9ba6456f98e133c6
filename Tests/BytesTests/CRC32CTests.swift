import Testing

import Bytes

@Suite struct CRC32CTests {
    @Test("the examples of RFC 3720 section B.4, and the polynomial's check value")
    func agrees() {
        let examples: [([UInt8], UInt32)] = [
            (Array("123456789".utf8), 0xE306_9283), ([], 0),
            ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
            ((0..<32).map { UInt8($0) }, 0x46DD_794E),
            ((0..<32).reversed().map { UInt8($0) }, 0x113F_DB5C),
        ]
        for (bytes, sum) in examples { #expect(CRC32C.of(bytes.span) == sum) }
    }

    @Test("every bit counts, at each place")
    func seesEveryBit() {
        let bytes = (0..<37).map { UInt8($0) }
        let sum = CRC32C.of(bytes.span)
        for index in bytes.indices {
            for bit in 0..<8 {
                var spoiled = bytes
                spoiled[index] ^= 1 << UInt8(bit)
                #expect(CRC32C.of(spoiled.span) != sum)
            }
        }
    }
}

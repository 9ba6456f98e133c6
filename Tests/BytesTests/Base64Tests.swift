import Bytes
import Foundation
import Testing

@Suite struct Base64Tests {
    @Test("bytes of every length are what Foundation makes of them, and read back")
    func agrees() {
        let seed = UInt8.random(in: 0...255)
        for length in 0..<300 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37) ^ seed }
            let text = String(base64: bytes)
            #expect(text == Data(bytes).base64EncodedString(), "seed \(seed)")
            #expect(text.base64Bytes == bytes, "seed \(seed)")
        }
    }

    @Test(
        "what is no Base64 is refused",
        arguments: ["A", "AB", "ABC", "A===", "AB=C", "AB-_", "AB C", "====", "ÄB=="])
    func refuses(_ text: String) {
        #expect(text.base64Bytes == nil)
    }
}

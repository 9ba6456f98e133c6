import Testing
import Wire

@Suite struct RequestKeyTests {
    private func key(_ key: String, _ body: String) -> RequestKey {
        let (head, bytes) = (Array(key.utf8), Array(body.utf8))
        return RequestKey(head.span).with(body: bytes.span)
    }

    @Test("the same key and body give the same pieces; another key or body gives others")
    func separatesRequests() {
        let body = #"{"cpu":1,"rps":2}"#
        let first = key("k1", body)
        #expect(first == key("k1", body))
        let requests = [
            first, key("k2", body), key("k1", body + " "), key("k1", ""),
        ]
        let pieces = requests.flatMap { request in (0..<200).map { request.piece($0) } }
        #expect(Set(pieces).count == pieces.count)
    }

    @Test("bytes that move between key and body make another request")
    func separatesKeyAndBody() {
        let text = "0123456789abcdefghijklmnopqrstuvwxyz"
        let hashes = (1...text.count).map { length in
            key(String(text.prefix(length)), String(text.dropFirst(length))).piece(0)
        }
        #expect(Set(hashes).count == text.count)
    }

    @Test("every byte counts, at each place and for each length")
    func seesEveryByte() {
        var hashes: Set<UInt64> = []
        var count = 0
        for length in 0...40 {
            let zeros = [UInt8](repeating: 0, count: length)
            hashes.insert(RequestKey(zeros.span).piece(0))
            count += 1
            for index in 0..<length {
                for bit in 0..<8 as Range<UInt8> {
                    var bytes = zeros
                    bytes[index] = 1 << bit
                    hashes.insert(RequestKey(bytes.span).piece(0))
                    count += 1
                }
            }
        }
        #expect(hashes.count == count)
    }

    @Test("a piece has 1,024 samples")
    func cutsRequests() {
        #expect(RequestKey.pieceSamples == 1024)
        #expect([0, 1023, 1024, 99_999].map(RequestKey.piece(ofSample:)) == [0, 0, 1, 97])
    }
}

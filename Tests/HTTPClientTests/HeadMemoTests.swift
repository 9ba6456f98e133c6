import HTTP
import Numerics
import Testing

@testable import HTTPClient

@Suite struct HeadMemoTests {
    @Test("a head remembered says what a head parsed says, whatever comes")
    func remembersHeads() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let heads = (0..<6).map {
            "HTTP/1.\($0 % 2) 20\($0) OK\r\nContent-Length: \($0 * 7)\r\nDate: \($0)\r\n\r\n"
        }
        var memo = HeadMemo()
        var hits = 0
        var last = 0
        for _ in 0..<5000 {
            // Mostly the same one again, as servers do.
            if random.below(20) == 0 { last = random.below(heads.count) }
            let bytes = Array((heads[last] + "body").utf8).dropLast(random.below(12))
            let input = Array(bytes)
            let parsed = try ResponseParser.parse(input.span)
            if let known = memo.summary(of: input.span) {
                hits += 1
                #expect(known == parsed, "seed \(seed)")
            } else if let parsed {
                memo.remember(input.span, parsed)
            }
        }
        #expect(hits > 500, "seed \(seed)")
    }
}

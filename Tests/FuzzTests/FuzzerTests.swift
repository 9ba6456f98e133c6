import Compression
import Testing

@testable import Fuzz

@Suite struct FuzzerTests {
    @Test("every target accepts its own examples, cut anywhere", arguments: FuzzTarget.allCases)
    func acceptsExamples(_ target: FuzzTarget) {
        for example in target.examples {
            for cut in 0...example.count {
                #expect(target.check(example, cut: cut) == nil, "cut at \(cut)")
            }
        }
    }

    @Test("the examples of coded bodies are of their codings")
    func decodesExamples() {
        for example in CodedInput.examples {
            let body = CodedInput.decoded(example, by: ContentDecoder())
            #expect(body?.starts(with: Array(#"{"cpu":1,""#.utf8)) == true, "\(example)")
        }
    }

    @Test("the fault of the canary is found within a few hundred inputs, from any seed")
    func findsCanary() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var fuzzer = Fuzzer(seed: seed)
        let found = (0..<1000).contains { _ in fuzzer.run(.canary) != nil }
        #expect(found, "seed \(seed)")
    }

    @Test("the same seed gives the same inputs")
    func repeatsItself() {
        let seed = UInt64.random(in: 0...UInt64.max)
        func faults() -> [String?] {
            var fuzzer = Fuzzer(seed: seed)
            return (0..<1000).map { _ in fuzzer.run(.canary) }
        }
        #expect(faults() == faults(), "seed \(seed)")
    }

    @Test("a short run over all parsers finds no fault")
    func findsNoFault() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var fuzzer = Fuzzer(seed: seed)
        for target in FuzzTarget.allCases where target != .canary {
            for _ in 0..<300 {
                let fault = fuzzer.run(target)
                #expect(fault == nil, "seed \(seed), \(target.rawValue): \(fault ?? "")")
            }
        }
    }
}

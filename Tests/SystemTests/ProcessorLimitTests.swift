import System
import Testing

@Suite struct ProcessorLimitTests {
    @Test(
        "a container's quota is so many loops, part of one counting as one",
        arguments: [
            ("max 100000\n", nil), ("100000 100000\n", 1), ("50000 100000\n", 1),
            ("150000 100000\n", 2), ("400000 100000", 4), ("100001 100000\n", 2), ("1 100000", 1),
            ("", nil), ("100000", nil), ("0 100000", nil), ("100000 0", nil), ("-1 100000", nil),
            ("9223372036854775807 1", Int.max), ("many few", nil),
        ] as [(String, Int?)])
    func readsUnified(_ text: String, _ expected: Int?) {
        #expect(ProcessorLimit.limit(unified: text) == expected)
    }

    @Test("version 1 has the quota and the period in files of their own")
    func readsSeparate() {
        #expect(ProcessorLimit.limit(quota: "250000\n", period: "100000\n") == 3)
        #expect(ProcessorLimit.limit(quota: "-1\n", period: "100000\n") == nil)
    }

    @Test("there is always a processor to run on")
    func isPositive() {
        #expect(availableProcessors() >= 1)
    }
}

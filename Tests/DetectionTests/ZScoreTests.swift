import Testing

@testable import Detection

@Suite struct ZScoreTests {
    /// One row of the rule.
    struct Row: CustomTestStringConvertible {
        let value, mean, deviation, score: Double
        let why: String

        var testDescription: String { why }
    }

    private static let rows = [
        Row(value: 12, mean: 10, deviation: 1, score: 2, why: "two deviations above"),
        Row(value: 4, mean: 10, deviation: 2, score: -3, why: "below is negative"),
        Row(value: 10, mean: 10, deviation: 0, score: 0, why: "constant and the same again"),
        Row(value: 0, mean: 0, deviation: 0, score: 0, why: "nothing after nothing"),
        Row(value: 1e-9, mean: 0, deviation: 0, score: 1, why: "the absolute floor"),
        Row(
            value: 2_000_004, mean: 2_000_000, deviation: 1e-3, score: 4 / 2.000000001,
            why: "the relative floor replaces a smaller deviation"),
        Row(
            value: 2_000_006, mean: 2_000_000, deviation: 3, score: 2,
            why: "a deviation above the floor is left alone"),
        Row(value: 1e9, mean: 10, deviation: 0, score: 1e6, why: "limited above"),
        Row(value: 0, mean: 1e9, deviation: 1e-3, score: -999_999.999999, why: "just inside below"),
        Row(
            value: .greatestFiniteMagnitude, mean: 1, deviation: 0, score: 1e6,
            why: "an overflowing quotient is the limit"),
        Row(
            value: 1.2e150, mean: 1e150, deviation: 1e149, score: 2,
            why: "large numbers keep their digits"),
    ]

    @Test("a score follows the rule", arguments: rows)
    func followsRule(_ row: Row) {
        let first = ZScore.scores(
            Pair(row.value, 5), mean: Pair(row.mean, 3), deviation: Pair(row.deviation, 2))
        let second = ZScore.scores(
            Pair(5, row.value), mean: Pair(3, row.mean), deviation: Pair(2, row.deviation))
        #expect(abs(first.x - row.score) <= 1e-9 * max(1, abs(row.score)))
        #expect(first.x == second.y, "rps and cpu are treated alike")
        #expect(first.y == 1)
        #expect(second.x == 1)
    }

    @Test("no score leaves its limits")
    func staysWithinLimits() {
        let numbers: [Double] = [
            0, .leastNonzeroMagnitude, 1e-300, 1e-9, 1, 1e9, 1e150, 1e300, .greatestFiniteMagnitude,
        ]
        for value in numbers {
            for mean in numbers where mean <= statisticsLimit {
                for deviation in numbers where deviation <= statisticsLimit {
                    let score = ZScore.scores(
                        Pair(value, value), mean: Pair(mean, mean),
                        deviation: Pair(deviation, deviation))
                    #expect(abs(score.x) <= ZScore.limit)
                    #expect(score.y == score.x)
                }
            }
        }
    }
}

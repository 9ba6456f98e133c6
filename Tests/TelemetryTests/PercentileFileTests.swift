import Bytes
import Numerics
import Telemetry
import Testing

@Suite struct PercentileFileTests {
    private func rows(_ histogram: Histogram, scale: Double) -> [[Double]] {
        var output = ByteBuffer(limit: 1 << 20)
        histogram.appendPercentiles(scale: scale, into: &output)
        return String(output.readable).split(separator: "\n").dropFirst()
            .filter { !$0.hasPrefix("#") }
            .map { $0.split(separator: " ").compactMap { Double($0) } }
    }

    @Test("each line has the value of its percentile, and the counts grow to the total")
    func agreesWithQuantiles() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var histogram = Histogram()
        for _ in 0..<100_000 { histogram.record(1 + random.below(1 + random.below(50_000_000))) }
        let rows = rows(histogram, scale: 1)
        #expect(rows.count > 60, "seed \(seed)")
        for row in rows {
            // The share times the count may round to either side of a whole number.
            let (low, high) = (histogram.quantile(row[1] - 1e-9), histogram.quantile(row[1] + 1e-9))
            #expect((low...high).contains(Int(row[0])), "seed \(seed), share \(row[1])")
        }
        for (row, next) in zip(rows, rows.dropFirst()) {
            #expect(row[0] <= next[0] && row[1] < next[1] && row[2] <= next[2], "seed \(seed)")
            #expect(abs(row[3] * (1 - row[1]) - 1) < 0.01, "seed \(seed)")
        }
        let last = try #require(rows.last)
        #expect(last[0] == Double(histogram.maximum) && last[1] == 1 && last[2] == 100_000)
    }

    @Test("histograms without values and with one value are valid files")
    func writesFewValues() {
        var histogram = Histogram()
        #expect(rows(histogram, scale: 1e6).count == 1)
        histogram.record(5_000_000)
        let rows = rows(histogram, scale: 1e6)
        #expect(rows.allSatisfy { abs($0[0] - 5) < 0.005 })
    }

    @Test("after a reset a histogram counts from zero, in the same memory")
    func resets() {
        var (histogram, fresh) = (Histogram(), Histogram())
        for value in 0..<5000 { histogram.record(value * 1000) }
        histogram.reset()
        #expect(histogram == fresh)
        histogram.record(77)
        fresh.record(77)
        #expect(histogram == fresh)
        #expect(histogram.buckets.map(\.upTo) == [77])
    }
}

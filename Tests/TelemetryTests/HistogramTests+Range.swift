import Numerics
import Telemetry
import Testing

extension HistogramTests {
    @Test("values up to 2,048 are told apart exactly, larger ones to a thousandth, at every border")
    func keepsThreeDigits() {
        var borders = [0, 1, 2, 1000]
        for power in 10..<36 {
            let border = 1 << power
            borders += [border - 1, border, border + 1, border + border / 1024, border * 3 / 2]
        }
        for value in borders where value <= 60_000_000_000 {
            var histogram = Histogram()
            histogram.record(value)
            // One larger value, because the maximum would limit the width of the last bucket.
            histogram.record(60_000_000_000)
            let read = histogram.quantile(0.5)
            #expect(read >= value, "\(value)")
            #expect(read - value <= (value < 2048 ? 0 : value / 1000), "\(value)")
        }
    }

    @Test("a median of 40 µs, recorded in nanoseconds, is 40 µs to three digits")
    func resolvesMicroseconds() {
        var histogram = Histogram()
        for step in 0..<1001 { histogram.record(35_000 + step * 10) }
        #expect(abs(histogram.quantile(0.5) - 40_000) <= 40)
    }

    @Test("without values everything is 0")
    func isEmpty() {
        let histogram = Histogram()
        #expect(histogram.quantile(0) == 0)
        #expect(histogram.quantile(1) == 0)
        #expect(histogram.mean == 0)
        #expect(histogram.maximum == 0)
        #expect(histogram.count == 0)
    }

    @Test("extreme values and shares are clamped, and the maximum stays exact")
    func clamps() {
        var histogram = Histogram(limit: 2048)
        for value in [Int.min, -1, 0, 2048, 2049, Int.max] { histogram.record(value) }
        #expect(histogram.count == 6)
        #expect(histogram.maximum == Int.max, "the maximum is exact, beyond the range too")
        #expect(histogram.quantile(0.5) == 0)
        #expect(histogram.quantile(-1) == 0)
        #expect(histogram.quantile(.nan) >= 0)
        #expect(histogram.quantile(2) == histogram.quantile(1))
        #expect(histogram.quantile(1) >= 2048)
    }

    @Test("with one value every quantile is this value")
    func holdsOne() {
        for value in [0, 1, 2047, 2048, 123_456_789, 60_000_000_000] {
            var histogram = Histogram()
            histogram.record(value)
            for share in [0, 0.5, 0.999, 1] { #expect(histogram.quantile(share) == value) }
            #expect(histogram.mean == Double(value))
        }
    }

    @Test("quantiles never fall as the share grows, and end at the maximum")
    func isMonotone() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var histogram = Histogram()
        for _ in 0..<10_000 { histogram.record(Int(random.next() >> (29 + random.below(30)))) }
        var last = 0
        for step in 0...1000 {
            let read = histogram.quantile(Double(step) / 1000)
            #expect(read >= last, "seed \(seed), step \(step)")
            last = read
        }
        #expect(last == histogram.maximum, "seed \(seed)")
    }

    @Test("the mean is that of the exact values")
    func meansExactly() {
        var histogram = Histogram()
        for value in [1_000_001, 1_000_002, 5_000_000] { histogram.record(value) }
        #expect(histogram.mean == 7_000_003.0 / 3)
    }

    @Test("the order of merging does not matter, and an empty histogram changes nothing")
    func mergesAnyhow() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var parts = Array(repeating: Histogram(), count: 3)
        for _ in 0..<3000 { parts[random.below(2)].record(random.below(1 << 37)) }
        var (forward, backward) = (Histogram(), parts[2])
        for part in parts { forward.merge(part) }
        for part in parts.reversed().dropFirst() { backward.merge(part) }
        #expect(forward == backward, "seed \(seed)")
        #expect(forward.count == 3000)
    }
}

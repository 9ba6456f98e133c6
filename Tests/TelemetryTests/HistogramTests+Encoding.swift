import Numerics
import Testing

@testable import Telemetry

extension HistogramTests {
    @Test("a histogram reads back from its bytes as it was, whatever is in it")
    func readsBack() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for limit in [2048, 100_000, 60_000_000_000] {
            for count in [0, 1, 10, 5000] {
                var histogram = Histogram(limit: limit)
                for _ in 0..<count { histogram.record(Int(random.unit() * Double(limit) * 1.1)) }
                let read = Histogram(
                    encodedCounts: histogram.encodedCounts, sum: histogram.sum,
                    maximum: histogram.maximum)
                #expect(read == histogram, "seed \(seed)")
            }
        }
    }

    @Test("the bytes are those of HdrHistogram's V2 encoding, by hand")
    func encodesByHand() {
        var histogram = Histogram(limit: 1_000_000)
        histogram.record(3)
        for _ in 0..<100 { histogram.record(5) }
        let header: [UInt8] = [
            0x1c, 0x84, 0x93, 0x13, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1,
            0, 0, 0, 0, 0, 0x0f, 0x42, 0x40, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0,
        ]
        // Three empty buckets, one value of 3, one empty bucket, a hundred values of 5.
        #expect(histogram.encodedCounts == header + [5, 2, 1, 0xc8, 1])
    }

    @Test("bytes that are no histogram are refused, wherever they are cut or changed")
    func refusesOthers() {
        var histogram = Histogram(limit: 100_000)
        for value in 0..<300 { histogram.record(value * 250) }
        let bytes = histogram.encodedCounts
        func read(_ bytes: [UInt8]) -> Histogram? {
            Histogram(encodedCounts: bytes, sum: 0, maximum: 0)
        }
        for length in 0..<bytes.count {
            let isRefused = read(Array(bytes.prefix(length))) == nil
            #expect(isRefused, "\(length) bytes")
        }
        // But for the lower bytes of the limit, where each number is a limit.
        for place in Array(0..<26) + Array(32..<40) {
            var changed = bytes
            changed[place] ^= 0x80
            let isRefused = read(changed) == nil
            #expect(isRefused, "byte \(place)")
        }
        // More buckets than any histogram has, and a number without an end.
        for payload: [UInt8] in [
            [0xff, 0xff, 0xff, 0xff, 0x0f], Array(repeating: 0xff, count: 12),
        ] {
            var long = Array(bytes.prefix(40)) + payload
            long[7] = UInt8(payload.count)
            (long[4], long[5], long[6]) = (0, 0, 0)
            let isRefused = read(long) == nil
            #expect(isRefused)
        }
    }
}

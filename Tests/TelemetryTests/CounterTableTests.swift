import Bytes
import Foundation
import Telemetry
import Testing

@Suite struct CounterTableTests {
    @Test("counters are independent; gauges are set, counters are added to")
    func counts() {
        let table = CounterTable(count: 3)
        #expect((0..<3).map { table[$0] } == [0, 0, 0])
        table.add(2, to: 0)
        table.add(5, to: 0)
        table.add(-1, to: 1)
        table.set(9, at: 2)
        table.set(4, at: 2)
        #expect((0..<3).map { table[$0] } == [7, -1, 4])
    }

    @Test("a count past the largest integer wraps and does not stop the service")
    func wraps() {
        let table = CounterTable(count: 1)
        table.set(.max, at: 0)
        table.add(1, to: 0)
        #expect(table[0] == .min)
    }

    @Test("another thread sees a counter only grow, and its final value at the end")
    func isReadElsewhere() {
        let table = CounterTable(count: 2)
        let total = 200_000
        let writer = Thread {
            for _ in 0..<total { table.add(1, to: 1) }
        }
        writer.start()
        var (last, falls) = (0, 0)
        while !writer.isFinished {
            let seen = table[1]
            if seen < last { falls += 1 }
            last = seen
        }
        #expect(falls == 0)
        #expect(table[1] == total)
        #expect(table[0] == 0)
    }
}

@Suite struct DurationBucketsTests {
    private func counts(_ buckets: DurationBuckets) -> [Int] {
        (0...DurationBuckets.upperBounds.count).map { buckets.count(inBucket: $0) }
    }

    @Test("the bounds are the documented ones, in order")
    func hasBounds() {
        let bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
        #expect(DurationBuckets.upperBounds == bounds)
    }

    @Test("a duration equal to a bound counts in its bucket, one nanosecond more in the next")
    func dividesAtBounds() {
        let nanoseconds = [
            500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
            100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000,
        ]
        for (bucket, bound) in nanoseconds.enumerated() {
            let buckets = DurationBuckets()
            buckets.record(TimeSpan(nanoseconds: Int64(bound)))
            buckets.record(TimeSpan(nanoseconds: Int64(bound + 1)))
            var expected = Array(repeating: 0, count: nanoseconds.count + 1)
            expected[bucket] = 1
            expected[bucket + 1] = 1
            #expect(counts(buckets) == expected, "\(bound) ns")
        }
    }

    @Test("the sum is in seconds; a clock that stepped back adds nothing to it")
    func sums() {
        let buckets = DurationBuckets()
        buckets.record(.milliseconds(250))
        buckets.record(.seconds(3))
        buckets.record(TimeSpan(nanoseconds: -7))
        #expect(buckets.sumSeconds == 3.25)
        #expect(counts(buckets).reduce(0, +) == 3)
        #expect(buckets.count(inBucket: 0) == 1)
        #expect(buckets.count(inBucket: DurationBuckets.upperBounds.count) == 1)
    }
}

/// Values with three significant digits in fixed memory: the HDR histogram's layout.
///
/// Values up to 2048 have a bucket each; every doubling beyond shares 1024 buckets, so a bucket is
/// at most a thousandth of its value wide. Recording is a shift and an increment.
package struct Histogram: Equatable, Sendable {
    private static let subBucketBits = 11
    private static let subBuckets = 1 << subBucketBits
    private static let halfBits = subBucketBits - 1

    /// Largest value told apart; what is above counts as this, and in `saturated`.
    package let limit: Int
    private var counts: [UInt64]
    package private(set) var count: UInt64 = 0
    package private(set) var sum = 0.0
    package private(set) var maximum = 0
    package private(set) var minimum = Int.max
    package private(set) var saturated: UInt64 = 0

    /// - Parameter limit: in the unit of the values; for latencies 60 s in nanoseconds.
    package init(limit: Int = 60_000_000_000) {
        precondition(limit >= Histogram.subBuckets, "a histogram of three digits needs some range")
        self.limit = limit
        counts = Array(repeating: 0, count: Histogram.index(limit) + 1)
    }

    /// Takes one value in; a negative one counts as 0.
    @inline(__always)
    package mutating func record(_ value: Int) {
        let positive = max(0, value)
        let clamped = min(positive, limit)
        if positive > limit { saturated += 1 }
        counts[Histogram.index(clamped)] += 1
        count += 1
        sum += Double(positive)
        maximum = max(maximum, positive)
        minimum = min(minimum, positive)
    }

    package mutating func merge(_ other: Histogram) {
        precondition(limit == other.limit, "histograms of different ranges don't add up")
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        sum += other.sum
        maximum = max(maximum, other.maximum)
        minimum = min(minimum, other.minimum)
        saturated += other.saturated
    }

    /// Forgets all values; the memory stays.
    package mutating func reset() {
        guard count > 0 else { return }
        for index in counts.indices { counts[index] = 0 }
        count = 0
        sum = 0
        maximum = 0
        minimum = Int.max
        saturated = 0
    }

    /// The buckets that hold values, in order: their largest value, and how many they hold.
    package var buckets: [(upTo: Int, count: UInt64)] {
        var filled: [(upTo: Int, count: UInt64)] = []
        for (index, bucket) in counts.enumerated() where bucket > 0 {
            filled.append((min(Histogram.lastValue(index), maximum), bucket))
        }
        return filled
    }

    /// Mean of the exact values; 0 without any.
    package var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// The smallest value that at least `share` (0 … 1) of the values do not exceed, rounded up to
    /// the end of its bucket; 0 without any value.
    package func quantile(_ share: Double) -> Int {
        guard count > 0 else { return 0 }
        let wanted = max(1, UInt64((max(0, min(1, share)) * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for (index, bucket) in counts.enumerated() where bucket > 0 {
            seen += bucket
            if seen >= wanted { return min(Histogram.lastValue(index), maximum) }
        }
        return maximum
    }

    @inline(__always)
    private static func index(_ value: Int) -> Int {
        let bits = Int.bitWidth - (value | (subBuckets - 1)).leadingZeroBitCount
        let shift = bits - subBucketBits
        return shift << halfBits + (value >> shift)
    }

    /// The largest value of a bucket.
    private static func lastValue(_ index: Int) -> Int {
        guard index >= subBuckets else { return index }
        let shift = index >> halfBits - 1
        let position = index - shift << halfBits
        return (position + 1) << shift - 1
    }
}

/// Counts values with three significant digits in fixed memory; the layout is that of HdrHistogram.
///
/// Each value below 2048 has its own bucket. Each doubling above has 1024 buckets, so the width of
/// a bucket is at most a thousandth of its values. Recording is a shift and an increment.
package struct Histogram: Equatable, Sendable {
    private static let subBucketBits = 11
    private static let subBuckets = 1 << subBucketBits
    private static let halfBits = subBucketBits - 1

    /// Largest value with a bucket; larger values count in its bucket.
    package let limit: Int
    private var counts: [UInt64]
    package private(set) var count: UInt64 = 0
    package private(set) var sum = 0.0
    /// The exact largest value, also above `limit`.
    package private(set) var maximum = 0

    /// - Parameter limit: in the unit of the values; the default is 60 s in nanoseconds, for
    ///   latencies.
    package init(limit: Int = 60_000_000_000) {
        precondition(limit >= Histogram.subBuckets, "a histogram of three digits needs some range")
        self.limit = limit
        counts = Array(repeating: 0, count: Histogram.index(limit) + 1)
    }

    /// Counts one value; a negative one counts as 0.
    @inline(__always)
    package mutating func record(_ value: Int) {
        let positive = max(0, value)
        let clamped = min(positive, limit)
        counts[Histogram.index(clamped)] += 1
        count += 1
        sum += Double(positive)
        maximum = max(maximum, positive)
    }

    /// Adds all values of another histogram with the same limit.
    package mutating func merge(_ other: Histogram) {
        precondition(limit == other.limit, "histograms of different ranges don't add up")
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        sum += other.sum
        maximum = max(maximum, other.maximum)
    }

    /// Removes all values; keeps the memory.
    package mutating func reset() {
        guard count > 0 else { return }
        for index in counts.indices { counts[index] = 0 }
        count = 0
        sum = 0
        maximum = 0
    }

    /// Limits that a stored histogram may have: from the least that makes sense to some 12 days of
    /// nanoseconds, which bounds the memory.
    static let limits = subBuckets...(1 << 50)
    /// Buckets of the largest of them.
    static let bucketLimit = index(limits.upperBound) + 1

    /// The count of every bucket, in order.
    var bucketCounts: [UInt64] { counts }

    /// Takes the counts of the first buckets, for a histogram that is empty so far.
    /// - Returns: false when there are more counts than buckets, or more values than anybody
    ///   counts.
    mutating func restore(_ stored: [UInt64], sum: Double, maximum: Int) -> Bool {
        guard stored.count <= counts.count, maximum >= 0 else { return false }
        let most: UInt64 = 1 << 53
        for (index, bucket) in stored.enumerated() {
            guard bucket < most, count < most else { return false }
            counts[index] = bucket
            count += bucket
        }
        self.sum = sum
        self.maximum = maximum
        return true
    }

    /// The buckets that are not empty, in order: the largest value of each, and its count.
    package var buckets: [(upTo: Int, count: UInt64)] {
        var filled: [(upTo: Int, count: UInt64)] = []
        for (index, bucket) in counts.enumerated() where bucket > 0 {
            filled.append((min(Histogram.lastValue(index), maximum), bucket))
        }
        return filled
    }

    /// Mean of the exact values; 0 without values.
    package var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// The smallest value such that at least `share` (0 … 1) of the values are not larger, rounded
    /// up to the end of its bucket; 0 without values.
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

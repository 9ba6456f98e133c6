package import Bytes

/// Durations of requests in buckets, for a Prometheus histogram. One thread writes, any thread
/// reads.
package final class DurationBuckets: Sendable {
    /// Upper bounds in seconds. Dashboards and alert rules depend on these values.
    package static let upperBounds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
    ]
    /// The same in nanoseconds, so that `record` needs no division.
    private static let bounds: [Int64] = upperBounds.map { Int64($0 * 1e9) }
    private static let sumIndex = upperBounds.count + 1

    private let counters = CounterTable(count: upperBounds.count + 2)
    private let bounds = DurationBuckets.bounds

    package init() {}

    /// Counts one duration. Only the writing thread may call this.
    package func record(_ duration: TimeSpan) {
        var bucket = 0
        while bucket < bounds.count, duration.nanoseconds > bounds[bucket] { bucket += 1 }
        counters.add(1, to: bucket)
        counters.add(Int(max(0, duration.nanoseconds)), to: DurationBuckets.sumIndex)
    }

    /// Number of durations above the previous bound and up to this one. The last bucket has those
    /// above all bounds.
    package func count(inBucket bucket: Int) -> Int { counters[bucket] }

    package var sumSeconds: Double { Double(counters[DurationBuckets.sumIndex]) * 1e-9 }
}

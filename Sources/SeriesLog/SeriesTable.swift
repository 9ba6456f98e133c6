package import Bytes
package import Detection

/// Series by device name, ordered by their last activity: one stripe of the memory log.
///
/// A hash table with open addressing leads from a name to the index of its series. The series are
/// linked from the newest activity to the oldest, so the one idle longest is found at once.
package struct SeriesTable: ~Copyable {
    struct Series: ~Copyable {
        var fold: SeriesFold
        let key: DeviceKey
        let hash: UInt64
        var lastActivity: Instant
        var newer: Int32 = SeriesTable.none
        var older: Int32 = SeriesTable.none
    }

    /// An index with the low half of its name's hash. Looking past other names, and growing, then
    /// touches no series: with a million of them each touch is a cache miss.
    private struct Bucket {
        var index: Int32
        var hash: UInt32

        static let empty = Bucket(index: none, hash: 0)
        var isEmpty: Bool { index == none }
    }

    /// No series.
    package static let none: Int32 = -1

    private let parameters: FoldParameters
    private var series = SeriesBlocks()
    /// The number of buckets is a power of two. At most three quarters of them are full.
    private var buckets: [Bucket] = Array(repeating: .empty, count: 16)
    package private(set) var count = 0
    /// The series with the newest activity, and the one idle longest; `none` when there is none.
    package private(set) var newest = none
    package private(set) var oldest = none

    package init(_ parameters: FoldParameters) {
        self.parameters = parameters
    }

    /// The series of a device; nil when it is not here.
    package func find(_ name: Span<UInt8>, hash: UInt64) -> Int32? {
        let half = UInt32(truncatingIfNeeded: hash)
        var bucket = Int(half) & (buckets.count - 1)
        while !buckets[bucket].isEmpty {
            let index = buckets[bucket].index
            if buckets[bucket].hash == half, series[index].key.equals(name) { return index }
            bucket = (bucket + 1) & (buckets.count - 1)
        }
        return nil
    }

    /// Makes an empty series for a device that is not here yet.
    package mutating func insert(_ name: Span<UInt8>, hash: UInt64, now: Instant) -> Int32 {
        if (count + 1) * 4 > buckets.count * 3 { growBuckets() }
        let index = series.insert(
            Series(
                fold: SeriesFold(parameters), key: DeviceKey(name), hash: hash,
                lastActivity: nextActivity(now)))
        enter(Bucket(index: index, hash: UInt32(truncatingIfNeeded: hash)))
        linkAsNewest(index)
        count += 1
        return index
    }

    package mutating func remove(_ index: Int32) {
        unlink(index)
        removeBucket(of: index, hash: series[index].hash)
        series.remove(index)
        count -= 1
    }

    /// Drops the series idle longest.
    /// - Returns: false when there is none.
    package mutating func removeOldest() -> Bool {
        guard oldest != SeriesTable.none else { return false }
        remove(oldest)
        return true
    }

    // MARK: Folds

    /// Folds a sample into a series and makes it the newest.
    package mutating func fold(_ sample: Sample, into index: Int32, now: Instant) -> Verdict {
        let activity = nextActivity(now)
        if index != newest {
            unlink(index)
            linkAsNewest(index)
        }
        series[index].lastActivity = activity
        return series[index].fold.fold(sample, parameters)
    }

    /// Gives a series another fold.
    package mutating func replaceFold(of index: Int32, with fold: consuming SeriesFold) {
        // The old fold is exchanged and dropped here. When it is assigned in place, an optimized
        // build (Swift 6.3) does not free its window.
        var other = fold
        swap(&series[index].fold, &other)
    }

    /// Begins a series anew.
    package mutating func resetFold(of index: Int32) {
        replaceFold(of: index, with: SeriesFold(parameters))
    }

    /// The fold of a series as a checkpoint.
    package mutating func encodeFold(of index: Int32) -> [UInt8] {
        series[index].fold.encode(parameters)
    }

    package func totals(of index: Int32) -> SeriesTotals { series[index].fold.totals }

    package mutating func setTotals(of index: Int32, to totals: SeriesTotals) {
        series[index].fold.totals = totals
    }

    package func summary(of index: Int32) -> SeriesSummary { series[index].fold.summary }

    package func key(of index: Int32) -> DeviceKey { series[index].key }

    package func entry(of index: Int32) -> DeviceEntry {
        DeviceEntry(
            key: series[index].key, lastActivity: series[index].lastActivity,
            summary: series[index].fold.summary)
    }

    // MARK: Activity

    package func lastActivity(of index: Int32) -> Instant { series[index].lastActivity }

    /// When the series idle longest was last active; never when there is none.
    package var oldestActivity: Instant {
        oldest == SeriesTable.none ? .never : series[oldest].lastActivity
    }

    /// The next series towards the oldest activity; `none` after the last.
    package func older(than index: Int32) -> Int32 { series[index].older }
    /// The next series towards the newest activity; `none` after the last.
    package func newer(than index: Int32) -> Int32 { series[index].newer }

    /// The time of an activity that happens now. It is later than every other of the table, by a
    /// nanosecond where needed: so the order of a listing is the order of the links.
    private func nextActivity(_ now: Instant) -> Instant {
        guard newest != SeriesTable.none else { return now }
        return max(now, series[newest].lastActivity + TimeSpan(nanoseconds: 1))
    }

    private mutating func linkAsNewest(_ index: Int32) {
        series[index].older = newest
        series[index].newer = SeriesTable.none
        if newest != SeriesTable.none { series[newest].newer = index }
        newest = index
        if oldest == SeriesTable.none { oldest = index }
    }

    private mutating func unlink(_ index: Int32) {
        let newer = series[index].newer
        let older = series[index].older
        if newer != SeriesTable.none { series[newer].older = older } else { newest = older }
        if older != SeriesTable.none { series[older].newer = newer } else { oldest = newer }
    }

    // MARK: Buckets

    private mutating func enter(_ entry: Bucket) {
        var bucket = Int(entry.hash) & (buckets.count - 1)
        while !buckets[bucket].isEmpty { bucket = (bucket + 1) & (buckets.count - 1) }
        buckets[bucket] = entry
    }

    /// Empties the bucket of a series and closes the gap, so that no search ends too early.
    private mutating func removeBucket(of index: Int32, hash: UInt64) {
        let mask = buckets.count - 1
        var gap = Int(UInt32(truncatingIfNeeded: hash)) & mask
        while buckets[gap].index != index { gap = (gap + 1) & mask }
        var bucket = gap
        while true {
            bucket = (bucket + 1) & mask
            let candidate = buckets[bucket]
            guard !candidate.isEmpty else { break }
            let home = Int(candidate.hash) & mask
            // It may move into the gap unless its home lies cyclically in (gap, bucket].
            if (bucket - home) & mask >= (bucket - gap) & mask {
                buckets[gap] = candidate
                gap = bucket
            }
        }
        buckets[gap] = .empty
    }

    private mutating func growBuckets() {
        let old = buckets
        buckets = Array(repeating: .empty, count: old.count * 2)
        for entry in old where !entry.isEmpty { enter(entry) }
    }
}

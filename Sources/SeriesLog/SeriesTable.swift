package import Bytes

/// A series of a table; it names the series until it is removed. Then another may get it.
package struct SeriesID: Hashable, Sendable {
    let index: Int32

    /// No series.
    package static let none = SeriesID(index: -1)

    package var isNone: Bool { index < 0 }
}

/// Series by device name, ordered by their last activity, each with some content.
///
/// A hash table with open addressing leads from a name to its series. The series are linked from
/// the newest activity to the oldest, so the one idle longest is found at once.
package struct SeriesTable<Content: ~Copyable>: ~Copyable {
    struct Series: ~Copyable {
        var content: Content
        let key: DeviceKey
        let hash: UInt64
        var lastActivity: Instant
        var newer = SeriesID.none
        var older = SeriesID.none
        var isMarked = false
    }

    /// A series with the low half of its name's hash. Looking past other names, and growing, then
    /// touches no series: with a million of them each touch is a cache miss.
    private struct Bucket {
        var series: SeriesID
        var hash: UInt32

        static var empty: Bucket { Bucket(series: .none, hash: 0) }
        var isEmpty: Bool { series.isNone }
    }

    private var series = SeriesBlocks<Series>()
    /// The number of buckets is a power of two. At most three quarters of them are full.
    private var buckets: [Bucket] = Array(repeating: .empty, count: 16)
    package private(set) var count = 0
    /// The series with the newest activity, and the one idle longest; `none` when there is none.
    package private(set) var newest = SeriesID.none
    package private(set) var oldest = SeriesID.none
    private var marks = ActivityMarks()
    /// Series that became the newest, or the oldest, since the last mark there.
    private var newestUnmarked: Int32 = 0
    private var oldestUnmarked: Int32 = 0

    package init() {}

    /// The series of a device; nil when it is not here.
    package func find(_ name: Span<UInt8>, hash: UInt64) -> SeriesID? {
        let half = UInt32(truncatingIfNeeded: hash)
        var bucket = Int(half) & (buckets.count - 1)
        while !buckets[bucket].isEmpty {
            let found = buckets[bucket].series
            if buckets[bucket].hash == half, series[found.index].key.equals(name) { return found }
            bucket = (bucket + 1) & (buckets.count - 1)
        }
        return nil
    }

    /// Takes in a device that is not here yet, as the newest.
    package mutating func insert(
        _ name: Span<UInt8>, hash: UInt64, _ content: consuming Content, now: Instant
    ) -> SeriesID {
        let id = add(name, hash: hash, content, lastActivity: nextActivity(now))
        linkAsNewest(id)
        return id
    }

    /// Takes in a device that is not here yet, as the one idle longest.
    package mutating func insertOldest(
        _ name: Span<UInt8>, hash: UInt64, _ content: consuming Content, lastActivity: Instant
    ) -> SeriesID {
        let bound =
            oldest.isNone
            ? lastActivity : Instant(nanoseconds: oldestActivity.nanoseconds - 1)
        let id = add(name, hash: hash, content, lastActivity: min(lastActivity, bound))
        linkAsOldest(id)
        return id
    }

    private mutating func add(
        _ name: Span<UInt8>, hash: UInt64, _ content: consuming Content, lastActivity: Instant
    ) -> SeriesID {
        if (count + 1) * 4 > buckets.count * 3 { growBuckets() }
        let id = SeriesID(
            index: series.insert(
                Series(
                    content: content, key: DeviceKey(name), hash: hash,
                    lastActivity: lastActivity)))
        enter(Bucket(series: id, hash: UInt32(truncatingIfNeeded: hash)))
        count += 1
        return id
    }

    package mutating func remove(_ id: SeriesID) {
        unlink(id)
        removeBucket(of: id, hash: series[id.index].hash)
        series.remove(id.index)
        count -= 1
    }

    /// What is kept of a series.
    package subscript(id: SeriesID) -> Content {
        _read { yield series[id.index].content }
        _modify { yield &series[id.index].content }
    }

    package func key(of id: SeriesID) -> DeviceKey { series[id.index].key }

    // MARK: Activity

    /// Notes that a series is active now: it becomes the newest.
    package mutating func touch(_ id: SeriesID, now: Instant) {
        let activity = nextActivity(now)
        if id != newest {
            unlink(id)
            linkAsNewest(id)
        } else if series[id.index].isMarked {
            moveMark(from: id, to: .none)
        }
        series[id.index].lastActivity = activity
    }

    /// Notes that a series was active before all others: it becomes the one idle longest.
    package mutating func moveToOldest(_ id: SeriesID, lastActivity: Instant) {
        unlink(id)
        let bound =
            oldest.isNone ? lastActivity : Instant(nanoseconds: oldestActivity.nanoseconds - 1)
        linkAsOldest(id)
        series[id.index].lastActivity = min(lastActivity, bound)
    }

    package func lastActivity(of id: SeriesID) -> Instant { series[id.index].lastActivity }

    /// When the series idle longest was last active; never when there is none.
    package var oldestActivity: Instant {
        oldest.isNone ? .never : series[oldest.index].lastActivity
    }

    /// The next series towards the oldest activity; `none` after the last.
    package func older(than id: SeriesID) -> SeriesID { series[id.index].older }
    /// The next series towards the newest activity; `none` after the last.
    package func newer(than id: SeriesID) -> SeriesID { series[id.index].newer }

    /// The time of an activity that happens now. It is later than every other of the table, by a
    /// nanosecond where needed: so the order of a listing is the order of the links.
    private func nextActivity(_ now: Instant) -> Instant {
        guard !newest.isNone else { return now }
        return max(now, series[newest.index].lastActivity + TimeSpan(nanoseconds: 1))
    }

    /// The series with the newest activity that is not after this one; `none` when there is none.
    package func newest(notAfter activity: Instant) -> SeriesID {
        var id = marks.first(from: activity) ?? newest
        while !id.isNone, series[id.index].lastActivity > activity { id = series[id.index].older }
        return id
    }

    private mutating func linkAsNewest(_ id: SeriesID) {
        newestUnmarked += 1
        if newestUnmarked >= ActivityMarks.distance { markNewest() }
        series[id.index].older = newest
        series[id.index].newer = .none
        if !newest.isNone { series[newest.index].newer = id }
        newest = id
        if oldest.isNone { oldest = id }
    }

    /// Marks the series that is about to be the newest no more, because that one moves most.
    @inline(never)
    private mutating func markNewest() {
        newestUnmarked = 0
        guard !newest.isNone, !series[newest.index].isMarked else { return }
        series[newest.index].isMarked = true
        marks.appendNewest(newest, series[newest.index].lastActivity)
    }

    private mutating func linkAsOldest(_ id: SeriesID) {
        oldestUnmarked += 1
        if oldestUnmarked >= ActivityMarks.distance, !oldest.isNone {
            oldestUnmarked = 0
            if !series[oldest.index].isMarked {
                series[oldest.index].isMarked = true
                marks.appendOldest(oldest, series[oldest.index].lastActivity)
            }
        }
        series[id.index].newer = oldest
        series[id.index].older = .none
        if !oldest.isNone { series[oldest.index].older = id }
        oldest = id
        if newest.isNone { newest = id }
    }

    private mutating func unlink(_ id: SeriesID) {
        let newer = series[id.index].newer
        let older = series[id.index].older
        if !newer.isNone { series[newer.index].older = older } else { newest = older }
        if !older.isNone { series[older.index].newer = newer } else { oldest = newer }
        if series[id.index].isMarked { moveMark(from: id, to: older) }
    }

    @inline(never)
    private mutating func moveMark(from id: SeriesID, to older: SeriesID) {
        series[id.index].isMarked = false
        let activity = series[id.index].lastActivity
        guard !older.isNone, !series[older.index].isMarked else {
            return marks.move(from: activity, to: nil)
        }
        series[older.index].isMarked = true
        marks.move(from: activity, to: (older, series[older.index].lastActivity))
    }

    // MARK: Buckets

    private mutating func enter(_ entry: Bucket) {
        var bucket = Int(entry.hash) & (buckets.count - 1)
        while !buckets[bucket].isEmpty { bucket = (bucket + 1) & (buckets.count - 1) }
        buckets[bucket] = entry
    }

    /// Empties the bucket of a series and closes the gap, so that no search ends too early.
    private mutating func removeBucket(of id: SeriesID, hash: UInt64) {
        let mask = buckets.count - 1
        var gap = Int(UInt32(truncatingIfNeeded: hash)) & mask
        while buckets[gap].series != id { gap = (gap + 1) & mask }
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

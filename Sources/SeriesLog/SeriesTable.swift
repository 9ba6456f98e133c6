package import Bytes
package import Detection

/// Series by device name, ordered by their last activity: one stripe of the memory log.
///
/// An open-addressing index of slot numbers over blocks of series that never move. The slots are
/// linked from the newest activity to the oldest, so the series idle longest is at hand.
@safe package struct SeriesTable: ~Copyable {
    struct Series: ~Copyable {
        var fold: SeriesFold
        let key: DeviceKey
        let hash: UInt64
        var lastActivity: Instant
        var newer: Int32 = SeriesTable.none
        var older: Int32 = SeriesTable.none
    }

    /// A slot with the low half of its hash beside it, so that probing past a stranger and growing
    /// the index touch no series: at a million of them each touch is a cache miss.
    private struct IndexEntry {
        var slot: Int32
        var hash: UInt32

        static let empty = IndexEntry(slot: none, hash: 0)
        var isEmpty: Bool { slot == none }
    }

    package static let none: Int32 = -1
    private static let blockShift = 6
    private static let blockLength = 1 << blockShift

    private let parameters: FoldParameters
    private var blocks: [UnsafeMutablePointer<Series>] = unsafe []
    private var slotCount: Int32 = 0
    private var free: [Int32] = []
    /// Slots by hash. Its length is a power of two, at most three quarters full.
    private var index: [IndexEntry] = Array(repeating: .empty, count: 16)
    package private(set) var count = 0
    private var newest = none
    private var oldest = none

    package init(_ parameters: FoldParameters) {
        self.parameters = parameters
    }

    deinit {
        var slot = newest
        while slot != SeriesTable.none {
            let older = unsafe series(slot).pointee.older
            // SAFETY: linked slots hold a series; each is visited once.
            unsafe series(slot).deinitialize(count: 1)
            slot = older
        }
        for number in unsafe blocks.indices {
            // SAFETY: every block was allocated in `newSlot`, and its series are gone.
            unsafe blocks[number].deallocate()
        }
    }

    private func series(_ slot: Int32) -> UnsafeMutablePointer<Series> {
        // SAFETY: slots are below slotCount, for which blocks were allocated.
        unsafe blocks[Int(slot) >> SeriesTable.blockShift]
            + (Int(slot) & (SeriesTable.blockLength - 1))
    }

    /// The slot of a device; nil when it is not here.
    package func find(_ name: Span<UInt8>, hash: UInt64) -> Int32? {
        let half = UInt32(truncatingIfNeeded: hash)
        var place = Int(half) & (index.count - 1)
        while !index[place].isEmpty {
            let slot = index[place].slot
            // SAFETY: the index names only slots that hold a series.
            if index[place].hash == half, unsafe series(slot).pointee.key.equals(name) {
                return slot
            }
            place = (place + 1) & (index.count - 1)
        }
        return nil
    }

    /// Makes an empty series for a device that is not here yet.
    package mutating func insert(_ name: Span<UInt8>, hash: UInt64, now: Instant) -> Int32 {
        if (count + 1) * 4 > index.count * 3 { growIndex() }
        let slot = newSlot()
        let activity = stamp(now)
        // SAFETY: a free slot is uninitialised memory inside a block.
        unsafe series(slot).initialize(
            to: Series(
                fold: SeriesFold(parameters), key: DeviceKey(name), hash: hash,
                lastActivity: activity))
        enter(IndexEntry(slot: slot, hash: UInt32(truncatingIfNeeded: hash)))
        linkAsNewest(slot)
        count += 1
        return slot
    }

    /// Folds a sample into a series and makes it the newest.
    package mutating func fold(_ sample: Sample, into slot: Int32, now: Instant) -> Verdict {
        let activity = stamp(now)
        if slot != newest {
            unlink(slot)
            linkAsNewest(slot)
        }
        // SAFETY: the slot holds a series; `mutating` keeps everybody else out.
        unsafe series(slot).pointee.lastActivity = activity
        return unsafe series(slot).pointee.fold.fold(sample, parameters)
    }

    /// The time of an activity, moved on by a nanosecond where needed: no two series of a table are
    /// equally new, so the order of a listing is the order of the links.
    private func stamp(_ now: Instant) -> Instant {
        guard newest != SeriesTable.none else { return now }
        let latest = unsafe series(newest).pointee.lastActivity
        return max(now, latest + TimeSpan(nanoseconds: 1))
    }

    /// Makes a series the newest without a sample.
    package mutating func touch(_ slot: Int32, now: Instant) {
        let activity = stamp(now)
        if slot != newest {
            unlink(slot)
            linkAsNewest(slot)
        }
        unsafe series(slot).pointee.lastActivity = activity
    }

    /// Puts another fold in a series' place.
    package mutating func replaceFold(_ slot: Int32, with fold: consuming SeriesFold) {
        // Exchanged and then dropped here: assigned in place, an optimized build (Swift 6.3) forgets to
        // free the old one's window.
        var other = fold
        // SAFETY: the slot holds a series; `mutating` keeps everybody else out.
        unsafe swap(&series(slot).pointee.fold, &other)
    }

    /// Begins a series anew.
    package mutating func resetFold(_ slot: Int32) {
        replaceFold(slot, with: SeriesFold(parameters))
    }

    /// The fold of a series as a checkpoint.
    package mutating func encodeFold(_ slot: Int32) -> [UInt8] {
        unsafe series(slot).pointee.fold.encode(parameters)
    }

    package func totals(_ slot: Int32) -> SeriesTotals { unsafe series(slot).pointee.fold.totals }

    package mutating func setTotals(_ slot: Int32, _ totals: SeriesTotals) {
        unsafe series(slot).pointee.fold.totals = totals
    }

    package func summary(_ slot: Int32) -> SeriesSummary {
        unsafe series(slot).pointee.fold.summary
    }

    // MARK: Age

    /// When the series idle longest was last active; never when there is none.
    package var oldestActivity: Instant {
        guard oldest != SeriesTable.none else { return .never }
        return unsafe series(oldest).pointee.lastActivity
    }

    /// Drops the series idle longest.
    /// - Returns: false when there is none.
    package mutating func removeOldest() -> Bool {
        guard oldest != SeriesTable.none else { return false }
        remove(oldest)
        return true
    }

    /// The slots from the newest activity to the oldest.
    package var newestSlot: Int32 { newest }
    package func olderSlot(than slot: Int32) -> Int32 { unsafe series(slot).pointee.older }
    package var oldestSlot: Int32 { oldest }
    package func newerSlot(than slot: Int32) -> Int32 { unsafe series(slot).pointee.newer }
    package func entryActivity(_ slot: Int32) -> Instant {
        unsafe series(slot).pointee.lastActivity
    }
    package func key(_ slot: Int32) -> DeviceKey { unsafe series(slot).pointee.key }
    package func name(_ slot: Int32) -> [UInt8] {
        let key = unsafe series(slot).pointee.key
        return Array(key.bytes)
    }
    package func entry(_ slot: Int32) -> DeviceEntry {
        unsafe DeviceEntry(
            key: series(slot).pointee.key, lastActivity: series(slot).pointee.lastActivity,
            summary: series(slot).pointee.fold.summary)
    }

    // MARK: Slots, links, index

    private mutating func newSlot() -> Int32 {
        if let slot = free.popLast() { return slot }
        if unsafe Int(slotCount) == blocks.count << SeriesTable.blockShift {
            unsafe blocks.append(
                UnsafeMutablePointer<Series>.allocate(capacity: SeriesTable.blockLength))
        }
        slotCount += 1
        return slotCount - 1
    }

    package mutating func remove(_ slot: Int32) {
        unlink(slot)
        // SAFETY: the slot holds a series; it is moved out once and leaves the index.
        unsafe leave(slot, series(slot).pointee.hash)
        unsafe series(slot).deinitialize(count: 1)
        free.append(slot)
        count -= 1
    }

    private mutating func linkAsNewest(_ slot: Int32) {
        unsafe series(slot).pointee.older = newest
        unsafe series(slot).pointee.newer = SeriesTable.none
        if newest != SeriesTable.none { unsafe series(newest).pointee.newer = slot }
        newest = slot
        if oldest == SeriesTable.none { oldest = slot }
    }

    private mutating func unlink(_ slot: Int32) {
        let newer = unsafe series(slot).pointee.newer
        let older = unsafe series(slot).pointee.older
        if newer != SeriesTable.none {
            unsafe series(newer).pointee.older = older
        } else {
            newest = older
        }
        if older != SeriesTable.none {
            unsafe series(older).pointee.newer = newer
        } else {
            oldest = newer
        }
    }

    private mutating func enter(_ entry: IndexEntry) {
        var place = Int(entry.hash) & (index.count - 1)
        while !index[place].isEmpty { place = (place + 1) & (index.count - 1) }
        index[place] = entry
    }

    /// Takes a slot out of the index and closes the gap, so that no probe ends too early.
    private mutating func leave(_ slot: Int32, _ hash: UInt64) {
        let mask = index.count - 1
        var gap = Int(UInt32(truncatingIfNeeded: hash)) & mask
        while index[gap].slot != slot { gap = (gap + 1) & mask }
        var place = gap
        while true {
            place = (place + 1) & mask
            let candidate = index[place]
            guard !candidate.isEmpty else { break }
            let home = Int(candidate.hash) & mask
            // It may move into the gap unless its home lies cyclically in (gap, place].
            if (place - home) & mask >= (place - gap) & mask {
                index[gap] = candidate
                gap = place
            }
        }
        index[gap] = .empty
    }

    private mutating func growIndex() {
        let old = index
        index = Array(repeating: .empty, count: old.count * 2)
        for entry in old where !entry.isEmpty { enter(entry) }
    }
}

/// A device as a listing shows it.
package struct DeviceEntry: Sendable {
    package let key: DeviceKey
    package let lastActivity: Instant
    package let summary: SeriesSummary
}

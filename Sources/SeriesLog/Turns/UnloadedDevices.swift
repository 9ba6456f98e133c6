internal import Bytes

/// Devices that the store knows and the table does not have: how many, by the minute of their last
/// activity. Which they are only the store knows.
struct UnloadedDevices {
    /// In milliseconds.
    private static let span = 60_000

    private var counts: [Int: Int] = [:]
    /// No minute before this one has any.
    private var first = Int.max
    private(set) var count = 0

    mutating func add(activity: Int) {
        let minute = activity / UnloadedDevices.span
        counts[minute, default: 0] += 1
        first = min(first, minute)
        count += 1
    }

    mutating func remove(activity: Int) {
        let minute = activity / UnloadedDevices.span
        guard let known = counts[minute] else { return }
        counts[minute] = known == 1 ? nil : known - 1
        count -= 1
    }

    /// Forgets those whose last activity was earlier, but for a part of a minute.
    /// - Returns: how many.
    mutating func expire(before activity: Int) -> Int {
        let bound = activity / UnloadedDevices.span
        guard first < bound else { return 0 }
        var expired = 0
        for minute in counts.keys where minute < bound {
            expired += counts.removeValue(forKey: minute) ?? 0
        }
        count -= expired
        first = counts.keys.min() ?? .max
        return expired
    }

    /// No last activity is later; nil when there are none.
    var latestActivity: Int? { counts.keys.max().map { ($0 + 1) * UnloadedDevices.span - 1 } }
}

/// Devices that are not in memory, where the store tells of each that it knows.
extension TurnLog {
    /// Unloads the device idle longest, to make room for another.
    /// - Returns: false when none can be: what is in the log stays in memory.
    mutating func unloadOldest() -> Bool {
        guard directory.isComplete else { return false }
        var id = table.oldest
        var looks = 0
        while !id.isNone, looks < 256 {
            if !table[id].isEmpty, !table[id].isPinned, !tail.holdsRecord(table[id].lastRecord),
                table[id].endedAt == 0
            {
                if !table[id].mayBeUnloaded { unloaded.add(activity: table[id].lastArrival) }
                remove(id)
                return true
            }
            id = table.newer(than: id)
            looks += 1
        }
        return false
    }

    /// A series was read that may have been unloaded.
    /// - Parameter activity: when its last sample came; 0 for none.
    mutating func noteLoaded(_ id: SeriesID, _ activity: Int) {
        table[id].mayBeUnloaded = false
        guard activity > 0 else { return }
        unloaded.remove(activity: activity)
        guard !table[id].isPlaced else { return }
        let instant = Instant(nanoseconds: Int64(clamping: activity) * 1_000_000)
        table.moveToOldest(id, lastActivity: instant)
    }

    /// Of the devices that were read, those with the newest activity are kept.
    mutating func leaveUnloaded(_ known: inout [(name: [UInt8], activity: Int)]) {
        known.sort { $0.activity > $1.activity }
        let room = max(0, deviceLimit - deviceCount)
        while known.count > room, let last = known.popLast() {
            if table.find(last.name.span, hash: hash(last.name.span)) == nil {
                unloaded.add(activity: last.activity)
            } else {
                // It is in the log: its fold goes on from a checkpoint.
                take(last.name, activity: last.activity, hash: hash(last.name.span))
            }
        }
    }

    // MARK: Listing

    /// Where a list goes on with devices that are not here: with those whose last activity is not
    /// later, in Unix milliseconds; nil when there are none.
    /// - Parameter name: of a device that is here, behind which the list goes on.
    package func lastUnloaded(after name: [UInt8]?) -> Int? {
        guard let latest = unloaded.latestActivity else { return nil }
        return name.flatMap { lastActivity(of: $0) }.map { min(latest, $0) } ?? latest
    }

    /// Whether the device is here, with its samples.
    package func isLoaded(_ name: [UInt8]) -> Bool {
        table.find(name.span, hash: hash(name.span)).map { !table[$0].isEmpty } ?? false
    }

    /// Devices that are here.
    package var loadedDevices: Int {
        mutating get { deviceCount }
    }
}

internal import Bytes
internal import Detection

/// The names of all devices that the log has known.
extension TurnLog {
    /// Takes in names of devices that the log has known, and where to go on.
    mutating func take(_ names: [(name: [UInt8], activity: Int)], next: UInt64) {
        guard case .reading(_, var known) = directory else { return }
        known += names
        if settings.unloadsDevices, known.count > 2 * deviceLimit + 65_536 || next == 0 {
            leaveUnloaded(&known)
        }
        guard next == 0 else {
            directory = .reading(cursor: next, known)
            return
        }
        directory = .complete
        known.sort { $0.activity > $1.activity }
        for (name, activity) in known {
            guard !name.isEmpty, name.count <= DeviceKey.byteLimit else { continue }
            take(name, activity: activity, hash: hash(name.span))
        }
        forgetEnds()
    }

    mutating func take(_ name: [UInt8], activity: Int, hash: UInt64) {
        let instant = Instant(nanoseconds: Int64(clamping: activity) * 1_000_000)
        guard let id = table.find(name.span, hash: hash) else {
            var series = LoggedSeries()
            series.lastArrival = activity
            series.isEmpty = false
            deviceCount += 1
            _ = table.insertOldest(name.span, hash: hash, series, lastActivity: instant)
            return
        }
        table[id].bornAt = 0
        table[id].mayBeUnloaded = false
        guard !table[id].isPlaced, table[id].endedAt == 0 else { return }
        table.moveToOldest(id, lastActivity: instant)
        table[id].lastArrival = max(table[id].lastArrival, activity)
        if table[id].isEmpty, !table[id].isHeld { begins(id) }
    }

    /// All names are read: ends that have left the log need not be remembered any longer.
    private mutating func forgetEnds() {
        var id = table.newest
        while !id.isNone {
            let older = table.older(than: id)
            let isInTail =
                table[id].endedAt >= tail.first && tail.holdsRecord(table[id].lastRecord)
            if table[id].endedAt > 0, !isInTail {
                table[id].endedAt = 0
                removeIfUseless(id)
            }
            id = older
        }
    }
}

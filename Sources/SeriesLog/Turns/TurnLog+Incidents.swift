internal import Bytes
internal import Detection

/// What the folds of a log say of incidents, and the folding that is done for that alone.
extension TurnLog {
    /// Notes that a sample of a device changes an incident.
    mutating func note(_ verdict: Verdict, of sample: Sample, _ id: SeriesID, clock: Int) {
        incidentEvents.append(
            IncidentEvent(
                device: Array(name(of: id).bytes), sample: sample, verdict: verdict,
                arrival: clock))
    }

    /// Records that are looked at at once, and series that are folded: a millisecond of work each.
    private static var followLooks: Int { 16_384 }
    private static var followFolds: Int { 2_048 }

    /// Folds what has come of all series, and of the fleet, whoever wrote it: what their incidents
    /// are is told then by this process too.
    /// - Parameters:
    ///   - entry: what came before it is known.
    ///   - times: what came before is known; for what came after it is too early, because whoever
    ///     stored it tells of it. In Unix milliseconds.
    package mutating func followAll(
        after entry: UInt64 = 0, _ times: ClosedRange<Int> = 0...Int.max
    ) {
        guard isFollowing, knowsDevices else { return }
        if settings.hasFleet { catchUpFleet() }
        followedRecord = max(followedRecord, tail.firstRecord)
        let end = min(tail.endRecord, followedRecord + TurnLog.followLooks)
        var folds = 0
        while followedRecord < end, folds < TurnLog.followFolds {
            let record = tail.record(followedRecord)
            let id = record.series
            let isFolded = id.isNone || table[id].isHeld && table[id].foldedRecord >= followedRecord
            let clock = isFolded ? times.lowerBound : tail[record.number].clock
            if clock > times.upperBound { return }
            followedRecord += 1
            if isFolded || record.number <= entry || clock < times.lowerBound { continue }
            table[id].lastWanted = unixMilliseconds
            folds += 1
            if table[id].isHeld { catchUp(id) } else { want(id) }
        }
    }

    /// The last entry that was taken in, where the series of all entries are folded; else 0.
    package var followedEntry: UInt64 {
        mutating get {
            let isComplete =
                followedRecord >= tail.endRecord && wanted.isEmpty && !hasUnconfirmed
            return isComplete ? position.number : 0
        }
    }

    /// What folds have said of incidents since the last time, in the order of each series.
    package mutating func takeIncidentEvents() -> [IncidentEvent] {
        guard !incidentEvents.isEmpty else { return [] }
        var taken: [IncidentEvent] = []
        swap(&taken, &incidentEvents)
        return taken
    }
}

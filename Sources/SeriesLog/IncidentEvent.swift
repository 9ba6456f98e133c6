internal import Bytes
package import Detection

/// A sample that began, prolonged or ended an incident.
package struct IncidentEvent: Sendable {
    /// Empty for the fleet's series.
    package let device: [UInt8]
    package let sample: Sample
    package let verdict: Verdict
    /// When it came, in Unix milliseconds.
    package let arrival: Int

    package init(device: [UInt8], sample: Sample, verdict: Verdict, arrival: Int) {
        self.device = device
        self.sample = sample
        self.verdict = verdict
        self.arrival = arrival
    }
}

extension TurnLog {
    /// Notes that a sample of a device changes an incident.
    mutating func note(_ verdict: Verdict, of sample: Sample, _ id: SeriesID, clock: Int) {
        incidentEvents.append(
            IncidentEvent(
                device: Array(name(of: id).bytes), sample: sample, verdict: verdict,
                arrival: clock))
    }

    /// Records that are looked at at once, and series that are folded: a millisecond of work each.
    private static var followLooks: Int { 65_536 }
    private static var followFolds: Int { 2_048 }

    /// Folds what has come of all series, and of the fleet, whoever wrote it: what their incidents
    /// are is told then by this process too.
    /// - Parameters:
    ///   - entry: what came before it is known.
    ///   - clock: so is what came before this time, in Unix milliseconds.
    package mutating func followAll(after entry: UInt64 = 0, since clock: Int = 0) {
        guard isFollowing, knowsDevices else { return }
        if settings.hasFleet { catchUpFleet() }
        followedRecord = max(followedRecord, tail.firstRecord)
        let end = min(tail.endRecord, followedRecord + TurnLog.followLooks)
        var folds = 0
        while followedRecord < end, folds < TurnLog.followFolds {
            let record = tail.record(followedRecord)
            followedRecord += 1
            guard !record.series.isNone, record.number > entry else { continue }
            let id = record.series
            guard table[id].foldedRecord < followedRecord - 1 || !table[id].isHeld,
                tail[record.number].clock >= clock
            else { continue }
            table[id].lastWanted = unixMilliseconds
            folds += 1
            if table[id].isHeld { catchUp(id) } else { want(id) }
        }
    }

    /// The last entry that was taken in, and whether its series have been folded.
    package var followedEntry: UInt64 {
        mutating get {
            followedRecord >= tail.endRecord ? position.number : 0
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

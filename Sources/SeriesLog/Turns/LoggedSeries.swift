internal import Detection

/// A series' fold, with when its last sample came: that decides whether the next one belongs to it.
struct SeriesLife: ~Copyable {
    var fold: SeriesFold
    /// The entry of its last sample, and the log's clock there; 0 before the first.
    var lastEntry: UInt64 = 0
    var lastArrival = 0

    init(_ parameters: FoldParameters) { fold = SeriesFold(parameters) }

    mutating func restart(_ parameters: FoldParameters) {
        // Exchanged, not assigned: an optimized build (Swift 6.3) would not free the old window.
        var fresh = SeriesLife(parameters)
        swap(&self, &fresh)
    }

    mutating func take(
        _ sample: Sample, entry: UInt64, arrival: Int, _ settings: LogSettings
    ) -> Verdict {
        if lastEntry > 0, arrival - lastArrival > settings.timeToLive {
            restart(settings.parameters)
        }
        lastEntry = entry
        lastArrival = arrival
        return fold.fold(
            sample, settings.parameters,
            at: SampleArrival(entry: entry, milliseconds: arrival))
    }
}

/// What a process knows of a device's series in a log.
struct LoggedSeries: ~Copyable {
    /// How the fold of a series comes to be here.
    enum Standing {
        /// Its fold is not here. Nobody has asked for it.
        case unknown
        /// Its checkpoint is to be read with the next flight.
        case wanted
        /// Its checkpoint is being read.
        case asked
        /// Its checkpoint was read, and is folded when the log is read to its end the next time.
        case read([[UInt8]])
        /// The fold is here. It may lack records of the tail.
        case held
    }

    var standing = Standing.unknown
    /// There exactly when the standing is `held`.
    var life: OwnedBox<SeriesLife>?
    /// Index of the last record that the fold has taken in, while it is held. Records of other
    /// processes are taken in when the series is needed, several at once.
    var foldedRecord = -1
    /// When its last sample came, by the log's clock; 0 before the first. Of a series that is not
    /// held: as far as the tail tells.
    var lastArrival = 0
    /// The last entry with a sample of it, as far as is known.
    var lastEntry: UInt64 = 0
    /// Index of its last record, which may have left the tail; -1 for none.
    var lastRecord = -1
    /// All of its life is in the tail when it still holds this entry; 0 when that is not known.
    var bornAt: UInt64 = 0
    /// It is not known whether it is one of those that were unloaded: its checkpoint will tell.
    var mayBeUnloaded = false
    /// Its end is on its way.
    var isEnding = false
    /// It has no samples, and one is on its way from here.
    var isComing = false
    /// Its end stands in this entry, and its checkpoint is to go when that leaves the log; 0 for
    /// none.
    var endedAt: UInt64 = 0
    /// It had a sample since the log was opened, so it stands at its place in the table.
    var isPlaced = false
    /// It has no samples: it ended, or never had any.
    var isEmpty = true
    /// Its place among the newcomers; -1 when it is none of them.
    var newcomerPlace = -1
    /// Samples on their way, questions, trims: while there are any it stays here.
    var pins: Int32 = 0
    /// When this process last was asked for it, in Unix milliseconds.
    var lastWanted = 0
    /// Until when its checkpoint lives, as far as this process has told the store.
    var expirySet = 0
    /// Records in its checkpoint's list, at most; it is rebuilt when they are too many.
    var listedRecords: UInt32 = 0
    /// Samples folded since the last snapshot.
    var sinceSnapshot: UInt32 = 0
    var snapshots: [Snapshot] = []
    /// The trim that met it last, how many of its records leave the log with that, and the last
    /// of them.
    var trimSerial: UInt32 = 0
    var leavingRecords: UInt32 = 0
    var lastLeaving = -1
    /// Own samples that are stored, and have no verdict because the fold is not here.
    var awaited: [Awaited] = []

    /// The fold as of an entry, kept until that leaves the log. Then it goes into the checkpoint.
    struct Snapshot {
        let number: UInt64
        let element: [UInt8]
    }

    struct Awaited {
        let record: Int
        let ticket: TicketNumber
        let position: Int32
    }

    mutating func begin(_ life: consuming SeriesLife, listed: UInt32) {
        lastEntry = max(lastEntry, life.lastEntry)
        lastArrival = max(lastArrival, life.lastArrival)
        // Exchanged, not assigned: an optimized build (Swift 6.3) would not free the old one.
        var other: OwnedBox<SeriesLife>? = OwnedBox(life)
        swap(&self.life, &other)
        standing = .held
        listedRecords = listed
        sinceSnapshot = listed
        snapshots = []
    }

    mutating func release() {
        var gone: OwnedBox<SeriesLife>?
        swap(&life, &gone)
        standing = .unknown
        snapshots = []
    }

    /// The series begins anew.
    mutating func restart(_ parameters: FoldParameters) {
        life?.value.restart(parameters)
        sinceSnapshot = 0
        snapshots = []
    }

    /// Folds a sample, when the fold is here.
    mutating func take(
        _ sample: Sample, number: UInt64, clock: Int, _ settings: LogSettings
    ) -> Verdict? {
        sinceSnapshot &+= 1
        return life?.value.take(sample, entry: number, arrival: clock, settings)
    }

    /// The series as its fold shows it; nil when the fold is not here.
    var summary: SeriesSummary? {
        switch life {
        case .some(let life): life.value.fold.summary
        case .none: nil
        }
    }

    /// The entry of the last sample that is in the fold; 0 for none.
    var foldedEntry: UInt64 {
        switch life {
        case .some(let life): life.value.lastEntry
        case .none: 0
        }
    }

    var isHeld: Bool {
        if case .held = standing { true } else { false }
    }

    /// Whether it is not to be removed.
    var isPinned: Bool {
        if pins > 0 || !awaited.isEmpty { return true }
        switch standing {
        case .wanted, .asked, .read: return true
        case .unknown, .held: return false
        }
    }
}

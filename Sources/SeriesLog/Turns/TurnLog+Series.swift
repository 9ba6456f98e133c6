internal import Bytes
internal import Detection

/// The series of a log: which there are, and whose folds are here.
extension TurnLog {
    func hash(_ device: Span<UInt8>) -> UInt64 {
        DeviceKey.hash(device, seed: settings.hashSeed)
    }

    /// The log's clock, as the table orders series by it.
    var clockInstant: Instant { Instant(nanoseconds: Int64(clock) * 1_000_000) }

    /// The series of a device, made when it is not here.
    mutating func series(of device: Span<UInt8>) -> SeriesID {
        let hash = hash(device)
        if let id = table.find(device, hash: hash) { return id }
        return make(device, hash)
    }

    private mutating func make(_ device: Span<UInt8>, _ hash: UInt64) -> SeriesID {
        var series = LoggedSeries()
        // All devices of the log are known, and this is none of them: whatever there will be of it
        // comes after the position.
        if unloaded.count > 0 {
            series.mayBeUnloaded = true
        } else if isFollowing, directory.isComplete {
            series.bornAt = position.number + 1
        }
        return table.insert(device, hash: hash, series, now: clockInstant)
    }

    mutating func unpin(_ id: SeriesID) {
        guard !id.isNone else { return }
        table[id].pins -= 1
        assert(table[id].pins >= 0, "a series is let go more often than it was held")
        if table[id].pins == 0, table[id].isComing { clearComing(id) }
        releaseIfEnded(id)
        removeIfUseless(id)
    }

    /// Removes a series of which nothing is to be remembered.
    mutating func removeIfUseless(_ id: SeriesID) {
        guard table[id].isEmpty, !table[id].isPinned, table[id].endedAt == 0,
            !tail.holdsRecord(table[id].lastRecord)
        else { return }
        remove(id)
    }

    /// The series has had more samples, or none any more.
    mutating func clearNewcomer(_ id: SeriesID) {
        guard table[id].newcomerPlace >= 0 else { return }
        newcomers.remove(at: table[id].newcomerPlace)
        table[id].newcomerPlace = -1
    }

    mutating func remove(_ id: SeriesID) {
        clearNewcomer(id)
        if table[id].isHeld { heldCount -= 1 }
        if !table[id].isEmpty { deviceCount -= 1 }
        if !dueSnapshots.isEmpty { dueSnapshots.removeAll { $0 == id } }
        if lastEnding?.id == id { lastEnding = nil }
        if lastReleased == id { lastReleased = .none }
        table.remove(id)
    }

    /// The series has its first sample.
    mutating func begins(_ id: SeriesID) {
        table[id].isEmpty = false
        deviceCount += 1
        if table[id].isComing { clearComing(id) }
    }

    private mutating func clearComing(_ id: SeriesID) {
        table[id].isComing = false
        comingCount -= 1
    }

    mutating func clearEnding(_ id: SeriesID) {
        guard table[id].isEnding else { return }
        table[id].isEnding = false
        endingCount -= 1
    }

    // MARK: Folds

    /// Sees to it that the fold of a series will be here.
    mutating func want(_ id: SeriesID) {
        guard case .unknown = table[id].standing else { return }
        if isFollowing, table[id].bornAt > 0, table[id].bornAt >= tail.first {
            adopt(id, [])
        } else {
            table[id].standing = .wanted
            wanted.append(id)
        }
    }

    /// Folds a series from its checkpoint and the tail, and says the verdicts that are awaited.
    /// - Parameter elements: of the checkpoint's list.
    mutating func adopt(_ id: SeriesID, _ elements: [[UInt8]]) {
        var start = FoldStart(settings)
        start.take(elements, birth: position.birth)
        guard start.through < tail.next else {
            // Others are writing checkpoints of what was not read here yet.
            wantAgain(id)
            return
        }
        if !questions.isEmpty { noteStart(of: id, elements) }
        giveUpOld(id)
        makeRoomForFold()
        if start.relearns { counts.relearned += 1 }
        heldCount += 1
        if table[id].mayBeUnloaded { noteLoaded(id, start.life.lastArrival) }
        let through = start.through
        let listed = start.records
        table[id].begin(start.takeLife(), listed: listed)
        table[id].foldedRecord = tail.firstRecord - 1
        catchUp(id, after: through)
        settleEmptiness(of: id)
        // What is awaited still is in the checkpoint's fold: nobody can say its verdict any more.
        for awaited in table[id].awaited {
            answers.append(Answered(awaited: awaited, verdict: nil))
        }
        table[id].awaited = []
        removeIfUseless(id)
    }

    /// Gives up the verdicts of samples that came longer ago than the time to live, because this
    /// process was stopped meanwhile: the checkpoint that they follow may have expired.
    ///
    /// It lives for one and a half times to live after such a sample: it was given at least two and
    /// a half when its own last sample left the log, and that one came at most one before. The half
    /// is for clocks that differ.
    private mutating func giveUpOld(_ id: SeriesID) {
        guard !table[id].awaited.isEmpty else { return }
        let bound = unixMilliseconds - settings.timeToLive
        var kept: [LoggedSeries.Awaited] = []
        for awaited in table[id].awaited {
            if clock(ofRecord: awaited.record) < bound {
                answers.append(Answered(awaited: awaited, verdict: nil))
            } else {
                kept.append(awaited)
            }
        }
        table[id].awaited = kept
    }

    /// The log's clock when a record came; 0 for one that has left the tail.
    private func clock(ofRecord index: Int) -> Int {
        tail.holdsRecord(index) ? tail[tail.record(index).number].clock : 0
    }

    /// Whether the series has samples follows from its fold.
    private mutating func settleEmptiness(of id: SeriesID) {
        let isEmpty = table[id].foldedEntry == 0
        if isEmpty, !knowsDevices, table[id].endedAt == 0 {
            // Its name may have been read before its end left the log.
            table[id].endedAt = max(1, tail.first - 1)
        }
        guard isEmpty != table[id].isEmpty else { return }
        if isEmpty {
            clearNewcomer(id)
            table[id].isEmpty = true
            deviceCount -= 1
        } else {
            begins(id)
        }
    }

    /// The series' records in the tail up to one of them, oldest first.
    func chain(of id: SeriesID, upTo last: Int) -> [Int] {
        var indices: [Int] = []
        var index = last
        while index >= 0, tail.holdsRecord(index) {
            indices.append(index)
            index = tail.record(index).previous
        }
        indices.reverse()
        return indices
    }

    /// The fold of a series takes in the records of the tail that it lacks.
    /// - Parameters:
    ///   - end: only those before this record.
    ///   - through: samples up to this entry are in the fold.
    mutating func catchUp(_ id: SeriesID, before end: Int = .max, after through: UInt64 = 0) {
        var index = table[id].lastRecord
        while index >= end { index = tail.record(index).previous }
        guard index > table[id].foldedRecord, tail.holdsRecord(index) else { return }
        let last = index
        lacking.removeAll(keepingCapacity: true)
        while index > table[id].foldedRecord, tail.holdsRecord(index) {
            lacking.append(index)
            index = tail.record(index).previous
        }
        for index in lacking.reversed() { replay(index, of: id, after: through) }
        table[id].foldedRecord = last
        if table[id].sinceSnapshot >= settings.snapshotSpan { dueSnapshots.append(id) }
    }

    private mutating func replay(_ index: Int, of id: SeriesID, after through: UInt64) {
        let record = tail.record(index)
        let entry = tail[record.number]
        let offset = Int(record.offset)
        switch record.kind {
        case .nothing: return
        case .undecidedEnd: decide(index, of: id, asOf: entry.bytes.span.word(at: offset))
        case .end: if record.number > through { table[id].restart(settings.parameters) }
        case .sample, .deviceSample:
            guard record.number > through else { return }
            let sample = entry.bytes.span.sample(at: offset)
            let verdict = table[id].take(
                sample, number: record.number, clock: entry.clock, settings)
            if let verdict, verdict.changesIncident {
                note(verdict, of: sample, id, clock: entry.clock)
            }
            guard let verdict, !table[id].awaited.isEmpty else { return }
            if let place = table[id].awaited.firstIndex(where: { $0.record == index }) {
                answers.append(
                    Answered(awaited: table[id].awaited.remove(at: place), verdict: verdict))
            }
        }
    }

    /// The fold is here as of an end: now it shows whether a sample came that the one who ended the
    /// series had not seen.
    private mutating func decide(_ index: Int, of id: SeriesID, asOf: UInt64) {
        undecidedEnds -= 1
        let counts = table[id].foldedEntry <= asOf
        tail.decide(index, counts: counts)
        guard counts else { return }
        table[id].endedAt = max(table[id].endedAt, tail.record(index).number)
        table[id].restart(settings.parameters)
    }

    /// Drops the fold of a series that has been idle and that nobody waits for, when there are too
    /// many. Each look goes on where the last one ended: the oldest have none any more.
    private mutating func makeRoomForFold() {
        guard heldCount >= settings.heldLimit else { return }
        var looks = 0
        while looks < 256 {
            let id = lastReleased.isNone ? table.oldest : table.newer(than: lastReleased)
            lastReleased = id
            if !id.isNone, table[id].isHeld, !table[id].isPinned {
                release(id)
                return
            }
            looks += 1
        }
    }

    /// Drops the fold of a series; what is known of it besides stays.
    mutating func release(_ id: SeriesID) {
        heldCount -= 1
        table[id].release()
    }

    // MARK: Ends

    /// Newcomers go first from this part of the limit of devices on.
    private static var newcomerPart: Int { 10 }

    /// Ends the series idle longest, to make room for another; where there are many newcomers, the
    /// oldest of them.
    /// - Returns: false when none can be ended.
    mutating func endOldest() -> Bool {
        if newcomers.count > deviceLimit / TurnLog.newcomerPart,
            let id = newcomers.oldest(where: { !table[$0].isPinned && !table[$0].isEnding })
        {
            clearNewcomer(id)
            end(id)
            return true
        }
        // Those whose ends are on their way are passed over at once.
        var id = table.oldest
        if let last = lastEnding, table[last.id].isEnding,
            table.lastActivity(of: last.id) == last.activity
        {
            id = table.newer(than: last.id)
        }
        var looks = 0
        while !id.isNone, looks < 256 {
            if !table[id].isEmpty, !table[id].isPinned, !table[id].isEnding {
                end(id)
                lastEnding = (id, table.lastActivity(of: id))
                return true
            }
            let next = table.newer(than: id)
            // One that has ended stays until its end leaves the log, and is not in the way here.
            if table[id].isEmpty { table.touch(id, now: clockInstant) }
            id = next
            looks += 1
        }
        return false
    }

    private mutating func end(_ id: SeriesID) {
        table[id].pins += 1
        table[id].isEnding = true
        endingCount += 1
        let key = table.key(of: id)
        draft.add(endOf: key.bytes, asOf: position.number, id)
        counts.evicted += 1
    }

    /// Takes in the end of a series, unless it has a sample that the one who ended it had not seen.
    mutating func takeEnd(_ id: SeriesID, offset: UInt32, asOf: UInt64, number: UInt64) {
        clearEnding(id)
        guard table[id].lastEntry <= asOf else { return removeIfUseless(id) }
        let isWhole = table[id].bornAt > 0 && table[id].bornAt >= tail.first
        guard table[id].isHeld || isWhole || asOf >= tail.first - 1 else {
            // A sample that has left the log may have come after `asOf`.
            link(id, .undecidedEnd, number: number, offset: offset)
            undecidedEnds += 1
            want(id)
            return
        }
        link(id, .end, number: number, offset: offset)
        table[id].endedAt = number
        table[id].lastEntry = number
        // Its checkpoint goes, and with that its time to live.
        table[id].expirySet = 0
        if !table[id].isEmpty {
            clearNewcomer(id)
            table[id].isEmpty = true
            deviceCount -= 1
        }
        if table[id].isHeld {
            table[id].restart(settings.parameters)
            table[id].foldedRecord = table[id].lastRecord
            releaseIfEnded(id)
        } else if case .unknown = table[id].standing {
            // Whatever comes now comes after the end.
            table[id].bornAt = number
        }
    }

    /// Drops the fold of a series that has ended, unless somebody waits for it: the tail has all
    /// that may come.
    private mutating func releaseIfEnded(_ id: SeriesID) {
        guard table[id].isEmpty, table[id].isHeld, !table[id].isPinned, table[id].endedAt > 0
        else { return }
        release(id)
        table[id].bornAt = table[id].endedAt
    }

    /// Appends a record of a series to the tail.
    mutating func link(_ id: SeriesID, _ kind: LogTail.Kind, number: UInt64, offset: UInt32) {
        let previous = tail.holdsRecord(table[id].lastRecord) ? table[id].lastRecord : -1
        table[id].lastRecord = tail.endRecord
        tail.append(
            LogTail.Record(
                series: id, kind: kind, offset: offset, number: number, previous: previous))
    }

    /// Forgets devices whose last sample is older than the time to live: their next one begins a
    /// new series, whoever gets it.
    /// - Returns: how many, at most `limit`.
    package mutating func dropExpired(limit: Int) -> Int {
        counts.expired += unloaded.expire(before: clock - settings.timeToLive)
        var dropped = 0
        var id = table.oldest
        var looks = 0
        while !id.isNone, dropped < limit, looks < 4 * limit {
            let next = table.newer(than: id)
            looks += 1
            guard clock - table[id].lastArrival > settings.timeToLive else { break }
            if !table[id].isPinned, !tail.holdsRecord(table[id].lastRecord), isForgettable(id) {
                if !table[id].isEmpty { counts.expired += 1 }
                remove(id)
                dropped += 1
            }
            id = next
        }
        return dropped
    }

    /// Until all names are read, one of them may be that of a series that has ended.
    private func isForgettable(_ id: SeriesID) -> Bool {
        directory.isComplete || table[id].endedAt == 0
    }
}

/// Where the fold of a series begins: what its checkpoint says.
struct FoldStart: ~Copyable {
    private let settings: LogSettings
    var life: SeriesLife
    /// All entries up to this one are in the fold.
    private(set) var through: UInt64 = 0
    /// Records of the list.
    private(set) var records: UInt32 = 0
    /// The fold was of other parameters or of another version.
    private(set) var relearns = false

    init(_ settings: LogSettings) {
        self.settings = settings
        life = SeriesLife(settings.parameters)
    }

    /// The fold, as far as it has come.
    consuming func takeLife() -> SeriesLife { life }

    /// Folds a checkpoint's elements. Those of a log of another birth are of no use.
    /// - Parameter end: only what came before this entry.
    mutating func take(_ elements: [[UInt8]], birth: UInt64, before end: UInt64 = .max) {
        for bytes in elements {
            if let element = CheckpointCoding.FoldElement(bytes) {
                if element.birth == birth { take(element) }
            } else if let list = CheckpointCoding.records(bytes, birth: birth) {
                take(list, before: end)
            }
        }
    }

    private mutating func take(_ element: CheckpointCoding.FoldElement) {
        var other = SeriesLife(settings.parameters)
        if let fold = try? SeriesFold(decoding: element.fold.span, settings.parameters) {
            other.fold = fold
        } else {
            // It learns anew, and counts on.
            other.fold.totals = element.totals
            relearns = true
        }
        other.lastEntry = element.lastEntry
        other.lastArrival = element.lastArrival
        swap(&life, &other)
        through = element.asOf
        records = 0
    }

    /// Records that stood in the list before are skipped: a trim that was cut may be repeated.
    private mutating func take(_ list: [HistoryRecord], before end: UInt64) {
        let bound = through
        records += UInt32(clamping: list.count)
        for record in list where record.entry > bound && record.entry < end {
            _ = life.take(
                record.sample, entry: record.entry, arrival: record.arrival, settings)
            through = record.entry
        }
    }
}

internal import Wire
internal import SeriesLog
internal import Redis
internal import Bytes
internal import Detection

/// Folding what was read of a stream.
extension LogMachine {
    mutating func take(_ read: Flight.Read, _ shard: Int) {
        let slot = Int(read.series)
        guard case .array(let elements) = read.reply else {
            readFailed(read, shard)
            return
        }
        var entries: [LogEntry] = []
        entries.reserveCapacity(elements.count)
        for element in elements {
            guard let entry = EntryCoding.decode(element) else {
                metrics.add(1, .entriesNotUnderstood)
                continue
            }
            entries.append(entry)
        }
        metrics.add(entries.count, .entriesRead)
        let isFull = elements.count >= read.asked
        switch read.need {
        case .load: takeLoad(slot, entries, read.asked, shard)
        case .check: takeCheck(slot, entries, isFull, shard)
        case .after, .none: takeAfter(slot, entries[...], isFull, shard)
        }
    }

    private mutating func readFailed(_ read: Flight.Read, _ shard: Int) {
        let slot = Int(read.series)
        loads[read.series] = nil
        guard case .failure(let failure) = read.reply else {
            shards[shard].wantsReconnect = true
            return
        }
        redirect(slot, shard, failure)
        guard case .other(let text) = failure else { return }
        refusal = text
        var entry = places[slot].firstEntry
        while entry != PendingTable.none {
            let next = pending[entry: entry].nextOfSeries
            if pending[entry: entry].status != .sent { fail(entry: entry, .refused) }
            entry = next
        }
    }

    // MARK: Forwards

    /// What came after the fold, with the fold's own last entry before it: if that is not there, or
    /// is not the one that was folded, this is another log.
    private mutating func takeCheck(
        _ slot: Int, _ entries: [LogEntry], _ isFull: Bool, _ shard: Int
    ) {
        guard places[slot].standing == .known else { return }
        guard let first = entries.first, first.id == places[slot].position,
            first.mark == places[slot].mark
        else {
            places[slot].standing = .unknown
            return
        }
        places[slot].verifiedBy = shards[shard].generation
        takeAfter(slot, entries.dropFirst(), isFull, shard)
    }

    private mutating func takeAfter(
        _ slot: Int, _ entries: ArraySlice<LogEntry>, _ isFull: Bool, _ shard: Int
    ) {
        guard places[slot].standing == .known else { return }
        if let first = entries.first, first.id != places[slot].position.next {
            // Trimmed beyond the fold, or begun anew: only a checkpoint helps.
            places[slot].standing = .unknown
            return
        }
        var foreign = false
        for entry in entries {
            if entry.mark.writer != writer { foreign = true }
            fold(entry, slot)
        }
        if foreign {
            places[slot].contention = SeriesPlace.contentionSpan
        } else if places[slot].contention > 0 {
            places[slot].contention -= 1
        }
        if !isFull { readToTheEnd(slot, shard) }
    }

    /// Takes an entry of the log into the fold; when it is one that this loop waits for, its verdicts
    /// are given out.
    private mutating func fold(_ entry: LogEntry, _ slot: Int) {
        if entry.id != places[slot].position.next, entry.id.birth == places[slot].position.birth {
            metrics.add(1, .gaps)
        }
        let own = entry.mark.writer == writer ? ownEntry(slot, entry.mark.number) : nil
        if let own, Int(pending[entry: own].itemCount) == entry.samples.count {
            for sample in entry.samples {
                let verdict = table.fold(sample, into: Int32(slot), now: now)
                if let item = pending.takeFirst(of: own) { deliver(verdict, item) }
            }
            if pending[entry: own].status == .uncertain { metrics.add(1, .settledFound) }
            pending[entry: own].status = .done
            if Int32(slot) != fleet { touch(slot) }
        } else {
            for sample in entry.samples {
                _ = table.fold(sample, into: Int32(slot), now: now)
            }
        }
        places[slot].position = entry.id
        places[slot].mark = entry.mark
        places[slot].top = max(places[slot].top, entry.id)
        if let checkpoint = entry.checkpoint {
            places[slot].checkpoint = max(places[slot].checkpoint, checkpoint.asOf)
        }
    }

    /// The entry of this loop with this number, if it is not settled.
    private func ownEntry(_ slot: Int, _ number: UInt64) -> Int32? {
        var entry = places[slot].firstEntry
        while entry != PendingTable.none {
            if pending[entry: entry].number == number, pending[entry: entry].status != .done {
                return entry
            }
            entry = pending[entry: entry].nextOfSeries
        }
        return nil
    }

    /// All of the log is known now: what was in flight on a cut connection is in it, or never will
    /// be.
    private mutating func readToTheEnd(_ slot: Int, _ shard: Int) {
        places[slot].isRead = true
        var entry = places[slot].firstEntry
        while entry != PendingTable.none {
            let next = pending[entry: entry].nextOfSeries
            if pending[entry: entry].status == .uncertain {
                // Another server has taken over from the one it was sent to: what that one has, this
                // one has, or it is thrown away.
                let isElsewhere = pending[entry: entry].shard != Int32(shard)
                if shards[shard].isFenced || isElsewhere {
                    metrics.add(1, .settledSentAgain)
                    pending[entry: entry].status = .gathered
                } else {
                    metrics.add(1, .settledUnknown)
                    fail(entry: entry, .unsettled)
                }
            }
            entry = next
        }
    }

    // MARK: Backwards

    private mutating func takeLoad(
        _ slot: Int, _ entries: [LogEntry], _ asked: Int, _ shard: Int
    ) {
        var load = loads[Int32(slot)] ?? StreamLoad(settings)
        load.take(entries, asked: asked)
        loads[Int32(slot)] = nil
        guard load.oldest != nil else {
            table.resetFold(Int32(slot))
            places[slot].forget()
            places[slot].standing = .absent
            readToTheEnd(slot, shard)
            return
        }
        let wanted = wanted(slot, load)
        let mustReadOn = !wanted.isComplete && !load.isWhole
        if mustReadOn || !begin(slot, load, before: wanted.earliest) {
            loads[Int32(slot)] = load.isWhole ? load.again(settings) : load
            places[slot].standing = .unknown
            return
        }
        places[slot].standing = .known
        places[slot].verifiedBy = shards[shard].generation
        settleTrimmed(slot, load)
        readToTheEnd(slot, shard)
    }

    /// Looks for this loop's own entries that are not settled.
    /// - Returns: the first that is in the log, before which the fold must begin; and whether the load
    ///   goes back far enough to say of the others that they are not.
    private func wanted(_ slot: Int, _ load: StreamLoad)
        -> (earliest: EntryID, isComplete: Bool)
    {
        var earliest = EntryID.last
        var isComplete = true
        var entry = places[slot].firstEntry
        while entry != PendingTable.none {
            switch pending[entry: entry].status {
            case .stored: earliest = min(earliest, pending[entry: entry].id)
            case .uncertain:
                if let found = load.find(Mark(writer: writer, number: pending[entry: entry].number))
                {
                    earliest = min(earliest, found)
                } else if !load.reaches(back: pending[entry: entry].after) {
                    isComplete = false
                }
            case .gathered, .sent, .refresh, .done: break
            }
            entry = pending[entry: entry].nextOfSeries
        }
        return (earliest, isComplete)
    }

    /// Folds from the newest checkpoint before `target`, or from where the stream begins.
    /// - Returns: false when older entries must be read first.
    private mutating func begin(_ slot: Int, _ load: StreamLoad, before target: EntryID) -> Bool {
        if beginAtCheckpoint(slot, load, before: target) { return true }
        guard load.isWhole, let oldest = load.oldest else { return false }
        // Between two pages the stream may have been trimmed by one whose checkpoint came after the
        // first page: once more, in one piece.
        if load.pages > 1 { return false }
        if !load.isFromTheStart {
            // What led to the first wanted entry is trimmed: its verdicts are lost, not the others.
            if beginAtCheckpoint(slot, load, before: .last) { return true }
            // Not even a checkpoint is left, or all are of other parameters.
            metrics.add(1, .gaps)
        }
        table.resetFold(Int32(slot))
        places[slot].position = EntryID(
            birth: oldest.birth, number: oldest.number > 0 ? oldest.number - 1 : 0)
        places[slot].checkpoint = .zero
        foldLoaded(
            slot, load.entries[...], foreign: load.candidates(before: .last).first?.checkpoint)
        return true
    }

    private mutating func beginAtCheckpoint(
        _ slot: Int, _ load: StreamLoad, before target: EntryID
    ) -> Bool {
        for candidate in load.candidates(before: target) {
            let checkpoint = candidate.checkpoint
            guard
                let fold = try? SeriesFold(decoding: checkpoint.fold.span, parameters)
            else {
                metrics.add(1, .checkpointsRefused)
                continue
            }
            table.replaceFold(Int32(slot), with: fold)
            places[slot].position = checkpoint.asOf
            places[slot].checkpoint = checkpoint.asOf
            foldLoaded(slot, load.entries.prefix(candidate.followers), foreign: nil)
            return true
        }
        return false
    }

    /// - Parameter foreign: a checkpoint of other parameters, which at least tells how much there was.
    private mutating func foldLoaded(
        _ slot: Int, _ entries: ArraySlice<LogEntry>, foreign: LogEntry.Checkpoint?
    ) {
        for entry in entries.reversed() {
            fold(entry, slot)
            if let foreign, foreign.asOf == entry.id {
                table.setTotals(Int32(slot), foreign.totals)
            }
        }
    }

    /// An entry in flight on a cut connection could have been trimmed since, if not all that came
    /// after the old fold is at hand: nobody can tell. One that is there, but before the fold begins,
    /// gets no verdict.
    private mutating func settleTrimmed(_ slot: Int, _ load: StreamLoad) {
        var entry = places[slot].firstEntry
        while entry != PendingTable.none {
            let next = pending[entry: entry].nextOfSeries
            let mark = Mark(writer: writer, number: pending[entry: entry].number)
            if pending[entry: entry].status == .uncertain,
                load.find(mark) != nil || !load.reaches(back: pending[entry: entry].after)
            {
                metrics.add(1, .settledUnknown)
                fail(entry: entry, .unsettled)
            }
            entry = next
        }
    }
}

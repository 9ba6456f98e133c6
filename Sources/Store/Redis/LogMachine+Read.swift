internal import Wire
internal import SeriesLog
internal import Redis
internal import Bytes
internal import Detection

/// Folding what was read of a stream.
extension LogMachine {
    mutating func take(_ read: Flight.Read, _ shard: Int) {
        let series = Int(read.series)
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
        case .load: takeLoad(series, entries, asked: read.asked, from: shard)
        case .check: takeCheck(series, entries, isFull: isFull, from: shard)
        case .after, .none: takeAfter(series, entries[...], isFull: isFull, from: shard)
        }
    }

    private mutating func readFailed(_ read: Flight.Read, _ shard: Int) {
        let series = Int(read.series)
        loads[read.series] = nil
        guard case .failure(let failure) = read.reply else {
            shards[shard].wantsReconnect = true
            return
        }
        redirect(series, from: shard, failure)
        guard case .other(let text) = failure else { return }
        refusal = text
        var entry = states[series].firstEntry
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
        _ series: Int, _ entries: [LogEntry], isFull: Bool, from shard: Int
    ) {
        guard states[series].standing == .known else { return }
        guard let first = entries.first, first.id == states[series].position,
            first.mark == states[series].mark
        else {
            states[series].standing = .unknown
            return
        }
        states[series].verifiedBy = shards[shard].generation
        takeAfter(series, entries.dropFirst(), isFull: isFull, from: shard)
    }

    private mutating func takeAfter(
        _ series: Int, _ entries: ArraySlice<LogEntry>, isFull: Bool, from shard: Int
    ) {
        guard states[series].standing == .known else { return }
        if let first = entries.first, first.id != states[series].position.next {
            // Trimmed beyond the fold, or begun anew: only a checkpoint helps.
            states[series].standing = .unknown
            return
        }
        var foreign = false
        for entry in entries {
            if entry.mark.writer != writer { foreign = true }
            fold(entry, series)
        }
        if foreign {
            states[series].contention = SeriesState.contentionSpan
        } else if states[series].contention > 0 {
            states[series].contention -= 1
        }
        if !isFull { readToTheEnd(series, shard) }
    }

    /// Takes an entry of the log into the fold; when it is one that this loop waits for, its
    /// verdicts are given out.
    private mutating func fold(_ entry: LogEntry, _ series: Int) {
        if entry.id != states[series].position.next, entry.id.birth == states[series].position.birth
        {
            metrics.add(1, .gaps)
        }
        let own = entry.mark.writer == writer ? ownEntry(series, entry.mark.number) : nil
        if let own, Int(pending[entry: own].itemCount) == entry.samples.count {
            for sample in entry.samples {
                let verdict = table.fold(sample, into: Int32(series), now: now)
                if let item = pending.takeFirst(of: own) { deliver(verdict, item) }
            }
            if pending[entry: own].status == .uncertain { metrics.add(1, .settledFound) }
            pending[entry: own].status = .done
            if Int32(series) != fleet { touch(series) }
        } else {
            for sample in entry.samples {
                _ = table.fold(sample, into: Int32(series), now: now)
            }
        }
        states[series].position = entry.id
        states[series].mark = entry.mark
        states[series].top = max(states[series].top, entry.id)
        if let checkpoint = entry.checkpoint {
            states[series].checkpoint = max(states[series].checkpoint, checkpoint.asOf)
        }
    }

    /// The entry of this loop with this number, if it is not settled.
    private func ownEntry(_ series: Int, _ number: UInt64) -> Int32? {
        var entry = states[series].firstEntry
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
    private mutating func readToTheEnd(_ series: Int, _ shard: Int) {
        states[series].isRead = true
        var entry = states[series].firstEntry
        while entry != PendingTable.none {
            let next = pending[entry: entry].nextOfSeries
            if pending[entry: entry].status == .uncertain {
                // Another server has taken over from the one it was sent to: what that one has,
                // this one has, or it is thrown away.
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
        _ series: Int, _ entries: [LogEntry], asked: Int, from shard: Int
    ) {
        var load = loads[Int32(series)] ?? StreamLoad(settings)
        load.take(entries, asked: asked)
        loads[Int32(series)] = nil
        guard load.oldest != nil else {
            table.resetFold(of: Int32(series))
            states[series].forget()
            states[series].standing = .absent
            readToTheEnd(series, shard)
            return
        }
        let wanted = wanted(series, load)
        let mustReadOn = !wanted.isComplete && !load.isWhole
        if mustReadOn || !begin(series, load, before: wanted.earliest) {
            loads[Int32(series)] = load.isWhole ? load.again(settings) : load
            states[series].standing = .unknown
            return
        }
        states[series].standing = .known
        states[series].verifiedBy = shards[shard].generation
        settleTrimmed(series, load)
        readToTheEnd(series, shard)
    }

    /// Looks for this loop's own entries that are not settled.
    /// - Returns: the first that is in the log, before which the fold must begin; and whether the
    ///   load goes back far enough to say of the others that they are not.
    private func wanted(_ series: Int, _ load: StreamLoad)
        -> (earliest: EntryID, isComplete: Bool)
    {
        var earliest = EntryID.last
        var isComplete = true
        var entry = states[series].firstEntry
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
    private mutating func begin(_ series: Int, _ load: StreamLoad, before target: EntryID) -> Bool {
        if beginAtCheckpoint(series, load, before: target) { return true }
        guard load.isWhole, let oldest = load.oldest else { return false }
        // Between two pages the stream may have been trimmed by one whose checkpoint came after the
        // first page: once more, in one piece.
        if load.pages > 1 { return false }
        if !load.isFromTheStart {
            // What led to the first wanted entry is trimmed: its verdicts are lost, not the others.
            if beginAtCheckpoint(series, load, before: .last) { return true }
            // Not even a checkpoint is left, or all are of other parameters.
            metrics.add(1, .gaps)
        }
        table.resetFold(of: Int32(series))
        states[series].position = EntryID(
            birth: oldest.birth, number: oldest.number > 0 ? oldest.number - 1 : 0)
        states[series].checkpoint = .zero
        foldLoaded(
            series, load.entries[...], foreign: load.candidates(before: .last).first?.checkpoint)
        return true
    }

    private mutating func beginAtCheckpoint(
        _ series: Int, _ load: StreamLoad, before target: EntryID
    ) -> Bool {
        for candidate in load.candidates(before: target) {
            let checkpoint = candidate.checkpoint
            guard
                let fold = try? SeriesFold(decoding: checkpoint.fold.span, parameters)
            else {
                metrics.add(1, .checkpointsRefused)
                continue
            }
            table.replaceFold(of: Int32(series), with: fold)
            states[series].position = checkpoint.asOf
            states[series].checkpoint = checkpoint.asOf
            foldLoaded(series, load.entries.prefix(candidate.followers), foreign: nil)
            return true
        }
        return false
    }

    /// - Parameter foreign: a checkpoint of other parameters, which at least tells how much there
    /// was.
    private mutating func foldLoaded(
        _ series: Int, _ entries: ArraySlice<LogEntry>, foreign: LogEntry.Checkpoint?
    ) {
        for entry in entries.reversed() {
            fold(entry, series)
            if let foreign, foreign.asOf == entry.id {
                table.setTotals(of: Int32(series), to: foreign.totals)
            }
        }
    }

    /// An entry in flight on a cut connection could have been trimmed since, if not all that came
    /// after the old fold is at hand: nobody can tell. One that is there, but before the fold
    /// begins, gets no verdict.
    private mutating func settleTrimmed(_ series: Int, _ load: StreamLoad) {
        var entry = states[series].firstEntry
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

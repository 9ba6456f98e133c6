internal import Bytes
internal import Detection

/// Taking in entries, in the log's order: what every process does alike.
extension TurnLog {
    /// Takes in the entry that follows the last one.
    /// - Returns: whether this process wrote it.
    @discardableResult
    mutating func take(_ turn: StoredTurn, _ tickets: inout TicketTable) -> Bool {
        counts.entriesRead += 1
        do throws(TurnFault) {
            try decoded.decode(turn.bytes.span)
        } catch {
            if error == .newerVersion {
                standing = .refused
                return false
            }
            // A log is made with an entry of no bytes.
            if !turn.bytes.isEmpty { counts.notUnderstood += 1 }
            append(turn, mark: .none)
            close(turn, mark: .none)
            return false
        }
        let head = decoded.head
        clock = max(clock, head.arrival)
        newestFold = max(newestFold, head.foldVersion)
        let isOwn = head.mark.writer == settings.writer
        takeTrimClaim(head)
        let place = isOwn ? own.firstIndex { $0.number == head.mark.number } : nil
        if let place {
            let mine = own.remove(at: place)
            if mine.state == .uncertain { counts.settledFound += 1 }
            takeParts(of: turn, mine: mine, &tickets)
        } else {
            takeParts(of: turn, mine: nil, &tickets)
        }
        if !fleet.awaited.isEmpty { catchUpFleet() } else { keepUpFleet() }
        examine(before: tail.endRecord - (tail.endRecord - tail.firstRecord) / 4)
        makeSnapshots()
        forget(before: head.trimmedTo)
        return isOwn
    }

    /// The entry is in the tail from here on; its samples are taken next.
    private mutating func append(_ turn: StoredTurn, mark: TurnMark) {
        tail.append(
            LogTail.Entry(
                bytes: turn.bytes, mark: mark, clock: clock, firstRecord: tail.endRecord))
        bytesTaken += turn.bytes.count
    }

    /// All of the entry is taken in.
    private mutating func close(_ turn: StoredTurn, mark: TurnMark) {
        position = turn.position
        self.mark = mark
        noteCandidate()
    }

    private mutating func takeParts(
        of turn: StoredTurn, mine: OwnTurn?, _ tickets: inout TicketTable
    ) {
        let number = turn.position.number
        append(turn, mark: decoded.head.mark)
        var fresh: [UInt64] = []
        for (index, part) in decoded.parts.enumerated() {
            var isCounted = true
            if part.kind == .keyedSamples {
                isCounted = keys.insert(part.key, time: clock / 1000)
                if isCounted {
                    fresh.append(part.key)
                } else {
                    counts.duplicates += part.items.count
                }
            }
            var answered = part.items.count
            if part.kind == .end {
                takeEnd(turn.bytes.span, at: decoded.items[part.items.lowerBound], number: number)
            } else if isCounted {
                answered -= takeSamples(
                    of: turn, items: part.items, mine: mine,
                    ticket: mine?.parts[index].ticket ?? .none, &tickets)
            }
            if let mine {
                finish(
                    mine, part: mine.parts[index], isCounted: isCounted, parts: answered, &tickets)
            }
        }
        tail.keep(keysOfLast: fresh)
        close(turn, mark: decoded.head.mark)
    }

    /// A part of this process is in the log: its samples that have verdicts are answered.
    private mutating func finish(
        _ turn: OwnTurn, part: OwnPart, isCounted: Bool, parts: Int,
        _ tickets: inout TicketTable
    ) {
        for item in turn.items[part.items] {
            if !isCounted { tickets.markDuplicate(part.ticket, item.position) }
            unpin(item.series)
        }
        tickets.finish(part.ticket, parts: parts)
    }

    private mutating func takeEnd(_ bytes: Span<UInt8>, at offset: UInt32, number: UInt64) {
        let asOf = bytes.word(at: Int(offset))
        let name = bytes.extracting(bytes.nameRange(ofEndAt: Int(offset)))
        guard name.count > 0 else {
            return tail.append(
                LogTail.Record(
                    series: .none, kind: .end, offset: offset, number: number, previous: -1))
        }
        let id = series(of: name)
        takeEnd(id, offset: offset, asOf: asOf, number: number)
    }

    /// - Returns: how many have no verdict yet.
    private mutating func takeSamples(
        of turn: StoredTurn, items: Range<Int>, mine: OwnTurn?, ticket: TicketNumber,
        _ tickets: inout TicketTable
    ) -> Int {
        let bytes = turn.bytes.span
        let number = turn.position.number
        var unanswered = 0
        samplesSinceCandidate += items.count
        for item in items {
            let offset = decoded.items[item]
            let sample = bytes.sample(at: Int(offset))
            let name = bytes.nameRange(ofSampleAt: Int(offset))
            let position = mine?.items[item].position ?? -1
            let record = tail.endRecord
            if name.isEmpty {
                tail.append(
                    LogTail.Record(
                        series: .none, kind: .sample, offset: offset, number: number, previous: -1))
                guard position >= 0 else { continue }
                fleet.awaited.append(
                    LoggedSeries.Awaited(record: record, ticket: ticket, position: position))
                unanswered += 1
                continue
            }
            let id = mine?.items[item].series ?? series(of: bytes.extracting(name))
            if let verdict = take(
                sample, of: id, isDeviceOnly: bytes.isDeviceOnly(at: Int(offset)),
                offset: offset, number: number, isOwn: mine != nil)
            {
                if position >= 0 { tickets.deliver(verdict, to: ticket, at: position) }
            } else if position >= 0 {
                table[id].awaited.append(
                    LoggedSeries.Awaited(record: record, ticket: ticket, position: position))
                want(id)
                unanswered += 1
            }
        }
        return unanswered
    }

    /// - Returns: the verdict; nil when the series' fold is not here.
    private mutating func take(
        _ sample: Sample, of id: SeriesID, isDeviceOnly: Bool, offset: UInt32, number: UInt64,
        isOwn: Bool
    ) -> Verdict? {
        link(id, isDeviceOnly ? .deviceSample : .sample, number: number, offset: offset)
        table.touch(id, now: clockInstant)
        table[id].lastEntry = number
        table[id].lastArrival = clock
        table[id].isPlaced = true
        if table[id].isEmpty {
            begins(id)
            // Of others nobody can tell how many samples they had before.
            if table[id].bornAt > 0 || tail.first == 1 {
                table[id].newcomerPlace = newcomers.append(id)
            }
        } else {
            clearNewcomer(id)
        }
        guard table[id].isHeld, isOwn else { return nil }
        let record = table[id].lastRecord
        catchUp(id, before: record)
        table[id].foldedRecord = record
        let verdict = table[id].take(sample, number: number, clock: clock, settings)
        if let verdict, verdict.changesIncident { note(verdict, of: sample, id, clock: clock) }
        if table[id].sinceSnapshot >= settings.snapshotSpan { dueSnapshots.append(id) }
        return verdict
    }

    /// Sees to it that no fold lacks records before this one, because these leave the tail next.
    /// Most of it is done long before, a few with each entry.
    private mutating func examine(before end: Int) {
        examined = max(examined, tail.firstRecord)
        while examined < end {
            let id = tail.record(examined).series
            if !id.isNone, table[id].isHeld, table[id].foldedRecord < examined {
                let isWanted =
                    unixMilliseconds - table[id].lastWanted <= settings.unwantedSpan
                if isWanted || table[id].isPinned { catchUp(id) } else { release(id) }
            }
            examined += 1
        }
    }

    // MARK: Snapshots

    /// Encodes the folds that are due, as of the entry that was taken in last.
    private mutating func makeSnapshots() {
        guard !dueSnapshots.isEmpty else { return }
        let bound = candidates.last?.number ?? tail.first
        for id in dueSnapshots {
            guard table[id].sinceSnapshot >= settings.snapshotSpan,
                // It lacks nothing of what came since it was due.
                table[id].foldedRecord == table[id].lastRecord
            else { continue }
            // One for each place where the log may be trimmed is enough.
            if let last = table[id].snapshots.last, last.number >= bound { continue }
            guard let element = foldElement(of: id) else { continue }
            table[id].snapshots.append(
                LoggedSeries.Snapshot(number: position.number, element: element))
            table[id].sinceSnapshot = 0
        }
        dueSnapshots.removeAll(keepingCapacity: true)
    }

    /// The fold of a series as of the entry that was taken in last; nil when it is not here.
    private mutating func foldElement(of id: SeriesID) -> [UInt8]? {
        let birth = position.birth
        let asOf = position.number
        return table[id].life?.value.element(birth: birth, asOf: asOf, settings.parameters)
    }

    /// Notes a place where the log may be trimmed, now and then.
    private mutating func noteCandidate() {
        let isFull = samplesSinceCandidate >= settings.candidateSpan
        let isOld = clock - candidateClock >= settings.timeToLive / 8
        guard isFull || isOld && samplesSinceCandidate > 0 else { return }
        samplesSinceCandidate = 0
        candidateClock = clock
        candidates.append(
            Candidate(
                number: position.number + 1, element: settings.hasFleet ? nil : clockElement,
                bytesBefore: bytesTaken, clock: clock))
        encodeFleet()
    }

    /// The checkpoint of a log without the fleet's series: its clock.
    private var clockElement: [UInt8] {
        CheckpointCoding.FoldElement(
            birth: position.birth, asOf: position.number, lastEntry: position.number,
            lastArrival: clock, totals: SeriesTotals(samples: 0, anomalies: 0, alerts: 0), fold: []
        ).bytes
    }

    // MARK: Forgetting

    /// Entries before `number` have left the log: their samples are in checkpoints now.
    /// - Parameter isListed: what was written there is counted already.
    mutating func forget(before number: UInt64, isListed: Bool = false) {
        guard number > tail.first else { return }
        if !isListed { abandonTrim() }
        // They do not have what leaves the log now.
        dropUnconfirmed()
        let bound = min(number, tail.next)
        let records = tail.firstRecord..<tail.firstRecord(from: bound)
        noteKeys(of: tail.first..<bound, leavingBefore: number)
        examine(before: records.upperBound)
        leaveBehind(before: bound)
        var last: [SeriesID] = []
        for index in records {
            let id = tail.record(index).series
            if id.isNone { continue }
            switch tail.record(index).kind {
            case .sample, .deviceSample: if !isListed { table[id].listedRecords &+= 1 }
            case .undecidedEnd: undecidedEnds -= 1
            case .end, .nothing: break
            }
            while let first = table[id].snapshots.first, first.number < bound {
                table[id].snapshots.removeFirst()
            }
            if table[id].lastRecord == index { last.append(id) }
        }
        tail.drop(before: bound)
        candidates.removeAll { $0.number <= bound }
        for id in last {
            // Until all names are read, one of them may be that of a series that has ended.
            if directory.isComplete, table[id].endedAt < bound { table[id].endedAt = 0 }
            removeIfUseless(id)
        }
        trimJitter = trimJitter &* 0x5851_F42D_4C95_7F2D &+ 0x1405_7B7E_F767_814F
    }

    /// Forgets all series; those that somebody waits for are asked for again.
    mutating func forgetSeries() {
        wanted.removeAll()
        dueSnapshots.removeAll()
        lastEnding = nil
        lastReleased = .none
        newcomers.removeAll()
        giveUpFleet(before: .max)
        if !fleet.isHeld { fleet.standing = .unknown }
        var id = table.newest
        while !id.isNone {
            let next = table.older(than: id)
            for awaited in table[id].awaited {
                answers.append(Answered(awaited: awaited, verdict: nil))
            }
            let pins = table[id].pins
            let lastWanted = table[id].lastWanted
            if pins == 0 {
                table.remove(id)
            } else {
                var fresh = LoggedSeries()
                fresh.pins = pins
                fresh.lastWanted = lastWanted
                fresh.isEnding = table[id].isEnding
                fresh.isComing = table[id].isComing
                swap(&table[id], &fresh)
                wantAgain(id)
            }
            id = next
        }
        heldCount = 0
        deviceCount = 0
    }

    // MARK: Invariants

    /// What must hold between two events; checked in debug builds.
    mutating func checkInvariants() {
        assert(own.count <= 1, "more than one entry of this process is under way")
        guard isFollowing else { return }
        assert(tail.next == position.number + 1, "the tail does not end at the position")
        assert(
            !fleet.isHeld || fleet.through + 1 >= tail.first, "the fleet's fold has a gap")
        assert(candidates.allSatisfy { $0.number > tail.first }, "a trim that is over")
        guard table.count <= 16 else { return }
        var id = table.newest
        var held = 0
        var devices = 0
        var coming = 0
        var ending = 0
        var new = 0
        while !id.isNone {
            if table[id].isHeld { held += 1 }
            if !table[id].isEmpty { devices += 1 }
            assert(table[id].isHeld == (table[id].life != nil), "held without a fold")
            if table[id].isComing { coming += 1 }
            if table[id].newcomerPlace >= 0 { new += 1 }
            if table[id].isEnding { ending += 1 }
            assert(table[id].pins >= 0, "let go too often")
            assert(table[id].awaited.isEmpty || !table[id].isHeld, "a verdict is not told")
            id = table.older(than: id)
        }
        assert(new == newcomers.count, "newcomers are counted wrongly")
        assert(held == heldCount, "folds are counted wrongly")
        assert(devices == deviceCount, "devices are counted wrongly")
        assert(coming == comingCount, "coming devices are counted wrongly")
        assert(ending == endingCount, "ending devices are counted wrongly")
    }
}

extension SeriesLife {
    /// The fold as an element of a checkpoint.
    mutating func element(birth: UInt64, asOf: UInt64, _ parameters: FoldParameters) -> [UInt8] {
        CheckpointCoding.FoldElement(
            birth: birth, asOf: asOf, lastEntry: lastEntry, lastArrival: lastArrival,
            totals: fold.totals, fold: fold.encode(parameters)
        ).bytes
    }
}

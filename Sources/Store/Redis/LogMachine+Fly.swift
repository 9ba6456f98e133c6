internal import SeriesLog
package import Redis
internal import Bytes
internal import Detection

/// Sending what has gathered: all of it as one pipeline.
extension LogMachine {
    /// Writes the next flight of a shard, if there is one to be sent now.
    /// - Returns: whether there is.
    package mutating func fly(_ shard: Int, into commands: inout CommandBuffer) -> Bool {
        guard shards[shard].isReady, !shards[shard].isFlying, shards[shard].hasWork,
            shards[shard].notBefore <= now
        else { return false }
        board(shard)
        for entry in shards[shard].flight.entries { depart(entry, shard, &commands) }
        for slot in shards[shard].flight.series { follow(slot, shard, &commands) }
        for (index, queued) in shards[shard].flight.extras.enumerated() {
            if queued.needsAsking {
                commands.command("ASKING")
                tag(.asking, Int32(index), shard)
            }
            write(queued.extra, &commands)
            tag(.extra, Int32(index), shard)
        }
        guard !shards[shard].flight.tags.isEmpty else {
            // All that had gathered was given up meanwhile.
            _ = abandonFlight(shard)
            return false
        }
        let replicas = min(settings.replicas, shards[shard].replicas)
        if replicas > 0 {
            commands.begin(3)
            commands.add("WAIT")
            commands.add(integer: replicas)
            commands.add(integer: max(1, Int(settings.timeout.milliseconds) / 2))
            commands.end()
            tag(.wait, 0, shard)
        }
        shards[shard].flight.isFlying = true
        shards[shard].flight.sentAt = now
        metrics.recordPipeline(samples: shards[shard].flight.samples)
        return true
    }

    private mutating func tag(_ kind: Flight.Tag.Kind, _ index: Int32, _ shard: Int) {
        shards[shard].flight.tags.append(Flight.Tag(kind: kind, index: index))
    }

    /// Takes from what has gathered as much as one flight may carry.
    private mutating func board(_ shard: Int) {
        let limit = RedisSettings.pipelineEntryLimit
        if shards[shard].gathering.count <= limit {
            shards[shard].takeAllGathered()
        } else {
            shards[shard].flight.entries = Array(shards[shard].gathering.prefix(limit))
            shards[shard].gathering.removeFirst(limit)
        }
        if settings.isCluster { holdBack(shard) }
        if !shards[shard].extras.isEmpty {
            let taken = min(limit, shards[shard].extras.count)
            shards[shard].flight.extras = Array(shards[shard].extras.prefix(taken))
            shards[shard].extras.removeFirst(taken)
        }
    }

    /// A series whose flight to the slot's former owner has not landed does not take part in another.
    private mutating func holdBack(_ shard: Int) {
        var kept: [Int32] = []
        var held: [Int32] = []
        for entry in shards[shard].flight.entries {
            if places[Int(pending[entry: entry].series)].isFlying {
                held.append(entry)
            } else {
                kept.append(entry)
            }
        }
        guard !held.isEmpty else { return }
        shards[shard].flight.entries = kept
        shards[shard].gathering.insert(contentsOf: held, at: 0)
    }

    // MARK: Entries

    /// Sends an entry, if it is to be sent and its place is known, and notes what must be read.
    private mutating func depart(_ entry: Int32, _ shard: Int, _ commands: inout CommandBuffer) {
        let slot = Int(pending[entry: entry].series)
        if places[slot].openEntry == entry { places[slot].openEntry = PendingTable.none }
        if !places[slot].isFlying {
            places[slot].isFlying = true
            places[slot].need = .none
            places[slot].appended = 0
            places[slot].isRead = false
            shards[shard].flight.series.append(Int32(slot))
        }
        if pending[entry: entry].status == .gathered, places[slot].standing != .unknown {
            append(entry, shard, &commands)
        }
        places[slot].need = max(places[slot].need, need(entry, shard))
    }

    private func need(_ entry: Int32, _ shard: Int) -> ReadNeed {
        let place = places[Int(pending[entry: entry].series)]
        let status = pending[entry: entry].status
        switch place.standing {
        case .unknown: return .load
        case .creating: return .none
        case .absent: return .load
        case .known: break
        }
        if place.verifiedBy != shards[shard].generation { return .check }
        let isBehind = place.entriesBehind > UInt64(2 * settings.checkpointInterval)
        switch status {
        // Nothing after the fold may also mean that the stream is gone.
        case .refresh: return isBehind ? .load : .check
        case .stored, .uncertain: return isBehind ? .load : .after
        case .gathered, .sent:
            guard place.contention > 0, pending[entry: entry].wantsVerdict else { return .none }
            return isBehind ? .load : .after
        case .done: return .none
        }
    }

    private mutating func append(
        _ entry: Int32, _ shard: Int, _ commands: inout CommandBuffer
    ) {
        let slot = pending[entry: entry].series
        lastNumber += 1
        pending[entry: entry].number = lastNumber
        pending[entry: entry].status = .sent
        pending[entry: entry].shard = Int32(shard)
        pending[entry: entry].after = places[Int(slot)].position
        shards[shard].flight.samples += Int(pending[entry: entry].itemCount)
        ask(slot, shard, &commands)
        if places[Int(slot)].standing == .absent {
            create(entry, slot, &commands)
        } else {
            extend(entry, slot, shard, &commands)
        }
        places[Int(slot)].appended += 1
        tag(.append, entry, shard)
    }

    /// While a slot is on its way to another master, each command there needs this before it.
    private mutating func ask(_ slot: Int32, _ shard: Int, _ commands: inout CommandBuffer) {
        guard places[Int(slot)].askShard >= 0 else { return }
        commands.command("ASKING")
        tag(.asking, slot, shard)
    }

    /// The first entry of a new stream. Its birth is now; should another loop make the same stream at
    /// the same time, the later birth comes after the earlier, and both find out: this one by the
    /// stream's length, the other when its next entry does not fit.
    private mutating func create(
        _ entry: Int32, _ slot: Int32, _ commands: inout CommandBuffer
    ) {
        let first = EntryID(birth: nextBirth(), number: 1)
        places[Int(slot)].forget()
        places[Int(slot)].standing = .creating
        places[Int(slot)].position = EntryID(birth: first.birth, number: 0)
        commands.begin(5)
        commands.add("XADD")
        addKey(of: slot, &commands)
        commands.add(first)
        addSamples(of: entry, &commands)
        commands.end()
    }

    /// Microseconds, of which the last three digits are this loop's own: two streams of one name, one
    /// of them flushed, are never taken for each other.
    private mutating func nextBirth() -> UInt64 {
        let birth = UInt64(max(1, unixMilliseconds)) * 1000 + writer % 1000
        lastBirth = max(birth, lastBirth + 1000)
        return lastBirth
    }

    /// The next entry of a stream that is there. NOMKSTREAM: when it is gone, nothing is written.
    private mutating func extend(
        _ entry: Int32, _ slot: Int32, _ shard: Int, _ commands: inout CommandBuffer
    ) {
        let place = places[Int(slot)]
        let isCheckpoint =
            place.standing == .known && place.verifiedBy == shards[shard].generation
            && place.entriesSinceCheckpoint >= UInt64(settings.checkpointInterval)
        // Trimming is done with the checkpoint, and only of what came long before it: so the stream
        // always holds a checkpoint with all that follows it, however far behind its writer was. An
        // append without trimming is a tenth cheaper besides.
        let kept = UInt64(settings.streamLength)
        let isTrimmed = isCheckpoint && place.position.number > kept
        commands.begin(6 + (isCheckpoint ? 2 : 0) + (isTrimmed ? 3 : 0))
        commands.add("XADD")
        addKey(of: slot, &commands)
        commands.add("NOMKSTREAM")
        if isTrimmed {
            commands.add("MINID")
            commands.add("~")
            commands.add(
                EntryID(birth: place.position.birth, number: place.position.number - kept))
        }
        commands.add(nextOf: place.position.birth)
        addSamples(of: entry, &commands)
        if isCheckpoint { addCheckpoint(of: slot, &commands) }
        commands.end()
    }

    private mutating func addCheckpoint(of slot: Int32, _ commands: inout CommandBuffer) {
        let position = places[Int(slot)].position
        let totals = table.totals(slot)
        let fold = table.encodeFold(slot)
        commands.add("c")
        commands.add(byteCount: EntryCoding.checkpointHeadBytes + fold.count) { bytes in
            bytes.append(checkpointHead: position, totals)
            bytes.append(fold.span)
        }
        places[Int(slot)].checkpoint = position
        metrics.add(1, .checkpointsWritten)
    }

    private func addSamples(of entry: Int32, _ commands: inout CommandBuffer) {
        let count = Int(pending[entry: entry].itemCount)
        let mark = Mark(writer: writer, number: pending[entry: entry].number)
        commands.add("s")
        commands.add(byteCount: EntryCoding.byteCount(samples: count)) { bytes in
            bytes.append(entryHead: mark)
            var item = pending[entry: entry].firstItem
            while item != PendingTable.none {
                bytes.append(packed: pending[item: item].sample)
                item = pending[item: item].next
            }
        }
    }

    private func addKey(of slot: Int32, _ commands: inout CommandBuffer) {
        let key = table.key(slot)
        commands.add(keyOf: key.bytes)
    }

    // MARK: What goes with a series

    /// What a series needs besides its entries: reading, its length, its time to live.
    private mutating func follow(_ slot: Int32, _ shard: Int, _ commands: inout CommandBuffer) {
        let place = places[Int(slot)]
        if place.standing == .creating {
            ask(slot, shard, &commands)
            commands.begin(2)
            commands.add("XLEN")
            addKey(of: slot, &commands)
            commands.end()
            tag(.length, slot, shard)
        }
        read(slot, shard, &commands)
        // The time to live is set anew before a sixteenth of it is over, and set longer by as much:
        // a series never goes too early, and few commands are spent on it.
        let slack = TimeSpan(nanoseconds: settings.timeToLive.nanoseconds / 16)
        if place.appended > 0, slot != fleet, now - place.expirySet > slack {
            places[Int(slot)].expirySet = now
            ask(slot, shard, &commands)
            commands.begin(3)
            commands.add("PEXPIRE")
            addKey(of: slot, &commands)
            commands.add(integer: Int(settings.timeToLive.milliseconds + slack.milliseconds) + 1)
            commands.end()
            tag(.expiry, slot, shard)
        }
        places[Int(slot)].askShard = -1
    }

    private mutating func read(_ slot: Int32, _ shard: Int, _ commands: inout CommandBuffer) {
        let need = places[Int(slot)].need
        guard need != .none else { return }
        ask(slot, shard, &commands)
        commands.begin(6)
        commands.add(need == .load ? "XREVRANGE" : "XRANGE")
        addKey(of: slot, &commands)
        switch need {
        case .load:
            if let oldest = loads[slot]?.oldest {
                commands.add(oldest, isExcluded: true)
            } else {
                commands.add("+")
            }
            commands.add("-")
        case .check, .after, .none:
            commands.add(places[Int(slot)].position, isExcluded: need == .after)
            commands.add("+")
        }
        commands.add("COUNT")
        commands.add(integer: readCount(slot, need))
        commands.end()
        tag(.read, slot, shard)
        metrics.add(1, counter(slot, need))
    }

    /// Entries asked for at once.
    func readCount(_ slot: Int32, _ need: ReadNeed) -> Int {
        need == .load
            ? (loads[slot]?.nextCount ?? StreamLoad.firstCount(settings)) : settings.streamLength
    }

    private func counter(_ slot: Int32, _ need: ReadNeed) -> RedisMetrics.Counter {
        switch need {
        case .load: .loads
        case .check: .checks
        case .after, .none: slot == fleet ? .fleetCatchUps : .deviceCatchUps
        }
    }
}

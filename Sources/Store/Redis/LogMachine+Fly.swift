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
        for entry in shards[shard].flight.entries { depart(entry, to: shard, into: &commands) }
        for series in shards[shard].flight.series { follow(series, to: shard, into: &commands) }
        for (index, queued) in shards[shard].flight.extras.enumerated() {
            if queued.needsAsking {
                commands.command("ASKING")
                tag(.asking, Int32(index), to: shard)
            }
            write(queued.extra, into: &commands)
            tag(.extra, Int32(index), to: shard)
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
            tag(.wait, 0, to: shard)
        }
        shards[shard].flight.isFlying = true
        shards[shard].flight.sentAt = now
        metrics.recordPipeline(samples: shards[shard].flight.samples)
        return true
    }

    private mutating func tag(_ kind: Flight.Tag.Kind, _ index: Int32, to shard: Int) {
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

    /// A series takes part in one flight at a time: while one to the former owner of its hash slot
    /// is under way, its entries wait.
    private mutating func holdBack(_ shard: Int) {
        var kept: [Int32] = []
        var held: [Int32] = []
        for entry in shards[shard].flight.entries {
            if states[Int(pending[entry: entry].series)].isFlying {
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

    /// Sends an entry, if it is to be sent and its stream is known, and notes what must be read.
    private mutating func depart(
        _ entry: Int32, to shard: Int, into commands: inout CommandBuffer
    ) {
        let series = Int(pending[entry: entry].series)
        if states[series].openEntry == entry { states[series].openEntry = PendingTable.none }
        if !states[series].isFlying {
            states[series].isFlying = true
            states[series].need = .none
            states[series].appended = 0
            states[series].isRead = false
            shards[shard].flight.series.append(Int32(series))
        }
        if pending[entry: entry].status == .gathered, states[series].standing != .unknown {
            append(entry, to: shard, into: &commands)
        }
        states[series].need = max(states[series].need, need(entry, shard))
    }

    private func need(_ entry: Int32, _ shard: Int) -> ReadNeed {
        let state = states[Int(pending[entry: entry].series)]
        let status = pending[entry: entry].status
        switch state.standing {
        case .unknown: return .load
        case .creating: return .none
        case .absent: return .load
        case .known: break
        }
        if state.verifiedBy != shards[shard].generation { return .check }
        let isBehind = state.entriesBehind > UInt64(2 * settings.checkpointInterval)
        switch status {
        // Nothing after the fold may also mean that the stream is gone.
        case .refresh: return isBehind ? .load : .check
        case .stored, .uncertain: return isBehind ? .load : .after
        case .gathered, .sent:
            guard state.contention > 0, pending[entry: entry].wantsVerdict else { return .none }
            return isBehind ? .load : .after
        case .done: return .none
        }
    }

    private mutating func append(
        _ entry: Int32, to shard: Int, into commands: inout CommandBuffer
    ) {
        let series = pending[entry: entry].series
        lastNumber += 1
        pending[entry: entry].number = lastNumber
        pending[entry: entry].status = .sent
        pending[entry: entry].shard = Int32(shard)
        pending[entry: entry].after = states[Int(series)].position
        shards[shard].flight.samples += Int(pending[entry: entry].itemCount)
        addAsking(for: series, to: shard, into: &commands)
        if states[Int(series)].standing == .absent {
            create(series, with: entry, into: &commands)
        } else {
            extend(series, with: entry, to: shard, into: &commands)
        }
        states[Int(series)].appended += 1
        tag(.append, entry, to: shard)
    }

    /// While a hash slot moves to another master, each command there needs ASKING before it.
    private mutating func addAsking(
        for series: Int32, to shard: Int, into commands: inout CommandBuffer
    ) {
        guard states[Int(series)].askShard >= 0 else { return }
        commands.command("ASKING")
        tag(.asking, series, to: shard)
    }

    /// The first entry of a new stream, whose birth is now. Another loop may make the same stream
    /// at the same time. Then the entry with the later birth stands after the other, and both find
    /// out: this loop by the stream's length, the other when its next entry does not fit.
    private mutating func create(
        _ series: Int32, with entry: Int32, into commands: inout CommandBuffer
    ) {
        let first = EntryID(birth: nextBirth(), number: 1)
        states[Int(series)].forget()
        states[Int(series)].standing = .creating
        states[Int(series)].position = EntryID(birth: first.birth, number: 0)
        commands.begin(5)
        commands.add("XADD")
        addKey(of: series, &commands)
        commands.add(first)
        addSamples(of: entry, &commands)
        commands.end()
    }

    /// Microseconds, of which the last three digits are this loop's own: two streams of one name,
    /// one of them flushed, are never taken for each other.
    private mutating func nextBirth() -> UInt64 {
        let birth = UInt64(max(1, unixMilliseconds)) * 1000 + writer % 1000
        lastBirth = max(birth, lastBirth + 1000)
        return lastBirth
    }

    /// The next entry of a stream that is there. NOMKSTREAM: when it is gone, nothing is written.
    private mutating func extend(
        _ series: Int32, with entry: Int32, to shard: Int, into commands: inout CommandBuffer
    ) {
        let state = states[Int(series)]
        let isCheckpoint =
            state.standing == .known && state.verifiedBy == shards[shard].generation
            && state.entriesSinceCheckpoint >= UInt64(settings.checkpointInterval)
        // A stream is trimmed together with a checkpoint, and only of what came long before it. So
        // it always holds a checkpoint with all that follows it, however far behind its writer was.
        let kept = UInt64(settings.streamLength)
        let isTrimmed = isCheckpoint && state.position.number > kept
        commands.begin(6 + (isCheckpoint ? 2 : 0) + (isTrimmed ? 3 : 0))
        commands.add("XADD")
        addKey(of: series, &commands)
        commands.add("NOMKSTREAM")
        if isTrimmed {
            commands.add("MINID")
            commands.add("~")
            commands.add(
                EntryID(birth: state.position.birth, number: state.position.number - kept))
        }
        commands.add(nextOf: state.position.birth)
        addSamples(of: entry, &commands)
        if isCheckpoint { addCheckpoint(of: series, &commands) }
        commands.end()
    }

    private mutating func addCheckpoint(of series: Int32, _ commands: inout CommandBuffer) {
        let position = states[Int(series)].position
        let totals = table.totals(of: series)
        let fold = table.encodeFold(of: series)
        commands.add("c")
        commands.add(byteCount: EntryCoding.checkpointHeadBytes + fold.count) { bytes in
            bytes.append(checkpointHead: position, totals)
            bytes.append(fold.span)
        }
        states[Int(series)].checkpoint = position
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

    private func addKey(of series: Int32, _ commands: inout CommandBuffer) {
        let key = table.key(of: series)
        commands.add(keyOf: key.bytes)
    }

    // MARK: What goes with a series

    /// What a series needs besides its entries: reading, its length, its time to live.
    private mutating func follow(
        _ series: Int32, to shard: Int, into commands: inout CommandBuffer
    ) {
        let state = states[Int(series)]
        if state.standing == .creating {
            addAsking(for: series, to: shard, into: &commands)
            commands.begin(2)
            commands.add("XLEN")
            addKey(of: series, &commands)
            commands.end()
            tag(.length, series, to: shard)
        }
        read(series, from: shard, into: &commands)
        // The time to live is set anew before a sixteenth of it is over, and set longer by as much:
        // a series never goes too early, and few commands are spent on it.
        let slack = TimeSpan(nanoseconds: settings.timeToLive.nanoseconds / 16)
        if state.appended > 0, series != fleet, now - state.expirySet > slack {
            states[Int(series)].expirySet = now
            addAsking(for: series, to: shard, into: &commands)
            commands.begin(3)
            commands.add("PEXPIRE")
            addKey(of: series, &commands)
            commands.add(integer: Int(settings.timeToLive.milliseconds + slack.milliseconds) + 1)
            commands.end()
            tag(.expiry, series, to: shard)
        }
        states[Int(series)].askShard = -1
    }

    private mutating func read(
        _ series: Int32, from shard: Int, into commands: inout CommandBuffer
    ) {
        let need = states[Int(series)].need
        guard need != .none else { return }
        addAsking(for: series, to: shard, into: &commands)
        commands.begin(6)
        commands.add(need == .load ? "XREVRANGE" : "XRANGE")
        addKey(of: series, &commands)
        switch need {
        case .load:
            if let oldest = loads[series]?.oldest {
                commands.add(oldest, isExcluded: true)
            } else {
                commands.add("+")
            }
            commands.add("-")
        case .check, .after, .none:
            commands.add(states[Int(series)].position, isExcluded: need == .after)
            commands.add("+")
        }
        commands.add("COUNT")
        commands.add(integer: readCount(series, need))
        commands.end()
        tag(.read, series, to: shard)
        metrics.add(1, counter(series, need))
    }

    /// Entries asked for at once.
    func readCount(_ series: Int32, _ need: ReadNeed) -> Int {
        need == .load
            ? (loads[series]?.nextCount ?? StreamLoad.firstCount(settings)) : settings.streamLength
    }

    private func counter(_ series: Int32, _ need: ReadNeed) -> RedisMetrics.Counter {
        switch need {
        case .load: .loads
        case .check: .checks
        case .after, .none: series == fleet ? .fleetCatchUps : .deviceCatchUps
        }
    }
}

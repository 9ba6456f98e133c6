import Bytes
import Detection
import Numerics

@testable import SeriesLog

/// What goes wrong, by chance or because a rule is left out; and what must be true in the end.
extension TurnSimulation {
    mutating func misfortune() {
        if kinds.contains(.crashes), chance(3) { crash() }
        if kinds.contains(.stalls), chance(4) {
            replicas[below(replicas.count)].frozenUntil = wall + pick([200, 800, 3_000])
        }
        if !zombies.isEmpty, chance(100) { attempt { try $0.wakeZombie() } }
        if kinds.contains(.timeJumps), chance(2) { wall += pick([3_000, 8_000, 21_000, 45_000]) }
        let log = below(stores.count)
        if kinds.contains(.flushes), chance(1) {
            stores[log].flush()
            disaster(log, "flushed")
        }
        if kinds.contains(.evictions), chance(1) {
            stores[log].evict()
            disaster(log, "evicted")
        }
        if kinds.contains(.rollbacks), chance(2), !snapshots[log].isEmpty { rollBack(log) }
    }

    private mutating func attempt(_ body: (inout Self) throws -> Void) {
        do { try body(&self) } catch { broken = "\(error)" }
    }

    private mutating func disaster(_ log: Int, _ what: String) {
        note("log \(log) is \(what)")
        epochs[log] += 1
        snapshots[log] = []
    }

    /// Another server takes over that does not know the newest.
    private mutating func rollBack(_ log: Int) {
        let old = snapshots[log][below(snapshots[log].count)]
        stores[log] = old
        disaster(log, "rolled back to \(old.last.birth)-\(old.last.number)")
        zombies.removeAll { $0.log == log }
        for replica in replicas { replica.logs[log].isDead = replica.logs[log].isConnected }
    }

    /// A process ends, and another begins. What it had sent may be executed yet.
    private mutating func crash() {
        let index = below(replicas.count)
        let replica = replicas[index]
        note("\(label(replica.logs[0])) crashes")
        for own in replica.logs { cut(replica, own) }
        let waiting = replica.attempts.sorted { $0.key < $1.key }
        for (_, attempt) in waiting {
            counts.refused += 1
            if attempt.request.key != nil, attempt.request.attemptsLeft > 0 {
                retries.append(attempt.request)
            }
        }
        dead.append(replica)
        replicas[index] = makeReplica()
        counts.crashes += 1
    }

    // MARK: Rules left out

    /// Changes what is executed.
    func harm(_ command: ModelCommand, of own: SimulatedLog) -> ModelCommand {
        guard fault == .skipUnheld, case .trim(let birth, let group, let names) = command
        else { return command }
        var less = group
        less.lists = []
        var kept: [[UInt8]] = []
        for (list, name) in zip(group.lists, names) where own.log.table[list.series].isHeld {
            less.lists.append(list)
            kept.append(name)
        }
        return .trim(birth: birth, less, names: kept)
    }

    /// Changes what is told.
    mutating func disguise(_ reply: LogReply, _ index: Int, of own: SimulatedLog) -> LogReply {
        switch (fault, own.log.commands[index]) {
        case (.noLookAt, .lookAt(let number)) where own.log.tail.holds(number):
            return .entries([
                StoredTurn(
                    position: LogPosition(birth: own.log.position.birth, number: number),
                    bytes: own.log.tail[number].bytes)
            ])
        case (.noFirst, .first):
            guard case .entries(let found) = reply, let first = found.first,
                first.position.birth == own.log.position.birth
            else { return reply }
            let number = max(first.position.number, own.log.tail.first)
            return .entries([
                StoredTurn(
                    position: LogPosition(birth: first.position.birth, number: number), bytes: [])
            ])
        case (.noClock, .fleetCheckpoint): return own.log.settings.hasFleet ? reply : .list([])
        case (.keysFirst, .read(0, _, _)):
            own.staleBlocks = keyBlocks(own.index)
            return reply
        case (.keysFirst, .keys): return own.staleBlocks ?? reply
        case (.keysAny, .keys): return renumbered(reply)
        case (.noConfirm, .read(let number, false, _)) where number > 0:
            return confirmed(reply, own)
        case (.ignoreGap, .read): return filled(reply, own)
        default: return reply
        }
    }

    private func keyBlocks(_ log: Int) -> LogReply {
        var store = stores[log]
        var session = ModelSession()
        return store.execute(.keys, &session, now: wall, birth: 0) { _, _ in }
    }

    /// Blocks of keys as if none were newer than the log's first entry.
    private func renumbered(_ reply: LogReply) -> LogReply {
        guard case .entries(let blocks) = reply else { return reply }
        return .entries(
            blocks.map {
                StoredTurn(
                    position: LogPosition(birth: $0.position.birth, number: 1), bytes: $0.bytes)
            })
    }

    /// What was read, as if it began with the entry that was read last.
    private func confirmed(_ reply: LogReply, _ own: SimulatedLog) -> LogReply {
        guard case .entries(let turns) = reply, case .following = own.log.standing else {
            return reply
        }
        let position = own.log.position
        if turns.first?.position == position || !own.log.tail.holds(position.number) {
            return reply
        }
        let mine = StoredTurn(position: position, bytes: own.log.tail[position.number].bytes)
        return .entries([mine] + turns)
    }

    /// What was read, with entries of nothing where some are missing.
    private func filled(_ reply: LogReply, _ own: SimulatedLog) -> LogReply {
        guard case .entries(let turns) = confirmed(reply, own), own.log.isFollowing,
            let first = turns.first
        else { return reply }
        let position = own.log.position
        guard first.position.birth == position.birth else { return reply }
        var next = position.number + (first.position == position ? 0 : 1)
        var filled: [StoredTurn] = []
        for turn in turns {
            while next < turn.position.number {
                filled.append(
                    StoredTurn(
                        position: LogPosition(birth: position.birth, number: next), bytes: []))
                next += 1
            }
            filled.append(turn)
            next += 1
        }
        return .entries(filled)
    }

    // MARK: The end

    /// Nothing goes wrong any more, and everything that waits is finished.
    mutating func settle() throws {
        if let broken { throw fail(broken) }
        retries = []
        while !zombies.isEmpty { try wakeZombie() }
        note("settles")
        isSettling = true
        for replica in replicas {
            replica.frozenUntil = 0
            for own in replica.logs { if own.isDead { cut(replica, own) } }
        }
        try quiet()
        isQuiet = true
        // Before anybody asks: a question shows whether a device is there, and the list follows.
        for replica in replicas {
            for own in replica.logs { try checkList(replica, own, isOrdered: false) }
        }
        for replica in replicas {
            for own in replica.logs { own.log.readSoon() }
            for isOfHistory in [false, true] {
                for device in deviceNames { ask(replica, device, isOfHistory: isOfHistory) }
                ask(replica, nil, isOfHistory: isOfHistory)
            }
        }
        try quiet()
        for replica in replicas where replica.tickets.openCount > 0 {
            throw fail("\(replica.tickets.openCount) requests are never finished")
        }
    }

    private mutating func quiet() throws {
        for _ in 0..<20_000 {
            wall += 1
            var isBusy = false
            for replica in replicas {
                tellTime(replica)
                for own in replica.logs {
                    try turn(replica, own)
                    if !own.isConnected || own.isUnderWay || own.log.isAwaited
                        || own.log.position != stores[own.index].last
                        || !own.log.isFollowing || !own.log.knowsDevices
                    {
                        isBusy = true
                    }
                }
                try answer(replica)
            }
            if !isBusy { return }
        }
        let standings = replicas.flatMap { $0.logs.map { "\(label($0)) \($0.log.standing)" } }
        throw fail("it does not come to rest: \(standings)")
    }

    mutating func checkAll() throws {
        for store in stores { try checkOnce(store.reference) }
        for replica in replicas {
            for own in replica.logs { try check(replica, own) }
        }
        for store in stores {
            counts.trims += store.trims
            counts.lostTrims += store.lostTrims
            counts.ends += store.reference.ends
        }
    }

    /// A sample is in the log once; so is one that was sent again with its key, as long as keys are
    /// remembered.
    private func checkOnce(_ reference: Reference) throws {
        let all = [reference.fleet.samples] + reference.series.values.map(\.samples)
        for samples in all {
            var seen: Set<SentSample> = []
            for sample in samples {
                let (attempt, index) = TurnSimulation.identity(of: sample)
                let isForgotten =
                    settings.keyLimit < 1_000 && keyed.contains(requestOfAttempt[attempt])
                guard seen.insert(sent(attempt, index)).inserted || isForgotten else {
                    throw fail("attempt \(attempt)/\(index) counts twice")
                }
            }
        }
    }

    private mutating func check(_ replica: SimulatedReplica, _ own: SimulatedLog) throws {
        var reference = stores[own.index].reference
        counts.resets += own.log.counts.resets
        own.log.checkInvariants()
        var keys: [UInt64] = []
        own.log.keys.forEach { key, _ in keys.append(key) }
        guard keys == reference.keys else {
            throw fail("\(label(own)): \(keys.count) keys, not \(reference.keys.count), or others")
        }
        if own.log.settings.hasFleet, own.log.fleet.isHeld,
            own.log.fleetSummary() != reference.fleet.summary(settings.parameters)
        {
            throw fail("\(label(own)): the fleet's summary differs")
        }
        guard own.log.clock == reference.clock else {
            throw fail("\(label(own)): the clock is \(own.log.clock), not \(reference.clock)")
        }
        try checkList(replica, own, isOrdered: true)
        try checkFolds(own)
    }

    /// Compares the list of devices with the truth.
    private func checkList(
        _ replica: SimulatedReplica, _ own: SimulatedLog, isOrdered: Bool
    ) throws {
        guard own.log.settings.hasDevices else { return }
        let reference = stores[own.index].reference
        let now = wall + replica.skew
        let live = reference.series.keys.filter { reference.isLive($0, now: now) }
        let listed = own.log.devices(after: nil, limit: 1_000) ?? []
        guard Set(live) == Set(listed), live.count == listed.count else {
            func text(_ names: [[UInt8]]) -> [String] {
                names.map { String(decoding: $0, as: UTF8.self) }.sorted()
            }
            throw fail("\(label(own)): lists \(text(listed)), not \(text(live))")
        }
        let activities = listed.map { reference.series[$0]?.lastArrival ?? 0 }
        guard !isOrdered || activities == activities.sorted(by: >) else {
            let list = zip(listed, activities).map {
                let id = own.log.table.find($0.span, hash: own.log.hash($0.span)) ?? .none
                return "\(id) \($1 % 1_000_000) \(own.log.table[id].lastArrival % 1_000_000) "
                    + "\(own.log.table[id].lastRecord)"
            }
            throw fail("\(label(own)): the list is not in order: \(list)")
        }
    }

    /// What is known of a series, and what stands in its checkpoint.
    func tell(_ id: SeriesID, _ own: SimulatedLog) -> String {
        let ended = own.log.table[id].endedAt
        let records = own.log.chain(of: id, upTo: own.log.table[id].lastRecord).map {
            own.log.tail.record($0)
        }
        .map { "\($0.kind) \($0.number)" }
        let elements = tellCheckpoint(of: own.name(id), own)
        return "\(label(own)): \(id) ended at \(ended), tail from \(own.log.tail.first) has "
            + "\(records), its checkpoint \(elements)"
    }

    func tellCheckpoint(of name: [UInt8], _ own: SimulatedLog) -> [String] {
        var store = stores[own.index]
        var session = ModelSession()
        let command = ModelCommand.checkpoint(name)
        let reply = store.execute(command, &session, now: wall, birth: 0) { _, _ in }
        var elements: [String] = []
        if case .list(let list) = reply {
            for bytes in list {
                if let fold = CheckpointCoding.FoldElement(bytes) {
                    elements.append("fold as of \(fold.birth)-\(fold.asOf), \(fold.totals.samples)")
                } else {
                    let found = CheckpointCoding.records(bytes, birth: own.log.position.birth)
                    elements.append("records \(found.map { $0.map { $0.entry } } ?? [])")
                }
            }
        }
        return elements
    }

    /// Compares the folds that are here with the truth.
    func checkFolds(_ own: SimulatedLog) throws {
        guard own.log.isFollowing else { return }
        let reference = stores[own.index].reference
        // What is left of a series after its time to live is nobody's concern.
        for (name, series) in reference.series
        where reference.isLive(name, now: wall + 500) {
            var series = series
            guard let id = own.log.table.find(name.span, hash: own.log.hash(name.span)),
                own.log.table[id].isHeld
            else { continue }
            own.log.catchUp(id)
            let fold = own.log.table[id].life?.value.fold.encode(settings.parameters)
            guard fold == series.encoded(settings.parameters) else {
                let count = own.log.table[id].summary?.lastVerdict.sequence ?? 0
                throw fail(
                    "\(label(own)): the fold of \(String(decoding: name, as: UTF8.self)), which has "
                        + "\(count) samples and not \(series.samples.count), differs; "
                        + tell(id, own))
            }
        }
    }
}

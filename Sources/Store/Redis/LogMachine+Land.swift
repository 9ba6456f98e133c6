internal import SeriesLog
internal import Wire
package import Redis
internal import Bytes
internal import Detection
internal import Telemetry

/// Taking in the replies to a flight, and settling what was sent with it.
extension LogMachine {
    /// Whether the next reply of the shard is the place of an appended entry: then it can be handed
    /// in parsed.
    package func expectsPlace(_ shard: Int) -> Bool {
        let flight = shards[shard].flight
        return flight.cursor < flight.tags.count && flight.tags[flight.cursor].kind == .append
    }

    /// The reply to an append, parsed.
    package mutating func received(_ shard: Int, place: EntryID) {
        guard let tag = nextTag(shard) else { return }
        metrics.add(1, .commandsOK)
        pending[entry: tag.index].id = place
        pending[entry: tag.index].status = .stored
        landIfComplete(shard)
    }

    /// The next reply of a shard.
    package mutating func received(_ shard: Int, _ reply: Reply) {
        guard let tag = nextTag(shard) else { return }
        if case .failure(let failure) = reply {
            count(failure)
        } else {
            metrics.add(1, .commandsOK)
        }
        switch tag.kind {
        case .append: appended(tag.index, shard, reply)
        case .length: measured(tag.index, reply)
        case .read:
            let place = places[Int(tag.index)]
            shards[shard].flight.reads.append(
                Flight.Read(
                    series: tag.index, need: place.need, asked: readCount(tag.index, place.need),
                    reply: reply))
        case .extra: answered(shards[shard].flight.extras[Int(tag.index)], by: shard, reply: reply)
        case .wait:
            if case .integer(let count) = reply {
                let wanted = min(settings.replicas, shards[shard].replicas)
                shards[shard].flight.isReplicated = count >= wanted
                // A replica may have gone for good; then it is not waited for any more.
                if count < wanted { shards[shard].extras.append(QueuedExtra(extra: .role)) }
            }
        case .expiry, .asking: break
        }
        landIfComplete(shard)
    }

    private mutating func nextTag(_ shard: Int) -> Flight.Tag? {
        let cursor = shards[shard].flight.cursor
        guard shards[shard].flight.isFlying, cursor < shards[shard].flight.tags.count else {
            // A reply that nothing asked for: the connection is out of step.
            shards[shard].wantsReconnect = true
            return nil
        }
        shards[shard].flight.cursor = cursor + 1
        return shards[shard].flight.tags[cursor]
    }

    private func count(_ failure: ReplyFailure) {
        switch failure {
        case .moved, .ask: metrics.add(1, .commandsRedirected)
        case .notNext, .tryAgain, .readOnly, .other: metrics.add(1, .commandsFailed)
        }
    }

    // MARK: Replies

    private mutating func appended(_ entry: Int32, _ shard: Int, _ reply: Reply) {
        let slot = Int(pending[entry: entry].series)
        switch reply {
        case .text(let text):
            guard let id = EntryID(text.span) else {
                shards[shard].wantsReconnect = true
                return
            }
            pending[entry: entry].id = id
            pending[entry: entry].status = .stored
            return
        case .failure(.other(let text)):
            refusal = text
            fail(entry: entry, .refused)
            return
        case .failure(.notNext), .null, .integer, .array:
            // The stream is gone, or it is another one.
            places[slot].standing = .unknown
        case .failure(let failure):
            // It is elsewhere; what is known of it holds until a look there tells otherwise.
            redirect(slot, shard, failure)
            if places[slot].standing == .creating { places[slot].standing = .absent }
        }
        pending[entry: entry].status = .gathered
    }

    /// Follows the cluster's word on where a slot is, or leaves a server alone that asks for it.
    mutating func redirect(_ slot: Int, _ shard: Int, _ failure: ReplyFailure) {
        switch failure {
        case .moved(let number, let address):
            wantsMap = true
            let home = shardIndex(address)
            map.setOwner(number, shards[home].address)
        case .ask(let address): places[slot].askShard = Int32(shardIndex(address))
        case .tryAgain:
            shards[shard].notBefore = now + .milliseconds(20)
            wantsMap = settings.isCluster
        case .readOnly: shards[shard].wantsReconnect = true
        case .notNext, .other: break
        }
    }

    /// The length of a stream that this loop thinks it made.
    private mutating func measured(_ slot: Int32, _ reply: Reply) {
        guard places[Int(slot)].standing == .creating else { return }
        if case .integer(let count) = reply, count == Int(places[Int(slot)].appended) {
            places[Int(slot)].standing = .known
        } else {
            places[Int(slot)].standing = .unknown
        }
    }

    // MARK: Landing

    private mutating func landIfComplete(_ shard: Int) {
        guard shards[shard].flight.cursor == shards[shard].flight.tags.count else { return }
        var flight = Flight()
        swap(&flight, &shards[shard].flight)
        metrics.durations.record(now - flight.sentAt)
        // A fold that was made on this connection is as good as one that was found there.
        for slot in flight.series where places[Int(slot)].standing == .known {
            if places[Int(slot)].position.number == 0 {
                places[Int(slot)].verifiedBy = shards[shard].generation
            }
        }
        for read in flight.reads { take(read, shard) }
        for slot in flight.series {
            places[Int(slot)].isFlying = false
            if places[Int(slot)].standing == .creating { places[Int(slot)].standing = .unknown }
        }
        var again: [Int32] = []
        for entry in flight.entries {
            settle(entry, isReplicated: flight.isReplicated)
            if pending[entry: entry].status == .done {
                discard(entry)
            } else {
                again.append(entry)
            }
        }
        leaveUnknownDevices(flight.series)
        flight.clear()
        // The arrays are used again, unless another flight was begun in between.
        swap(&flight, &shards[shard].flight)
        enlistAgain(again)
    }

    /// What is not settled goes first in the next flight.
    mutating func enlistAgain(_ entries: [Int32]) {
        for entry in entries.reversed() {
            dropAbandoned(of: entry)
            if pending[entry: entry].status == .done {
                discard(entry)
            } else if let home = route(pending[entry: entry].series) {
                shards[home].gathering.insert(entry, at: 0)
            } else {
                homeless.insert(entry, at: 0)
            }
        }
    }

    /// A device that was only asked for, and is not there, is not kept.
    private mutating func leaveUnknownDevices(_ series: [Int32]) {
        for slot in series
        where slot != fleet && places[Int(slot)].standing == .absent
            && !places[Int(slot)].isPinned
        { remove(slot) }
    }

    // MARK: Settling

    private mutating func settle(_ entry: Int32, isReplicated: Bool) {
        let slot = Int(pending[entry: entry].series)
        switch pending[entry: entry].status {
        case .stored: settleStored(entry, slot, isReplicated)
        case .refresh:
            guard places[slot].isRead else { return }
            let ticket = pending[entry: entry].ticket
            if ticket != PendingTable.none, places[slot].standing == .known {
                tickets[ticket].summaries[Int(pending[entry: entry].position)] =
                    table.summary(Int32(slot))
            }
            finish(ticket)
            pending[entry: entry].status = .done
        case .sent:
            // Its reply made no sense; the connection will be cut, and then it is looked for.
            pending[entry: entry].status = .uncertain
        case .gathered, .uncertain, .done: break
        }
    }

    private mutating func settleStored(_ entry: Int32, _ slot: Int, _ isReplicated: Bool) {
        let id = pending[entry: entry].id
        places[slot].top = max(places[slot].top, id)
        if !isReplicated { markUnreplicated(entry) }
        if places[slot].standing == .known {
            if id == places[slot].position.next {
                foldOwn(entry, slot)
                return
            }
            if id <= places[slot].position {
                // A checkpoint later than the entry was folded from: its verdicts are lost.
                fail(entry: entry, .unsettled)
                return
            }
        }
        guard !pending[entry: entry].wantsVerdict else {
            places[slot].contention = SeriesPlace.contentionSpan
            return
        }
        // Nobody needs the fleet's verdicts here: it is folded when somebody asks, or when it is this
        // loop's turn to put a checkpoint into the log.
        while let item = pending.takeFirst(of: entry) { finish(item.ticket) }
        pending[entry: entry].status = .done
        if id.number % UInt64(settings.checkpointInterval) == 0 {
            refresh(Int32(slot), PendingTable.none)
        }
    }

    private mutating func markUnreplicated(_ entry: Int32) {
        var item = pending[entry: entry].firstItem
        while item != PendingTable.none {
            let ticket = pending[item: item].ticket
            if tickets[ticket].failure == nil { tickets[ticket].failure = .notReplicated }
            item = pending[item: item].next
        }
    }

    /// Folds an entry of this loop that follows the fold, and gives its verdicts out.
    private mutating func foldOwn(_ entry: Int32, _ slot: Int) {
        let id = pending[entry: entry].id
        let number = pending[entry: entry].number
        while let item = pending.takeFirst(of: entry) {
            let verdict = table.fold(item.sample, into: Int32(slot), now: now)
            deliver(verdict, item)
        }
        places[slot].position = id
        places[slot].mark = Mark(writer: writer, number: number)
        pending[entry: entry].status = .done
        if Int32(slot) != fleet { touch(slot) }
    }

    mutating func deliver(_ verdict: Verdict, _ item: PendingItem) {
        if item.position >= 0, !tickets.isAbandoned(item.ticket) {
            tickets[item.ticket].verdicts[Int(item.position)] = verdict
        }
        finish(item.ticket)
    }

    // MARK: Cut

    /// The connection is gone: what was in flight may have been written or not.
    /// - Returns: whether that is so of any entry.
    mutating func abandonFlight(_ shard: Int) -> Bool {
        var flight = Flight()
        swap(&flight, &shards[shard].flight)
        metrics.add(flight.tags.count - flight.cursor, .commandsLost)
        var again: [Int32] = []
        var isUncertain = false
        for entry in flight.entries {
            switch pending[entry: entry].status {
            case .sent, .stored:
                // Acknowledged but not answered: a server that takes over may not have it.
                pending[entry: entry].status = .uncertain
                isUncertain = true
            case .gathered, .uncertain, .refresh, .done: break
            }
            if pending[entry: entry].status == .done {
                discard(entry)
            } else {
                again.append(entry)
            }
        }
        for slot in flight.series {
            places[Int(slot)].isFlying = false
            loads[slot] = nil
            if places[Int(slot)].standing == .creating { places[Int(slot)].standing = .unknown }
        }
        let answeredExtras = flight.tags.prefix(flight.cursor).filter { $0.kind == .extra }.count
        for queued in flight.extras.dropFirst(answeredExtras) { enlist(queued.extra) }
        enlistAgain(again)
        return isUncertain
    }
}

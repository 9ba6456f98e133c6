internal import SeriesLog
internal import Wire
package import Redis
internal import Bytes
internal import Detection
internal import Telemetry

/// Taking in the replies to a flight, and settling what was sent with it.
extension LogMachine {
    /// Whether the next reply of the shard is the ID of an appended entry. Then `received` takes it
    /// already parsed.
    package func expectsEntryID(_ shard: Int) -> Bool {
        let flight = shards[shard].flight
        return flight.cursor < flight.tags.count && flight.tags[flight.cursor].kind == .append
    }

    /// The reply to an append, parsed.
    package mutating func received(_ shard: Int, id: EntryID) {
        guard let tag = nextTag(shard) else { return }
        metrics.add(1, .commandsOK)
        pending[entry: tag.index].id = id
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
        case .append: appended(tag.index, to: shard, reply: reply)
        case .length: measured(tag.index, reply)
        case .read:
            let state = states[Int(tag.index)]
            shards[shard].flight.reads.append(
                Flight.Read(
                    series: tag.index, need: state.need, asked: readCount(tag.index, state.need),
                    reply: reply))
        case .extra: received(shards[shard].flight.extras[Int(tag.index)], by: shard, reply: reply)
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

    private mutating func appended(_ entry: Int32, to shard: Int, reply: Reply) {
        let series = Int(pending[entry: entry].series)
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
            states[series].standing = .unknown
        case .failure(let failure):
            // It is elsewhere; what is known of it holds until a look there tells otherwise.
            redirect(series, from: shard, failure)
            if states[series].standing == .creating { states[series].standing = .absent }
        }
        pending[entry: entry].status = .gathered
    }

    /// Follows a redirection to the server that has the hash slot, or leaves a server alone for a
    /// while when it asks for that.
    mutating func redirect(_ series: Int, from shard: Int, _ failure: ReplyFailure) {
        switch failure {
        case .moved(let number, let address):
            wantsMap = true
            let home = shardIndex(address)
            map.setOwner(number, shards[home].address)
        case .ask(let address): states[series].askShard = Int32(shardIndex(address))
        case .tryAgain:
            shards[shard].notBefore = now + .milliseconds(20)
            wantsMap = settings.isCluster
        case .readOnly: shards[shard].wantsReconnect = true
        case .notNext, .other: break
        }
    }

    /// The length of a stream that this loop thinks it made.
    private mutating func measured(_ series: Int32, _ reply: Reply) {
        guard states[Int(series)].standing == .creating else { return }
        if case .integer(let count) = reply, count == Int(states[Int(series)].appended) {
            states[Int(series)].standing = .known
        } else {
            states[Int(series)].standing = .unknown
        }
    }

    // MARK: Landing

    private mutating func landIfComplete(_ shard: Int) {
        guard shards[shard].flight.cursor == shards[shard].flight.tags.count else { return }
        var flight = Flight()
        swap(&flight, &shards[shard].flight)
        metrics.durations.record(now - flight.sentAt)
        // A fold that was made on this connection is as good as one that was found there.
        for series in flight.series where states[Int(series)].standing == .known {
            if states[Int(series)].position.number == 0 {
                states[Int(series)].verifiedBy = shards[shard].generation
            }
        }
        for read in flight.reads { take(read, shard) }
        for series in flight.series {
            states[Int(series)].isFlying = false
            if states[Int(series)].standing == .creating { states[Int(series)].standing = .unknown }
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
        removeUnknownDevices(flight.series)
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
    private mutating func removeUnknownDevices(_ flown: [Int32]) {
        for series in flown
        where series != fleet && states[Int(series)].standing == .absent
            && !states[Int(series)].isPinned
        { remove(series) }
    }

    // MARK: Settling

    private mutating func settle(_ entry: Int32, isReplicated: Bool) {
        let series = Int(pending[entry: entry].series)
        switch pending[entry: entry].status {
        case .stored: settleStored(entry, of: series, isReplicated: isReplicated)
        case .refresh:
            guard states[series].isRead else { return }
            let ticket = pending[entry: entry].ticket
            if ticket != PendingTable.none, states[series].standing == .known {
                tickets[ticket].summaries[Int(pending[entry: entry].position)] =
                    table.summary(of: Int32(series))
            }
            finish(ticket)
            pending[entry: entry].status = .done
        case .sent:
            // Its reply made no sense; the connection will be cut, and then it is looked for.
            pending[entry: entry].status = .uncertain
        case .gathered, .uncertain, .done: break
        }
    }

    private mutating func settleStored(_ entry: Int32, of series: Int, isReplicated: Bool) {
        let id = pending[entry: entry].id
        states[series].top = max(states[series].top, id)
        if !isReplicated { markUnreplicated(entry) }
        if states[series].standing == .known {
            if id == states[series].position.next {
                foldOwn(entry, series)
                return
            }
            if id <= states[series].position {
                // A checkpoint later than the entry was folded from: its verdicts are lost.
                fail(entry: entry, .unsettled)
                return
            }
        }
        guard !pending[entry: entry].wantsVerdict else {
            states[series].contention = SeriesState.contentionSpan
            return
        }
        // Nobody needs the fleet's verdicts here. The entry is folded when somebody asks for the
        // fleet, or when this loop is to put a checkpoint into the log.
        while let item = pending.takeFirst(of: entry) { finish(item.ticket) }
        pending[entry: entry].status = .done
        if id.number % UInt64(settings.checkpointInterval) == 0 {
            refresh(Int32(series), PendingTable.none)
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
    private mutating func foldOwn(_ entry: Int32, _ series: Int) {
        let id = pending[entry: entry].id
        let number = pending[entry: entry].number
        while let item = pending.takeFirst(of: entry) {
            let verdict = table.fold(item.sample, into: Int32(series), now: now)
            deliver(verdict, item)
        }
        states[series].position = id
        states[series].mark = Mark(writer: writer, number: number)
        pending[entry: entry].status = .done
        if Int32(series) != fleet { touch(series) }
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
        for series in flight.series {
            states[Int(series)].isFlying = false
            loads[series] = nil
            if states[Int(series)].standing == .creating { states[Int(series)].standing = .unknown }
        }
        let answeredExtras = flight.tags.prefix(flight.cursor).filter { $0.kind == .extra }.count
        for queued in flight.extras.dropFirst(answeredExtras) { enlist(queued.extra) }
        enlistAgain(again)
        return isUncertain
    }
}

internal import Wire
internal import Redis
package import Bytes
package import Detection

/// Taking in what is to be done.
extension LogMachine {
    /// Whether so many samples more find room in the queue.
    package func hasRoom(for samples: Int) -> Bool {
        pending.itemCount + 2 * samples <= RedisSettings.queueLimit
    }

    /// Opens a ticket for a request of so many samples. `close` it when all its parts are added.
    package mutating func open(samples: Int) -> Int32 {
        tickets.open(samples: samples, deadline: now + settings.timeout)
    }

    /// The same, when the queue has room for the samples.
    package mutating func openIfRoom(samples: Int) -> Int32? {
        hasRoom(for: samples) ? open(samples: samples) : nil
    }

    /// All parts of the ticket are known: it is decided when the last of them is finished.
    package mutating func close(_ ticket: Int32) {
        finish(ticket)
    }

    /// Adds a sample: to the fleet's series, and to its device's, from which the verdict then
    /// comes.
    package mutating func add(
        _ sample: Sample, device: Span<UInt8>, ticket: Int32, position: Int
    ) {
        if device.count == 0 {
            gather(sample, of: fleet, ticket: ticket, position: Int32(position))
        } else {
            let series = series(of: device)
            gather(sample, of: series, ticket: ticket, position: Int32(position))
            gather(sample, of: fleet, ticket: ticket, position: -1)
        }
    }

    private mutating func gather(
        _ sample: Sample, of series: Int32, ticket: Int32, position: Int32
    ) {
        tickets.addPart(ticket)
        var entry = states[Int(series)].openEntry
        if entry == PendingTable.none
            || pending[entry: entry].itemCount >= Int32(RedisSettings.entrySampleLimit)
        {
            if let shard = route(series), isAway(shard) {
                fail(ticket, .unreachable)
                return
            }
            entry = pending.makeEntry(PendingEntry(status: .gathered, series: series))
            enlist(entry)
            states[Int(series)].openEntry = entry
        }
        pending.append(sample, ticket: ticket, position: position, to: entry)
    }

    /// Asks for a device's series as it is now, or for the fleet's when the name is empty.
    package mutating func refresh(_ device: Span<UInt8>, ticket: Int32) {
        refresh(device.count == 0 ? fleet : series(of: device), ticket)
    }

    mutating func refresh(_ series: Int32, _ ticket: Int32) {
        tickets.addPart(ticket)
        if let shard = route(series), isAway(shard) {
            fail(ticket, .unreachable)
            return
        }
        var entry = PendingEntry(status: .refresh, series: series)
        entry.wantsVerdict = true
        entry.ticket = ticket
        if ticket != PendingTable.none {
            entry.position = Int32(tickets[ticket].summaries.count)
            tickets[ticket].summaries.append(nil)
        }
        enlist(pending.makeEntry(entry))
    }

    /// Puts a new entry at the end of its series' and of its shard's work.
    private mutating func enlist(_ entry: Int32) {
        let series = Int(pending[entry: entry].series)
        let last = states[series].lastEntry
        if last == PendingTable.none {
            states[series].firstEntry = entry
        } else {
            pending[entry: last].nextOfSeries = entry
        }
        states[series].lastEntry = entry
        if let shard = route(Int32(series)) {
            shards[shard].gathering.append(entry)
        } else {
            homeless.append(entry)
        }
    }

    /// Takes an entry, whose items are gone, out of its series and gives it back.
    mutating func discard(_ entry: Int32) {
        let series = Int(pending[entry: entry].series)
        if states[series].openEntry == entry { states[series].openEntry = PendingTable.none }
        var before = PendingTable.none
        var other = states[series].firstEntry
        while other != PendingTable.none, other != entry {
            before = other
            other = pending[entry: other].nextOfSeries
        }
        let next = pending[entry: entry].nextOfSeries
        if before == PendingTable.none {
            states[series].firstEntry = next
        } else {
            pending[entry: before].nextOfSeries = next
        }
        if states[series].lastEntry == entry { states[series].lastEntry = before }
        pending.free(entry: entry)
    }

    // MARK: Parts

    func nextDeadline() -> Instant { now + settings.timeout }

    mutating func finish(_ ticket: Int32) {
        tickets.finishPart(ticket, nextBy: nextDeadline())
    }

    mutating func fail(_ ticket: Int32, _ failure: StoreFailure) {
        tickets.failPart(ticket, failure, nextBy: nextDeadline())
    }

    /// Gives up an entry: whoever waits for it is told why.
    mutating func fail(entry: Int32, _ failure: StoreFailure) {
        while let item = pending.takeFirst(of: entry) { fail(item.ticket, failure) }
        if pending[entry: entry].status == .refresh {
            fail(pending[entry: entry].ticket, failure)
        }
        pending[entry: entry].status = .done
    }

    // MARK: Time

    /// When something is due: a ticket's end, or a flight's.
    package mutating func nextLook() -> Instant {
        var next = tickets.nextDeadline()
        for shard in shards {
            if shard.flight.isFlying { next = min(next, shard.flight.sentAt + settings.timeout) }
            if !shard.flight.isFlying, shard.isReady, shard.hasWork, shard.notBefore > now {
                next = min(next, shard.notBefore)
            }
        }
        return next
    }

    /// Decides the tickets whose time is over, and drops what was gathered for them.
    package mutating func expire() {
        let count = tickets.expire(now: now)
        guard count > 0 else { return }
        metrics.add(count, .timedOut)
        for index in shards.indices { shards[index].gathering = swept(shards[index].gathering) }
        homeless = swept(homeless)
        for index in shards.indices where !shards[index].extras.isEmpty {
            let kept = shards[index].extras
            shards[index].extras.removeAll()
            for queued in kept where !drop(queued.extra) { shards[index].extras.append(queued) }
        }
    }

    private mutating func drop(_ extra: Extra) -> Bool {
        guard tickets.isAbandoned(extra.ticket) else { return false }
        fail(extra.ticket, .timedOut)
        return true
    }

    /// Drops samples that nobody waits for: an entry that was never sent must not be stored after
    /// its client was told that it is not.
    private mutating func swept(_ list: [Int32]) -> [Int32] {
        var kept: [Int32] = []
        for entry in list {
            dropAbandoned(of: entry)
            if pending[entry: entry].status == .done {
                discard(entry)
            } else {
                kept.append(entry)
            }
        }
        return kept
    }

    mutating func dropAbandoned(of entry: Int32) {
        switch pending[entry: entry].status {
        case .refresh:
            if tickets.isAbandoned(pending[entry: entry].ticket) { fail(entry: entry, .timedOut) }
        case .stored, .uncertain:
            // What may be in the log is one entry: it is settled for all of it or dropped as a
            // whole.
            guard isAbandoned(entry) else { return }
            fail(entry: entry, .timedOut)
        case .gathered, .sent:
            let count = pending[entry: entry].itemCount
            for _ in 0..<count {
                guard let item = pending.takeFirst(of: entry) else { return }
                if tickets.isAbandoned(item.ticket) {
                    fail(item.ticket, .timedOut)
                } else {
                    pending.append(
                        item.sample, ticket: item.ticket, position: item.position, to: entry)
                }
            }
            if pending[entry: entry].itemCount == 0 { pending[entry: entry].status = .done }
        case .done: break
        }
    }

    private func isAbandoned(_ entry: Int32) -> Bool {
        var index = pending[entry: entry].firstItem
        while index != PendingTable.none {
            if !tickets.isAbandoned(pending[item: index].ticket) { return false }
            index = pending[item: index].next
        }
        return true
    }
}

package import Bytes
package import SeriesLog
package import Wire

/// Taking in what is to be done.
extension RedisMachine {
    /// Whether so many samples more find room in the queue.
    package mutating func hasRoom(for samples: Int) -> Bool {
        waitingSamples + samples <= RedisSettings.queueLimit
    }

    /// Whether Redis has not been heard of yet, and has not been given up.
    package var isStarting: Bool {
        mutating get {
            guard logs.isEmpty, !isRefused, !isDenied else { return false }
            return shards.contains { $0.isReady || now - $0.downSince <= settings.timeout }
        }
    }

    /// Why nothing can be taken in now; nil when something can.
    package var obstacle: StoreFailure? {
        mutating get {
            if isRefused { return .newerVersion }
            guard let first = logs.first else { return isDenied ? .refused : .unreachable }
            return logs.count == 1 ? obstacle(to: first) : nil
        }
    }

    /// Takes in a piece of a request with samples.
    package mutating func append(
        piece: Int, of batch: borrowing SampleBatch, _ ticket: TicketNumber
    ) {
        if logs.count == 1 {
            logs[0].log.append(piece: piece, of: batch, ticket, &tickets)
        } else {
            spread(batch, ticket: ticket, piece: piece)
        }
    }

    package var isBehind: Bool {
        mutating get { logs.contains { $0.log.isBehind } }
    }

    /// Samples that gather for the next entry of a log: of the one that has most.
    package var gatheredSamples: Int {
        mutating get { logs.reduce(0) { max($0, $1.log.gatheredItems) } }
    }

    /// Several logs: each sample of a device goes to its device's log and, without its name, to
    /// the fleet's.
    private mutating func spread(
        _ batch: borrowing SampleBatch, ticket: TicketNumber, piece: Int
    ) {
        let range = RequestKey.samples(ofPiece: piece, of: batch.samples.count)
        var places = [[Int]](repeating: [], count: logs.count)
        for index in range {
            let decoded = batch.samples[index]
            if decoded.nameLength > 0 {
                places[log(of: batch.name(decoded)).index].append(index)
            }
        }
        for kept in logs where !places[kept.id.index].isEmpty {
            let mine = places[kept.id.index]
            if let failure = obstacle(to: kept) {
                tickets.note(failure, of: ticket)
                continue
            }
            for index in mine {
                kept.log.makeRoom(
                    for: batch.name(batch.samples[index]), ofPartWith: mine.count)
            }
            kept.log.begin(partOf: mine.count, ticket, key: batch.key?.piece(piece), &tickets)
            for index in mine {
                let decoded = batch.samples[index]
                kept.log.add(
                    decoded.sample, device: batch.name(decoded),
                    isDeviceOnly: decoded.isDeviceOnly, position: index)
            }
        }
        appendToFleet(batch, range, ticket: ticket, piece: piece)
    }

    /// A sample of the fleet alone gets its verdict here. Of the others this is a copy, for which
    /// nobody waits.
    private mutating func appendToFleet(
        _ batch: borrowing SampleBatch, _ range: Range<Int>, ticket: TicketNumber, piece: Int
    ) {
        guard let fleetLog else { return }
        let kept = logs[fleetLog.index]
        let unnamed: [UInt8] = []
        let alone = range.filter { batch.samples[$0].nameLength == 0 }
        if !alone.isEmpty {
            if let failure = obstacle(to: kept) {
                tickets.note(failure, of: ticket)
            } else {
                kept.log.begin(partOf: alone.count, ticket, key: batch.key?.piece(piece), &tickets)
                for index in alone {
                    kept.log.add(
                        batch.samples[index].sample, device: unnamed.span, position: index)
                }
            }
        }
        let copied = range.filter {
            batch.samples[$0].nameLength > 0 && !batch.samples[$0].isDeviceOnly
        }
        guard !copied.isEmpty else { return }
        guard kept.log.waitingItems + copied.count <= RedisSettings.queueLimit else {
            metrics.add(copied.count, .sideWritesDropped)
            return
        }
        // A piece of its own, because it has other samples than that of the same number.
        kept.log.begin(partOf: copied.count, .none, key: batch.key?.piece(-1 - piece), &tickets)
        for index in copied {
            kept.log.add(batch.samples[index].sample, device: unnamed.span, position: -1)
        }
    }

    /// The log of a device: the same on every process. The hash has no secret, because that could
    /// get lost with the key it stands in, and then series would be parted. The worst that chosen
    /// names can do is to fill one log more than the others.
    func log(of device: Span<UInt8>) -> LogID {
        let count = fleetLog == logs.last?.id && logs.count > 1 ? logs.count - 1 : logs.count
        guard count > 1 else { return LogID(index: 0) }
        let hash = DeviceKey.hash(device, seed: 0)
        return LogID(index: Int(hash % UInt64(count)))
    }

    /// Places of the batch's samples whose devices have no series yet.
    package mutating func newDevices(of batch: borrowing SampleBatch) -> [Int] {
        var places: [Int] = []
        for index in batch.samples.indices where batch.samples[index].nameLength > 0 {
            let name = batch.name(batch.samples[index])
            if !logs[log(of: name).index].log.isKnown(name) { places.append(index) }
        }
        return places
    }

    // MARK: Questions

    package mutating func takeIncidentEvents() -> [IncidentEvent] {
        var events: [IncidentEvent] = []
        for kept in logs { events += kept.log.takeIncidentEvents() }
        return events
    }

    package mutating func takeIncidents() -> [Incident] {
        guard !toldIncidents.isEmpty else { return [] }
        var taken: [Incident] = []
        swap(&taken, &toldIncidents)
        return taken
    }

    /// When the last sample of a device (empty for the fleet) came, in Unix milliseconds; nil when
    /// it has no series.
    package func lastActivity(of device: [UInt8]) -> Int? {
        guard !logs.isEmpty else { return nil }
        if device.isEmpty { return fleetLog.map { logs[$0.index].log.logClock } }
        return logs[log(of: device.span).index].log.lastActivity(of: device)
    }

    /// Asks for a device's series as it is now, or for the fleet's when there is no name.
    package mutating func ask(about device: [UInt8]?) -> TicketNumber {
        let ticket = tickets.open(samples: 0)
        ask(about: device ?? [], ticket)
        tickets.finish(ticket)
        return ticket
    }

    private mutating func ask(about device: [UInt8], _ ticket: TicketNumber) {
        let id = device.isEmpty ? fleetLog : log(of: device.span)
        guard let id, !isAway(logs[id.index]) else {
            tickets.note(.unreachable, of: ticket)
            return
        }
        logs[id.index].log.ask(about: device.span, ticket, &tickets)
    }

    /// Asks for what there is of a series, to be folded again.
    package mutating func askForSeries(_ query: SeriesQuery) -> TicketNumber {
        let ticket = tickets.open(samples: 0)
        let device = query.device ?? []
        let id = device.isEmpty ? fleetLog : log(of: device.span)
        if let id, !isAway(logs[id.index]) {
            logs[id.index].log.ask(
                forHistoryOf: device.span, withStart: true, ticket, &tickets)
        } else {
            tickets.note(.unreachable, of: ticket)
        }
        tickets.finish(ticket)
        return ticket
    }

    /// Asks for a page of the devices with the newest activity, or of those that follow `after`.
    package mutating func askForDevices(after: [UInt8]?, limit: Int) -> TicketNumber {
        let ticket = tickets.open(samples: 0)
        var listing = Listing()
        listing.names = devices(after: after, limit: limit)
        listing.total = deviceCount
        for name in listing.names ?? [] { ask(about: name, ticket) }
        listings[ticket] = listing
        tickets.finish(ticket)
        return ticket
    }

    private func devices(after name: [UInt8]?, limit: Int) -> [[UInt8]]? {
        guard var places = listingPlaces(after: name) else { return nil }
        var names: [[UInt8]] = []
        while names.count < limit {
            // Of devices that were active in the same millisecond, those of the first log.
            var newest: Int?
            for index in places.indices where !places[index].isOver {
                if let found = newest, places[found].activity >= places[index].activity { continue }
                newest = index
            }
            guard let newest else { break }
            names.append(logs[newest].log.device(at: places[newest]))
            places[newest] = logs[newest].log.next(places[newest])
        }
        return names
    }

    /// Where each log goes on after a device; nil when no log lists it.
    private func listingPlaces(after name: [UInt8]?) -> [TurnLog.ListingPlace]? {
        var places = logs.map { $0.log.listing }
        guard let name else { return places }
        for owner in logs.indices {
            guard let last = logs[owner].log.listing(at: name) else { continue }
            for index in logs.indices {
                guard index != owner else {
                    places[index] = logs[index].log.next(last)
                    continue
                }
                // Of the same millisecond, those of earlier logs came before it.
                places[index] = logs[index].log.listing(
                    notAfter: index < owner ? last.activity - 1 : last.activity)
            }
            return places
        }
        return nil
    }

    /// Asks for the newest flagged samples.
    package mutating func askForFlagged(count: Int) -> TicketNumber {
        let ticket = tickets.open(samples: 0)
        listings[ticket] = Listing()
        tickets.add(parts: 1, to: ticket)
        enlist(.anomalyPage(ticket: ticket, count: count))
        tickets.finish(ticket)
        return ticket
    }

    /// What a listing is made of; once.
    package mutating func takeListing(_ ticket: TicketNumber) -> Listing {
        listings.removeValue(forKey: ticket) ?? Listing()
    }

    // MARK: Time

    /// When something is due: a ticket's end, a pipeline's, or a look into the logs.
    package mutating func nextLook() -> Instant {
        var next = tickets.nextDeadline()
        for index in shards.indices where shards[index].isReady {
            if shards[index].isUnderWay {
                next = min(next, shards[index].pipeline.heardAt + settings.timeout)
            } else {
                if shards[index].notBefore > now { next = min(next, shards[index].notBefore) }
                next = min(next, shards[index].replicas.probeDue)
            }
        }
        for kept in logs where !kept.log.isUnderWay && kept.log.isFollowing {
            next = min(next, now + .milliseconds(max(0, kept.log.nextRead - unixMilliseconds)))
        }
        return next
    }

    /// Decides the tickets whose time is over, and drops what was gathered for them.
    package mutating func expire() {
        let count = tickets.expire(now: now)
        guard count > 0 else { return }
        metrics.add(count, .timedOut)
        for kept in logs { kept.log.dropAbandoned(&tickets) }
        homeless = homeless.filter { !drop($0) }
        for index in shards.indices where !shards[index].extras.isEmpty {
            shards[index].extras = shards[index].extras.filter { !drop($0.extra) }
        }
    }

    private mutating func drop(_ extra: Extra) -> Bool {
        guard tickets.isAbandoned(extra.ticket) else { return false }
        tickets.fail(extra.ticket, .timedOut)
        return true
    }
}

// MARK: Upkeep

extension RedisMachine {
    /// Forgets devices whose time to live is over.
    package mutating func dropExpiredDevices(limit: Int) {
        for kept in logs { _ = kept.log.dropExpired(limit: limit) }
    }

    /// Tells the metrics what the logs have counted.
    package mutating func tellMetrics() {
        var sum = LogCounts()
        for kept in logs { sum += kept.log.counts }
        metrics.set(sum.entriesRead, .entriesRead)
        metrics.set(sum.notUnderstood, .entriesNotUnderstood)
        metrics.set(sum.checkpointsRead, .checkpointsRead)
        metrics.set(sum.checkpointsWritten, .checkpointsWritten)
        metrics.set(sum.relearned, .relearned)
        metrics.set(sum.trims, .trims)
        metrics.set(sum.trimsLost, .trimsLost)
        metrics.set(sum.gaps + logsCut, .gaps)
        metrics.set(sum.resets, .resets)
        metrics.set(sum.settledFound, .settledFound)
        metrics.set(sum.settledAgain, .settledSentAgain)
        metrics.set(sum.settledUnknown, .settledUnknown)
        metrics.set(sum.duplicates, .duplicates)
        metrics.set(sum.evicted, .evicted)
        metrics.set(sum.expired, .expired)
        metrics.set(memory.used, .memoryUsed)
        metrics.set(memory.limit, .memoryLimit)
        metrics.set(oldestKeyTime ?? 0, .oldestKey)
    }
}

extension LogCounts {
    static func += (sum: inout LogCounts, other: LogCounts) {
        sum.entriesRead += other.entriesRead
        sum.notUnderstood += other.notUnderstood
        sum.resets += other.resets
        sum.gaps += other.gaps
        sum.checkpointsRead += other.checkpointsRead
        sum.checkpointsWritten += other.checkpointsWritten
        sum.relearned += other.relearned
        sum.trims += other.trims
        sum.trimsLost += other.trimsLost
        sum.settledFound += other.settledFound
        sum.settledAgain += other.settledAgain
        sum.settledUnknown += other.settledUnknown
        sum.evicted += other.evicted
        sum.expired += other.expired
        sum.duplicates += other.duplicates
    }
}

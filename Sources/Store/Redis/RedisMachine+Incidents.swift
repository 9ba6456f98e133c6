internal import Bytes
internal import Redis
internal import SeriesLog
internal import Wire

/// Incidents that all processes share, and who of them does what about them.
extension RedisMachine {
    static var incidents: StaticString { "tm:incidents" }
    /// Changes of incidents that are kept: each is written when it begins, with each alert, and
    /// when it ends.
    static var incidentChanges: Int { 3 * IncidentBook.limit }
    /// What a change takes in Redis, about.
    private static var incidentBytes: Int { 400 }
    /// They take at most this part of the server's memory.
    private static var incidentPart: Int { 10 }
    static var incidentsPerReply: Int { 500 }

    /// Tells the other processes how an incident is now.
    mutating func publish(_ incident: Incident) {
        let limit = shard(ofSlot: hashSlot(RedisMachine.incidents)).map {
            shards[$0.index].memory.limit
        }
        let room = (limit ?? 0) / RedisMachine.incidentPart / RedisMachine.incidentBytes
        let most = room > 0 ? min(room, RedisMachine.incidentChanges) : RedisMachine.incidentChanges
        enlistWrite(hashSlot(RedisMachine.incidents)) { commands in
            commands.begin(8)
            commands.add("XADD")
            commands.add(RedisMachine.incidents)
            commands.add("MAXLEN")
            commands.add("~")
            commands.add(integer: most)
            commands.add("*")
            commands.add("i")
            commands.add(incident.bytes.span)
            commands.end()
        }
    }

    /// Asks what other processes have told of incidents since the last time.
    package mutating func askForIncidents() {
        guard let shard = shard(ofSlot: hashSlot(RedisMachine.incidents)),
            shards[shard.index].isReady
        else { return }
        shards[shard.index].extras.append(QueuedExtra(extra: .incidentPage))
    }

    // One process for each log folds what all have written, so that no incident is lost with the
    // process that stored its sample. It has a lease for that; that two have it for a moment does
    // no harm.

    /// How long a lease lasts, in milliseconds. It is renewed some times meanwhile.
    static var leaseSpan: Int { 6_000 }
    /// Whoever gets the lease judges again what came so long before, in milliseconds.
    private static var leaseReach: Int { 120_000 }

    /// Asks for each log whether this process has the lease, or may have it.
    package mutating func askForLeases() {
        for kept in logs {
            guard let shard = shard(of: kept), shards[shard.index].isReady else { continue }
            shards[shard.index].extras.append(QueuedExtra(extra: .lease(kept.id)))
        }
    }

    /// Takes a key for this process, where no other has it; the reply tells who had it.
    func writeHold(
        of key: [UInt8], milliseconds: Int, into commands: inout CommandBuffer
    ) {
        commands.begin(7)
        commands.add("SET")
        commands.add(key.span)
        commands.add(text: String(writer))
        commands.add("NX")
        commands.add("GET")
        commands.add("PX")
        commands.add(integer: milliseconds)
        commands.end()
    }

    private mutating func prolong(_ key: [UInt8], _ hashSlot: UInt16, milliseconds: Int) {
        enlistWrite(hashSlot) { commands in
            commands.begin(3)
            commands.add("PEXPIRE")
            commands.add(key.span)
            commands.add(integer: milliseconds)
            commands.end()
        }
    }

    private func isOwn(_ holder: [UInt8]) -> Bool { holder == Array(String(writer).utf8) }

    mutating func takeLease(of log: LogID, _ reply: Reply) {
        let kept = logs[log.index]
        switch reply {
        case .null:
            // Nobody had it.
            if !kept.hasLease { kept.followsSince = unixMilliseconds - RedisMachine.leaseReach }
            kept.hasLease = true
        case .text(let holder):
            kept.hasLease = isOwn(holder)
            guard kept.hasLease else { return }
            prolong(
                kept.keys.lease, kept.keys.hashSlot, milliseconds: RedisMachine.leaseSpan)
        default: kept.hasLease = false
        }
    }

    /// So long, in milliseconds, a process has for telling of what it stored itself.
    private static var leaseDelay: Int { 2_000 }

    /// Folds what all processes have written to the logs of which this one has the lease.
    package mutating func followIncidents() {
        let end = unixMilliseconds - RedisMachine.leaseDelay
        for kept in logs where kept.hasLease && kept.followsSince <= end {
            kept.log.followAll(kept.followsSince...end)
        }
    }

    mutating func takeIncidents(_ elements: [Reply]) {
        for element in elements {
            guard case .array(let parts) = element, parts.count == 2,
                case .text(let id) = parts[0], let place = EntryID(id.span),
                case .array(let fields) = parts[1], fields.count == 2,
                case .text(let bytes) = fields[1]
            else { continue }
            lastIncident = place
            if let incident = Incident(bytes) { toldIncidents.append(incident) }
        }
        if elements.count == RedisMachine.incidentsPerReply { askForIncidents() }
    }

    // MARK: Claims

    /// Keys that begin so say which process tells the webhook of what.
    static var claims: StaticString { "tm:{incidents}:claim:" }
    /// So long, in milliseconds, a process has for telling what it has claimed.
    private static var claimSpan: Int { 30_000 }
    /// So long what was told stays claimed: others have heard of it long before.
    private static var settledSpan: Int { 600_000 }

    private func key(of claim: IncidentClaim) -> [UInt8] {
        RedisMachine.claims.bytes + Array(claim.text.utf8)
    }

    /// Puts the questions of whoever tells the webhook to the server, and gives the answers.
    mutating func serveClaims(_ desk: ClaimDesk) {
        for (claim, isGranted) in answeredClaims { desk.answer(claim, isGranted: isGranted) }
        answeredClaims.removeAll()
        let (asked, settled) = desk.takeAsked()
        for claim in settled {
            prolong(
                key(of: claim), hashSlot(RedisMachine.claims),
                milliseconds: RedisMachine.settledSpan)
        }
        for claim in asked {
            guard let shard = shard(ofSlot: hashSlot(RedisMachine.claims)),
                shards[shard.index].isReady
            else {
                desk.answer(claim, isGranted: false)
                continue
            }
            shards[shard.index].extras.append(QueuedExtra(extra: .claim(claim)))
        }
    }

    func write(_ claim: IncidentClaim, into commands: inout CommandBuffer) {
        writeHold(
            of: key(of: claim), milliseconds: RedisMachine.claimSpan, into: &commands)
    }

    mutating func take(_ claim: IncidentClaim, _ reply: Reply) {
        switch reply {
        case .null: answeredClaims.append((claim, true))
        case .text(let holder):
            let isOwn = isOwn(holder)
            if isOwn {
                prolong(
                    key(of: claim), hashSlot(RedisMachine.claims),
                    milliseconds: RedisMachine.claimSpan)
            }
            answeredClaims.append((claim, isOwn))
        default: answeredClaims.append((claim, false))
        }
    }
}

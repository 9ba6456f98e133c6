internal import Bytes
internal import Redis
internal import SeriesLog
internal import Wire

/// What is sent beside the logs: lists that all processes share, and questions to a server.
extension RedisMachine {
    static var anomalies: StaticString { "tm:anomalies" }
    /// Side writes that wait for one server. Beyond it new ones are dropped, and counted.
    static var sideWriteLimit: Int { 8192 }

    func hashSlot(_ key: StaticString) -> UInt16 {
        settings.isCluster ? SlotMap.slot(ofKey: key.bytes.span) : 0
    }

    mutating func enlist(_ extra: Extra) {
        switch extra {
        // Questions of the moment, put to one server: they are put anew when they got lost.
        case .map, .role, .memory, .detour, .incidentPage, .lease, .claim, .replicasSeen: return
        case .write, .anomalyPage, .meta, .writeMeta, .oldLayout: break
        }
        guard let shard = shard(ofSlot: hashSlot(extra)) else {
            homeless.append(extra)
            return
        }
        shards[shard.index].extras.append(QueuedExtra(extra: extra))
    }

    private func hashSlot(_ extra: Extra) -> UInt16 {
        switch extra {
        case .write(let hashSlot, _): hashSlot
        case .anomalyPage: hashSlot(RedisMachine.anomalies)
        case .meta, .writeMeta: hashSlot(LogMeta.key)
        case .oldLayout: hashSlot("tidemark:fleet")
        case .incidentPage: hashSlot(RedisMachine.incidents)
        case .lease(let log), .replicasSeen(let log): logs[log.index].keys.hashSlot
        case .claim: hashSlot(RedisMachine.claims)
        case .map, .role, .memory, .detour: 0
        }
    }

    mutating func enlistWrite(_ hashSlot: UInt16, _ body: (inout CommandBuffer) -> Void) {
        let waiting =
            shard(ofSlot: hashSlot).map { shards[$0.index].extras.count } ?? homeless.count
        guard waiting < RedisMachine.sideWriteLimit else {
            metrics.add(1, .sideWritesDropped)
            return
        }
        var commands = CommandBuffer()
        body(&commands)
        enlist(.write(hashSlot: hashSlot, command: Array(commands.bytes.readable)))
    }

    // MARK: Questions

    /// Asks a server which of them has which slot.
    package mutating func askForMap(_ id: ShardID) {
        shards[id.index].extras.append(QueuedExtra(extra: .map))
    }

    /// Asks every server how many replicas it has by now: as many must confirm.
    package mutating func askForRoles() {
        for shard in shards.indices where shards[shard].isReady {
            shards[shard].extras.append(QueuedExtra(extra: .role))
        }
    }

    /// Asks every server how much memory it has.
    package mutating func askForMemory() {
        for shard in shards.indices where shards[shard].isReady && shards[shard].isOwner {
            shards[shard].extras.append(QueuedExtra(extra: .memory))
        }
    }

    /// Asks what all processes agree on; also when it is known, because a failover or a flush may
    /// have undone it.
    package mutating func askForAgreement() {
        guard !asksForAgreement else { return }
        asksForAgreement = true
        enlist(.meta)
    }

    // MARK: Flagged samples

    /// Puts a flagged sample into the shared list.
    package mutating func publish(_ note: FlaggedNote) {
        enlistWrite(hashSlot(RedisMachine.anomalies)) { commands in
            commands.begin(12)
            commands.add("XADD")
            commands.add(RedisMachine.anomalies)
            commands.add("MAXLEN")
            commands.add("~")
            commands.add(integer: FlaggedNote.limit)
            commands.add("*")
            commands.add("d")
            commands.add(note.device.span)
            commands.add("a")
            commands.add(note.isAlert ? "1" : "0")
            commands.add("v")
            commands.add(note.text.span)
            commands.end()
        }
    }

    // MARK: Commands

    mutating func write(_ extra: Extra, into commands: inout CommandBuffer) {
        switch extra {
        case .write(_, let command): commands.append(command.span)
        case .map: commands.command("CLUSTER", "SLOTS")
        case .role: commands.command("ROLE")
        case .memory: commands.command("INFO", "memory")
        case .meta: commands.command("GET", LogMeta.key)
        case .oldLayout: commands.command("EXISTS", "tidemark:fleet")
        case .lease(let log):
            writeHold(
                of: logs[log.index].keys.lease, milliseconds: RedisMachine.leaseSpan,
                into: &commands)
        case .claim(let claim): write(claim, into: &commands)
        case .replicasSeen(let log):
            let key = logs[log.index].keys.replicas
            commands.begin(2)
            commands.add("GET")
            commands.add(key.span)
            commands.end()
        case .incidentPage:
            commands.begin(6)
            commands.add("XRANGE")
            commands.add(RedisMachine.incidents)
            commands.add(lastIncident, isExcluded: true)
            commands.add("+")
            commands.add("COUNT")
            commands.add(integer: RedisMachine.incidentsPerReply)
            commands.end()
        case .writeMeta(let text):
            commands.begin(4)
            commands.add("SET")
            commands.add(LogMeta.key)
            commands.add(text: text)
            commands.add("NX")
            commands.end()
        case .anomalyPage(_, let count):
            commands.begin(6)
            commands.add("XREVRANGE")
            commands.add(RedisMachine.anomalies)
            commands.add("+")
            commands.add("-")
            commands.add("COUNT")
            commands.add(integer: count)
            commands.end()
        case .detour(let log, _, let command):
            let kept = logs[log.index]
            write(kept.log.commands[command], of: kept, into: &commands) { _ in
                preconditionFailure("only single commands go a detour")
            }
        }
    }

    // MARK: Replies

    mutating func received(_ queued: QueuedExtra, by id: ShardID, reply: Reply) {
        if case .detour(let log, let flight, let command) = queued.extra {
            receivedDetour(reply, from: id, log, flight: flight, command: command)
            return
        }
        if case .failure(let failure) = reply {
            refused(queued, by: id, failure: failure)
            return
        }
        switch (queued.extra, reply) {
        case (.role, .array(let parts)):
            if let replicas = Greeting.replicas(of: parts) {
                shards[id.index].replicas.note(attached: replicas)
                hasReplicaNews = true
                remember(id)
            } else {
                shards[id.index].wantsReconnect = true
            }
        case (.map, _):
            if let fresh = SlotMap(reply, from: shards[id.index].address) { adopt(fresh) }
        case (.memory, .text(let text)): takeMemory(text, of: id)
        case (.meta, _): takeMeta(reply)
        case (.writeMeta, _): askForAgreement()
        case (.oldLayout, .integer(let count)): oldLayout = count
        case (.anomalyPage(let ticket, _), .array(let elements)):
            listings[ticket]?.flagged = elements.compactMap(FlaggedNote.init)
            tickets.finish(ticket)
        case (.anomalyPage(let ticket, _), _):
            shards[id.index].wantsReconnect = true
            tickets.fail(ticket, .refused)
        case (.incidentPage, .array(let elements)): takeIncidents(elements)
        case (.write, _), (.role, _), (.memory, _), (.oldLayout, _), (.detour, _),
            (.incidentPage, _):
            break
        case (.lease(let log), _): takeLease(of: log, reply)
        case (.claim(let claim), _): take(claim, reply)
        case (.replicasSeen, _): takeSeen(reply, by: id)
        }
    }

    /// What the server may use bounds the devices and the history of the logs that it has.
    private mutating func takeMemory(_ text: [UInt8], of id: ShardID) {
        let evictedBefore = shards[id.index].memory.evicts
        shards[id.index].memory.take(text)
        if shards[id.index].memory.evicts, !evictedBefore {
            complaints.append(
                "Redis at \(shards[id.index].address) may evict what it was given to keep: its "
                    + "maxmemory-policy must be noeviction")
        }
        let memory = shards[id.index].memory
        let mine = logs.filter { shard(of: $0) == id }
        for kept in mine {
            kept.log.bound(
                devices: memory.deviceLimit.map { max(1, $0 / mine.count) },
                history: memory.historyLimit.map { $0 / mine.count })
        }
    }

    private mutating func takeMeta(_ reply: Reply) {
        asksForAgreement = false
        switch reply {
        case .text(let text):
            if let meta = LogMeta(text) {
                if case .known = agreement {} else { enlist(.oldLayout) }
                agree(on: meta)
            } else {
                agreement = .refused
            }
        case .null:
            if case .known(let known) = agreement {
                // The logs are gone with it. They are made again as they were.
                enlist(.writeMeta(text: known.text))
                return
            }
            enlist(.writeMeta(text: LogMeta.chosen(map).text))
        case .integer, .array, .failure: agreement = .refused
        }
    }

    private mutating func refused(
        _ queued: QueuedExtra, by id: ShardID, failure: ReplyFailure
    ) {
        let extra = queued.extra
        switch failure {
        case .moved(let number, let address):
            wantsMap = true
            map.setOwner(number, address)
            _ = shardID(of: address)
            enlist(extra)
        case .ask(let address) where !queued.needsAsking:
            follow(extra, to: address)
        // A server that was named and names another cannot say where the key is: begin again, but
        // not at once, so that two servers that name each other are not flooded.
        case .tryAgain, .readOnly, .ask:
            shards[id.index].notBefore = now + .milliseconds(20)
            if failure == .readOnly { shards[id.index].wantsReconnect = true }
            // Why nothing can be stored for so long, as while Redis loads its data.
            if case .tryAgain(let text) = failure, case .meta = extra, logs.isEmpty {
                refusal = text
            }
            enlist(extra)
        case .notNext, .other:
            if case .other(let text) = failure { refusal = text }
            if case .meta = extra { asksForAgreement = false }
            switch (extra, agreement) {
            case (.meta, .unknown), (.writeMeta, .unknown): agreement = .denied
            default: break
            }
            tickets.fail(extra.ticket, .refused)
        }
    }

    /// Sends a command once to the server that its hash slot is moving to.
    private mutating func follow(_ extra: Extra, to address: NodeAddress) {
        let shard = shardID(of: address)
        if case .write = extra, shards[shard.index].extras.count >= RedisMachine.sideWriteLimit {
            metrics.add(1, .sideWritesDropped)
            return
        }
        shards[shard.index].extras.append(QueuedExtra(extra: extra, needsAsking: true))
    }

    package var hasComplaints: Bool { !complaints.isEmpty }

    /// Those that have not been told yet.
    package mutating func takeComplaints() -> [String] {
        defer { complaints.removeAll() }
        return complaints
    }

    /// What Redis last refused, once.
    package mutating func takeRefusal() -> [UInt8]? { refusal.take() }

    /// How many streams of the layout before this one were found, once.
    package mutating func takeOldLayout() -> Int {
        defer { oldLayout = 0 }
        return oldLayout
    }
}

extension ServerMemory {
    /// Reads the reply to INFO memory.
    mutating func take(_ text: [UInt8]) {
        for line in text.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = String(decoding: parts[1], as: UTF8.self)
            switch String(decoding: parts[0], as: UTF8.self) {
            case "used_memory": used = Int(value) ?? used
            case "maxmemory": limit = Int(value) ?? limit
            case "maxmemory_policy": evicts = limit > 0 && value != "noeviction"
            default: break
            }
        }
    }
}

extension StaticString {
    /// A copy of the text.
    var bytes: [UInt8] { Array("\(self)".utf8) }
}

extension FlaggedNote {
    /// Reads an element of the shared list; nil when it is none of ours.
    init?(_ element: Reply) {
        guard case .array(let parts) = element, parts.count == 2,
            case .array(let fields) = parts[1], fields.count == 6,
            case .text(let device) = fields[1], case .text(let alert) = fields[3],
            case .text(let text) = fields[5]
        else { return nil }
        self.init(device: device, isAlert: alert == [UInt8(ascii: "1")], text: text)
    }
}

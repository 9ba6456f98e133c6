package import Bytes
package import Detection
package import Redis
package import SeriesLog
package import Wire

/// What one process does with its logs in Redis, without a socket: which server each log is on,
/// what is sent there, and what a reply means. `RedisLog` moves the bytes.
///
/// A log decides what it asks for and what follows. The machine puts the flights of all logs of a
/// server, and what is sent beside them, into one pipeline, and follows redirections.
package struct RedisMachine: ~Copyable {
    enum Agreement {
        case unknown
        /// Redis refuses the commands that ask for it, or make it.
        case denied
        case known(LogMeta)
        /// Redis holds what another build has written.
        case refused
    }

    let settings: RedisSettings
    let parameters: FoldParameters
    /// This process' name in the marks of its entries.
    let writer: UInt64
    let hashSeed: UInt64
    let metrics: RedisMetrics

    package internal(set) var now = Instant.zero
    package internal(set) var unixMilliseconds = 0

    package var tickets = TicketTable()
    var logs: [KeptLog] = []
    /// Which of the logs has the fleet's series.
    var fleetLog: LogID?
    var agreement = Agreement.unknown
    /// The question for it is on its way.
    var asksForAgreement = false
    package internal(set) var shards: [Shard] = []
    package internal(set) var map: SlotMap
    /// Commands whose hash slot has no known owner.
    var homeless: [Extra] = []
    var lastBirth: UInt64 = 0
    /// A slot has moved, or its owner is gone: the map should be asked for again.
    package internal(set) var wantsMap = false
    /// What Redis last refused, in its words.
    package internal(set) var refusal: [UInt8]?
    /// What is wrong with the settings or the logs of Redis, in our words; each is told once.
    var complaints: [String] = []
    /// How often a log was gone, or another one in its place.
    var logsCut = 0
    /// Streams of the layout before this one, which were found.
    package internal(set) var oldLayout = 0
    /// What GET /anomalies and GET /devices are answered with, by ticket.
    var listings: [TicketNumber: Listing] = [:]

    /// It may be another number of replicas that confirms, or a server has come or gone.
    var hasReplicaNews = false

    /// What other processes have told of incidents, until somebody takes it.
    var toldIncidents: [Incident] = []
    /// What became of claims, until somebody takes it.
    var answeredClaims: [(claim: IncidentClaim, isGranted: Bool)] = []
    /// The last change of them that was read.
    var lastIncident = EntryID.zero

    /// - Parameters:
    ///   - writer: unlike any other process'; not 0.
    ///   - hashSeed: should be unpredictable to clients.
    package init(
        _ parameters: FoldParameters, _ settings: RedisSettings, writer: UInt64, hashSeed: UInt64,
        metrics: RedisMetrics
    ) {
        self.parameters = parameters
        self.settings = settings
        self.writer = writer
        self.hashSeed = hashSeed
        self.metrics = metrics
        // Every known server is a shard, whether it owns a slot or not: any can tell the map.
        map =
            settings.isCluster
            ? SlotMap(settings.server.servers) : SlotMap(single: settings.server.servers[0])
        shards = map.nodes.map { Shard($0, settings) }
        wantsMap = settings.isCluster
    }

    /// Tells the time; before anything else in a turn.
    package mutating func tellTime(_ now: Instant, unixMilliseconds: Int) {
        if self.now == .zero {
            // Before the first turn nothing was away: there has been no time to connect.
            for index in shards.indices { shards[index].downSince = now }
        }
        self.now = now
        self.unixMilliseconds = unixMilliseconds
        tickets.tellDeadline(now + settings.timeout)
        for kept in logs { kept.log.tellTime(unixMilliseconds: unixMilliseconds) }
    }

    // MARK: What is known

    /// Whether samples can be stored.
    package var isUp: Bool {
        mutating get {
            guard !logs.isEmpty else { return false }
            for kept in logs {
                guard kept.log.isFollowing, kept.log.knowsDevices, let shard = shard(of: kept),
                    shards[shard.index].isReady
                else { return false }
            }
            return true
        }
    }

    /// The memory of the server that is fullest.
    var memory: ServerMemory {
        shards.filter(\.isOwner).map(\.memory).max { $0.share < $1.share } ?? ServerMemory()
    }

    /// Whether there is no room for new devices.
    package var isFull: Bool {
        shards.indices.contains { shards[$0].isOwner && shards[$0].memory.isFull }
    }

    /// Why samples cannot be stored, or not safely; nil when they can.
    package var failure: StoreFailure? {
        mutating get {
            if isRefused { return .newerVersion }
            if !isUp {
                return isDenied && shards.contains(where: \.isReady) ? .refused : .unreachable
            }
            // By their places: a server with all that waits for it is much to copy.
            var evicts = false
            for index in shards.indices where shards[index].isOwner {
                if shards[index].replicas.isBlocking { return .tooFewReplicas }
                if shards[index].memory.evicts { evicts = true }
            }
            return evicts ? .evicts : nil
        }
    }

    var isDenied: Bool { if case .denied = agreement { true } else { false } }

    package var isRefused: Bool {
        mutating get {
            if case .refused = agreement { return true }
            return logs.contains { $0.log.isRefused }
        }
    }

    /// The fleet's series as far as it is known without asking.
    package func fleetSummary() -> SeriesSummary {
        guard let fleetLog else { return .empty }
        return logs[fleetLog.index].log.fleetSummary()
    }

    /// The same, cheaper and less exact, for gauges.
    package func glanceAtFleet() -> SeriesSummary {
        guard let fleetLog else { return .empty }
        return logs[fleetLog.index].log.glanceAtFleet()
    }

    package var deviceCount: Int {
        mutating get { logs.reduce(0) { $0 + $1.log.knownDevices } }
    }
    /// When the oldest request came whose key is remembered, in Unix seconds; nil for none.
    package var oldestKeyTime: Int? {
        mutating get { logs.compactMap { $0.log.oldestKeyTime }.min() }
    }

    /// Samples on their way into the logs.
    package var waitingSamples: Int {
        mutating get { logs.reduce(0) { $0 + $1.log.waitingItems } }
    }

    /// What the logs have counted.
    package var counts: [LogCounts] {
        mutating get { logs.map { $0.log.counts } }
    }

    /// Whether it may be another number of replicas that confirms, once.
    mutating func takeReplicaNews() -> Bool {
        guard hasReplicaNews, settings.replicas > 0 else { return false }
        hasReplicaNews = false
        return true
    }

    // MARK: Agreement

    /// What all processes agree on is known: the logs are made.
    mutating func agree(on meta: LogMeta) {
        if case .known(let known) = agreement, known == meta { return }
        for kept in logs { kept.log.failAll(.unsettled, &tickets) }
        logs.removeAll()
        // What is under way was meant for logs that are not there any more.
        for index in shards.indices {
            shards[index].pipeline.ignoreLogs()
            shards[index].extras.removeAll(where: \.isDetour)
        }
        agreement = .known(meta)
        for tag in meta.tags {
            add(tag, hasFleet: meta.fleetTag == nil, hasDevices: true)
        }
        if let tag = meta.fleetTag { add(tag, hasFleet: true, hasDevices: false) }
        fleetLog = logs.last?.id
    }

    private mutating func add(_ tag: String, hasFleet: Bool, hasDevices: Bool) {
        var settings = self.settings.log
        settings.parameters = parameters
        settings.timeToLive = Int(self.settings.timeToLive.milliseconds)
        if let bytes = self.settings.historyBytes {
            settings.historyLimit = bytes
            settings.leastHistory = bytes
        }
        settings.deviceLimit = self.settings.deviceLimit
        settings.heldLimit = min(settings.heldLimit, self.settings.deviceLimit)
        settings.keyLimit = self.settings.keyLimit
        settings.hasFleet = hasFleet
        settings.hasDevices = hasDevices
        settings.writer = writer
        settings.hashSeed = hashSeed
        let kept = KeptLog(
            LogID(index: logs.count), keys: LogKeys(tag: tag), TurnLog(settings))
        kept.log.tellTime(unixMilliseconds: unixMilliseconds)
        logs.append(kept)
    }

    // MARK: Routes

    func shard(ofSlot hashSlot: UInt16) -> ShardID? {
        settings.isCluster ? map.owner(hashSlot).map { ShardID($0) } : ShardID(0)
    }

    func shard(of kept: KeptLog) -> ShardID? { shard(ofSlot: kept.keys.hashSlot) }

    /// Whether a log's server has been away so long that waiting for it is pointless.
    func isAway(_ kept: KeptLog) -> Bool {
        guard let shard = shard(of: kept) else { return false }
        return !shards[shard.index].isReady
            && now - shards[shard.index].downSince > settings.timeout
    }

    /// Why nothing can be added to a log now; nil when something can.
    func obstacle(to kept: KeptLog) -> StoreFailure? {
        if isAway(kept) { return .unreachable }
        guard let shard = shard(of: kept), shards[shard.index].replicas.isBlocking else {
            return nil
        }
        return .tooFewReplicas
    }

    /// The shard of an address, made when it is new. Shards stand in the order of the map's nodes.
    mutating func shardID(of address: NodeAddress) -> ShardID {
        let index = map.index(of: address)
        addShards()
        return ShardID(index)
    }

    private mutating func addShards() {
        while shards.count < map.nodes.count {
            var shard = Shard(map.nodes[shards.count], settings)
            shard.downSince = now
            shards.append(shard)
        }
    }

    /// Takes a new map over, and routes what waits by it.
    package mutating func adopt(_ fresh: SlotMap) {
        wantsMap = false
        map.adopt(fresh)
        addShards()
        var waiting = homeless
        homeless.removeAll()
        for index in shards.indices {
            waiting += shards[index].extras.filter { !$0.needsAsking }.map(\.extra)
            shards[index].extras.removeAll { !$0.needsAsking }
            shards[index].isOwner = map.isOwner(index)
        }
        for extra in waiting { enlist(extra) }
    }

    /// A slot has moved, or an owner cannot be reached: somebody may have taken over.
    package var needsMap: Bool {
        mutating get {
            settings.isCluster && (wantsMap || shards.contains { $0.isOwner && !$0.isReady })
        }
    }

    // MARK: Connections

    /// A connection has greeted.
    /// - Parameters:
    ///   - isFenced: the one before it can write no more.
    ///   - replicas: attached to the server.
    package mutating func connected(_ id: ShardID, isFenced: Bool, replicas: Int) {
        shards[id.index].isReady = true
        shards[id.index].wantsReconnect = false
        shards[id.index].replicas.reset()
        shards[id.index].replicas.note(attached: replicas)
        hasReplicaNews = true
        shards[id.index].downSince = .never
        shards[id.index].notBefore = .zero
        for kept in logs {
            kept.tie(id, isFenced: isFenced)
            if kept.shard == id { kept.tellFence(at: id) }
        }
        askForAgreement()
    }

    /// A connection is gone, and whatever was under way on it is uncertain.
    /// - Returns: whether an entry was under way, so that the old connection must be fenced off.
    package mutating func disconnected(_ id: ShardID) -> Bool {
        if shards[id.index].isReady {
            shards[id.index].downSince = now
            metrics.add(1, .connectionsLost)
        }
        shards[id.index].isReady = false
        // What was wrong with this connection says nothing of the next one.
        shards[id.index].wantsReconnect = false
        wantsMap = settings.isCluster
        let pipeline = shards[id.index].pipeline
        shards[id.index].pipeline.removeAll()
        metrics.add(pipeline.purposes.count - pipeline.cursor, .commandsLost)
        let wasAppending = noteLooseEnds(pipeline, id)
        for kept in logs where kept.shard == id {
            // What was folded may be undone by a failover, so it is looked at again in any case.
            _ = kept.log.cut()
            kept.flight &+= 1
        }
        // Flights with a command on a detour there, sent or not.
        for passenger in pipeline.passengers { loseFlight(passenger.log, passenger.flight) }
        // What waits for this server only because a slot moves to it begins anew: it may be gone.
        let asking = shards[id.index].extras.filter(\.needsAsking)
        shards[id.index].extras.removeAll(where: \.needsAsking)
        for queued in asking {
            if case .detour(let log, let flight, _) = queued.extra {
                loseFlight(log, flight)
            } else {
                enlist(queued.extra)
            }
        }
        for purpose in pipeline.purposes[pipeline.cursor...] {
            if case .extra(let queued) = purpose { enlist(queued.extra) }
        }
        return wasAppending
    }

    /// Notes which logs may still get an entry from a connection that is gone.
    /// - Returns: whether there are any.
    private func noteLooseEnds(_ pipeline: Pipeline, _ id: ShardID) -> Bool {
        var wasAppending = false
        for purpose in pipeline.purposes[pipeline.cursor...] {
            switch purpose {
            case .log(let log, let flight, let command):
                guard mayAppend(log, flight: flight, command: command) else { continue }
                logs[log.index].loose.append(KeptLog.LooseEnd(shard: id, isDetour: false))
            case .extra(let queued):
                guard case .detour(let log, let flight, let command) = queued.extra,
                    mayAppend(log, flight: flight, command: command)
                else { continue }
                logs[log.index].loose.append(KeptLog.LooseEnd(shard: id, isDetour: true))
            case .part, .ignored, .mark, .wait: continue
            }
            wasAppending = true
        }
        return wasAppending
    }

    /// Whether a command is an append; of a flight that was given up it may be one.
    private func mayAppend(_ log: LogID, flight: UInt32, command: Int) -> Bool {
        let kept = logs[log.index]
        return kept.flight != flight || kept.log.commands[command] == .append
    }

    /// A command went to another server than the log's own, and its reply will not come.
    private mutating func loseFlight(_ id: LogID, _ flight: UInt32) {
        let kept = logs[id.index]
        guard kept.flight == flight, kept.log.isUnderWay else { return }
        _ = kept.log.cut()
        kept.flight &+= 1
    }
}

/// What a server says of its memory, in bytes; 0 where it does not say.
struct ServerMemory: Equatable {
    var used = 0
    /// What it may use; 0 is without limit.
    var limit = 0
    /// Whether keys can be dropped when it is full. Checkpoints have a time to live, so that a
    /// policy that spares keys without one is no help.
    var evicts = false

    /// New devices are refused from so much of the limit on: a full server cannot even trim.
    static let fullShare = 0.8

    /// Bytes of a series with a full checkpoint, and the share of the memory that is for series.
    private static let seriesBytes = 6 * 1024
    private static let seriesShare = 0.6
    /// A log's history takes no more than this part of the memory.
    private static let historyPart = 16

    /// Devices that fit; nil when there is no limit.
    var deviceLimit: Int? {
        guard limit > 0 else { return nil }
        let bytes = Double(limit) * ServerMemory.seriesShare
        return max(1, Int(bytes) / ServerMemory.seriesBytes)
    }

    /// Bytes of entries that a log may keep; nil when there is no limit.
    var historyLimit: Int? { limit > 0 ? limit / ServerMemory.historyPart : nil }

    /// How much of the limit is used, from 0 to 1 and beyond; 0 where there is none.
    var share: Double { limit > 0 ? Double(used) / Double(limit) : 0 }

    var isFull: Bool { limit > 0 && Double(used) >= Double(limit) * ServerMemory.fullShare }
}

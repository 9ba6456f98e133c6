internal import SeriesLog
package import Redis
package import Bytes
package import Detection

/// What one loop does with the log in Redis, without a socket: it decides what is sent, reads the
/// replies, and says which tickets are decided. `RedisLog` moves the bytes.
///
/// Each series is a stream. A flight (one pipeline) carries at most one new entry per series. Redis
/// numbers the entries. When the number in the reply is the fold's own plus one, nobody else has
/// written, and the verdict is computed here without reading anything. Otherwise the entries
/// between are read first. Redis alone decides which samples are in the log and in which order, so
/// all loops fold the same.
package struct LogMachine: ~Copyable {
    let parameters: FoldParameters
    let settings: RedisSettings
    /// This loop's name in the marks of its entries.
    let writer: UInt64
    let metrics: RedisMetrics
    private let hashSeed: UInt64

    package internal(set) var now = Instant.zero
    package internal(set) var unixMilliseconds = 0

    var table: SeriesTable
    /// By the indices of the table.
    var states: [SeriesState] = []
    /// The index of the fleet's series.
    let fleet: Int32
    var pending = PendingTable()
    package var tickets = TicketTable()
    package internal(set) var shards: [Shard] = []
    package internal(set) var map: SlotMap
    /// Entries and commands whose hash slot has no known owner.
    var homeless: [Int32] = []
    var homelessExtras: [Extra] = []
    /// Streams that are being read backwards, page by page.
    var loads: [Int32: StreamLoad] = [:]
    var touches: [DeviceTouch] = []
    var lastNumber: UInt64 = 0
    var lastBirth: UInt64 = 0
    private var lastGeneration: UInt32 = 0
    /// A slot has moved, or its owner is gone: the map should be asked for again.
    package internal(set) var wantsMap = false
    /// Devices in the shared list, as last counted.
    package internal(set) var deviceCount = 0
    /// What Redis last refused, in its words.
    package internal(set) var refusal: [UInt8]?

    /// - Parameters:
    ///   - writer: unlike any other loop's, in any process; not 0.
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
        var table = SeriesTable(parameters)
        let unnamed: [UInt8] = []
        let fleet = table.insert(unnamed.span, hash: 0, now: .zero)
        self.table = table
        self.fleet = fleet
        // Every known server is a shard, whether it owns a slot or not: any can tell the map.
        map =
            settings.isCluster
            ? SlotMap(settings.server.servers) : SlotMap(single: settings.server.servers[0])
        shards = map.nodes.map { Shard($0) }
        wantsMap = settings.isCluster
        addState(fleet)
    }

    /// Tells the time; before anything else in a turn.
    package mutating func tellTime(_ now: Instant, unixMilliseconds: Int) {
        if self.now == .zero {
            // Before the first turn nothing was away: there has been no time to connect.
            for index in shards.indices { shards[index].downSince = now }
        }
        self.now = now
        self.unixMilliseconds = unixMilliseconds
    }

    // MARK: Series

    private mutating func addState(_ series: Int32) {
        while states.count <= Int(series) { states.append(SeriesState()) }
        states[Int(series)] = SeriesState()
        guard settings.isCluster else { return }
        let name = Array(table.key(of: series).bytes)
        states[Int(series)].hashSlot =
            name.isEmpty
            ? SlotMap.slot(ofKey: SeriesKey.fleet.bytes.span)
            : SlotMap.slot(ofKey: SeriesKey.device(name.span).span)
    }

    /// The series of a device. A new one is made; when there is no room, the one idle longest goes.
    mutating func series(of device: Span<UInt8>) -> Int32 {
        let hash = DeviceKey.hash(device, seed: hashSeed)
        if let series = table.find(device, hash: hash) { return series }
        if table.count > settings.cacheLimit { forgetOldest() }
        let series = table.insert(device, hash: hash, now: now)
        addState(series)
        return series
    }

    /// Forgets the fold that was idle longest. One with something under way stays, and the cache is
    /// larger than its limit until that is done.
    private mutating func forgetOldest() {
        var series = table.oldest
        var looks = 0
        while series != SeriesTable.none, looks < 64 {
            if series != fleet, !states[Int(series)].isPinned {
                remove(series)
                return
            }
            series = table.newer(than: series)
            looks += 1
        }
    }

    mutating func remove(_ series: Int32) {
        table.remove(series)
        loads[series] = nil
        states[Int(series)] = SeriesState()
    }

    package func fleetSummary() -> SeriesSummary { table.summary(of: fleet) }

    // MARK: Routes

    func shard(of hashSlot: UInt16) -> Int? {
        settings.isCluster ? map.owner(hashSlot) : 0
    }

    func route(_ series: Int32) -> Int? {
        let state = states[Int(series)]
        if state.askShard >= 0 { return Int(state.askShard) }
        return shard(of: state.hashSlot)
    }

    /// Whether the shard has been away so long that waiting for it is pointless.
    func isAway(_ shard: Int) -> Bool {
        !shards[shard].isReady && now - shards[shard].downSince > settings.timeout
    }

    /// Whether samples can be stored: the fleet's series takes part in each.
    package var isUp: Bool {
        guard let shard = route(fleet) else { return false }
        return shards[shard].isReady
    }

    /// The shard of an address, made when it is new. Shards stand in the order of the map's nodes.
    mutating func shardIndex(_ address: NodeAddress) -> Int {
        let index = map.index(of: address)
        addShards()
        return index
    }

    private mutating func addShards() {
        while shards.count < map.nodes.count {
            var shard = Shard(map.nodes[shards.count])
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
        var extras = homelessExtras
        homeless.removeAll()
        homelessExtras.removeAll()
        for index in shards.indices {
            waiting += shards[index].gathering
            extras += shards[index].extras.map(\.extra)
            shards[index].gathering.removeAll()
            shards[index].extras.removeAll()
        }
        for index in shards.indices { shards[index].isOwner = map.isOwner(index) }
        for entry in waiting {
            let home = route(pending[entry: entry].series)
            if let home { shards[home].gathering.append(entry) } else { homeless.append(entry) }
        }
        for extra in extras { enlist(extra) }
    }

    /// A slot has moved, or an owner cannot be reached: somebody may have taken over.
    package var needsMap: Bool {
        settings.isCluster && (wantsMap || shards.contains { $0.isOwner && !$0.isReady })
    }

    /// Whether something has gathered that can be sent now.
    package var canFly: Bool {
        for shard in shards.indices
        where shards[shard].isReady && !shards[shard].isFlying && shards[shard].hasWork {
            return true
        }
        return false
    }

    /// Samples on their way into the log.
    package var waitingSamples: Int { pending.itemCount }

    /// What Redis last refused, once.
    package mutating func takeRefusal() -> [UInt8]? { refusal.take() }

    /// Whether a flight has been under way for too long.
    package func isStalled(_ shard: Int) -> Bool {
        shards[shard].flight.isFlying && shards[shard].flight.sentAt + settings.timeout <= now
    }

    /// Asks a server which of them has which slot.
    package mutating func askForMap(_ shard: Int) {
        shards[shard].extras.append(QueuedExtra(extra: .map))
    }

    /// Asks every server how many replicas it has by now: as many must confirm.
    package mutating func askForRoles() {
        for shard in shards.indices where shards[shard].isReady {
            shards[shard].extras.append(QueuedExtra(extra: .role))
        }
    }

    // MARK: Connections

    /// A connection has greeted.
    /// - Parameters:
    ///   - isFenced: the one before it can write no more.
    ///   - replicas: attached to the server.
    package mutating func connected(_ shard: Int, isFenced: Bool, replicas: Int) {
        lastGeneration += 1
        shards[shard].isReady = true
        shards[shard].wantsReconnect = false
        shards[shard].generation = lastGeneration
        shards[shard].isFenced = isFenced
        shards[shard].replicas = replicas
        shards[shard].downSince = .never
        shards[shard].notBefore = .zero
    }

    /// A connection is gone, and whatever was in flight on it is uncertain.
    /// - Returns: whether an entry was in flight, so that the old connection must be fenced off.
    package mutating func disconnected(_ shard: Int) -> Bool {
        if shards[shard].isReady {
            shards[shard].downSince = now
            metrics.add(1, .connectionsLost)
        }
        shards[shard].isReady = false
        // What was wrong with this connection says nothing of the next one.
        shards[shard].wantsReconnect = false
        wantsMap = settings.isCluster
        guard shards[shard].flight.isFlying else { return false }
        return abandonFlight(shard)
    }
}

extension StaticString {
    /// A copy of the text.
    var bytes: [UInt8] {
        Array("\(self)".utf8)
    }
}

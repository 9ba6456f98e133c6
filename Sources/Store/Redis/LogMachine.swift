internal import SeriesLog
package import Redis
package import Bytes
package import Detection

/// One loop's half of the log in Redis, without a socket: it decides what to send, reads what comes
/// back and says whose answer is decided. The other half, `RedisLog`, moves the bytes.
///
/// The scheme: a stream per series, one entry per series and flight. Redis numbers the entries; when
/// the number that comes back follows the fold's own, nobody else wrote, and the verdict is computed
/// here without reading anything. Otherwise what was missed is read first. Which samples are in the
/// log, and in which order, is decided by Redis alone; every loop folds the same.
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
    /// By the table's slots.
    var places: [SeriesPlace] = []
    /// The slot of the fleet series.
    let fleet: Int32
    var pending = PendingTable()
    package var tickets = TicketTable()
    package internal(set) var shards: [Shard] = []
    package internal(set) var map: SlotMap
    /// Entries and commands whose slot has no known owner.
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
        addPlace(fleet)
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

    private mutating func addPlace(_ slot: Int32) {
        while places.count <= Int(slot) { places.append(SeriesPlace()) }
        places[Int(slot)] = SeriesPlace()
        guard settings.isCluster else { return }
        let name = table.name(slot)
        places[Int(slot)].slotNumber =
            name.isEmpty
            ? SlotMap.slot(ofKey: SeriesKey.fleet.bytes.span)
            : SlotMap.slot(ofKey: SeriesKey.device(name.span).span)
    }

    /// The place of a device, made when it is new; the one idle longest makes room.
    mutating func slot(of device: Span<UInt8>) -> Int32 {
        let hash = DeviceKey.hash(device, seed: hashSeed)
        if let slot = table.find(device, hash: hash) { return slot }
        if table.count > settings.cacheLimit { forgetOldest() }
        let slot = table.insert(device, hash: hash, now: now)
        addPlace(slot)
        return slot
    }

    /// Forgets the fold that was idle longest. One with something under way stays, and the cache is
    /// larger than its limit until that is done.
    private mutating func forgetOldest() {
        var slot = table.oldestSlot
        var looks = 0
        while slot != SeriesTable.none, looks < 64 {
            if slot != fleet, !places[Int(slot)].isPinned {
                remove(slot)
                return
            }
            slot = table.newerSlot(than: slot)
            looks += 1
        }
    }

    mutating func remove(_ slot: Int32) {
        table.remove(slot)
        loads[slot] = nil
        places[Int(slot)] = SeriesPlace()
    }

    package func fleetSummary() -> SeriesSummary { table.summary(fleet) }

    // MARK: Routes

    func shard(of slotNumber: UInt16) -> Int? {
        settings.isCluster ? map.owner(slotNumber) : 0
    }

    func route(_ slot: Int32) -> Int? {
        let place = places[Int(slot)]
        if place.askShard >= 0 { return Int(place.askShard) }
        return shard(of: place.slotNumber)
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
        let index = map.place(address)
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

    /// Takes a new map over and finds new homes for what waits.
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

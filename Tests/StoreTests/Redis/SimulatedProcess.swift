import Bytes
import Detection
import Numerics
import Redis
import SeriesLog
import Wire

@testable import Store

/// A request of a client, which may be sent again to another process.
final class SimulatedRequest {
    let number: Int
    let body: [UInt8]
    /// nil for one that must not be sent again.
    let key: UInt64?
    /// Timestamps and devices, in order.
    let samples: [(timestamp: Int, device: [UInt8])]
    /// The key of the log of each sample, and of the fleet's log where that is another.
    var logs: [String] = []
    var wasStored = false
    var attempts = 0

    init(
        number: Int, body: [UInt8], key: UInt64?,
        samples: [(timestamp: Int, device: [UInt8])]
    ) {
        self.number = number
        self.body = body
        self.key = key
        self.samples = samples
    }
}

/// A question, and how much there was when it was asked.
struct SimulatedQuestion {
    let device: [UInt8]
    let log: String
    let samplesBefore: Int
}

/// A process: the machine under test, and what the driver does around it.
final class SimulatedProcess {
    struct Link {
        var connection: ModelConnection?
        /// What the server has to close before it greets.
        var fencing: ModelConnection?
        var isFencingUnknown = false
        var lastServer: ModelServer?
    }

    enum Waiting {
        case request(SimulatedRequest)
        case question(SimulatedQuestion)
        case other
    }

    struct Faults {
        var ignoresFences = false
        var omitsAsking = false
        var cutsElsewhere = false
    }

    let number: Int
    let cluster: ModelCluster
    var machine: RedisMachine
    var links: [Link] = []
    /// How far its clock is from the real one, in milliseconds.
    var skew = 0
    var mayFence = true
    var faults = Faults()
    /// By log: replicas that were known when its last entry was sent, or was looked for.
    var confirmers: [String: Int] = [:]
    var waiting: [TicketNumber: Waiting] = [:]
    var early: [SimulatedRequest] = []
    private var nextRoles = 0
    private var nextMemory = 0
    private var nextMap = 0
    private var lastMapShard = 0

    init(
        number: Int, writer: UInt64, in cluster: ModelCluster, _ parameters: FoldParameters,
        _ settings: RedisSettings
    ) {
        self.number = number
        self.cluster = cluster
        machine = RedisMachine(
            parameters, settings, writer: writer, hashSeed: writer &* 7919,
            metrics: RedisMetrics())
    }

    func tellTime() {
        machine.tellTime(
            Instant(nanoseconds: Int64(cluster.now - SimulatedProcess.epoch) * 1_000_000),
            unixMilliseconds: cluster.now + skew)
    }

    static let epoch = 1_700_000_000_000 - 1_000

    // MARK: Requests

    /// - Returns: why it was not taken in; nil when it was.
    func begin(_ request: SimulatedRequest) throws -> StoreFailure? {
        if machine.isStarting {
            early.append(request)
            return nil
        }
        if let failure = machine.obstacle { return failure }
        guard machine.hasRoom(for: request.samples.count) else { return .queueFull }
        request.logs = request.samples.map { sample in
            logKey(of: sample.device)
        }
        request.attempts += 1
        var batch = SampleBatch()
        let body = request.body
        try batch.decode(body.span, now: 1_700_000_000)
        if faults.cutsElsewhere, request.attempts > 1, let key = request.key {
            try appendInSmallerPieces(request, key)
            return nil
        }
        batch.key = request.key.map { requestKey($0, body) }
        waiting[machine.append(batch)] = .request(request)
        return nil
    }

    private func requestKey(_ key: UInt64, _ body: [UInt8]) -> RequestKey {
        RequestKey(Array("\(key)".utf8).span).with(body: body.span)
    }

    /// The key of the log of a device, or of the fleet.
    func logKey(of device: [UInt8]) -> String {
        let id = device.isEmpty ? machine.fleetLog : machine.log(of: device.span)
        return text(machine.logs[id?.index ?? 0].keys.log)
    }

    /// The planted fault: a piece with a number is not what it was the first time.
    private func appendInSmallerPieces(_ request: SimulatedRequest, _ key: UInt64) throws {
        let lines = request.body.split(separator: 0x0A)
        for (piece, start) in stride(from: 0, to: lines.count, by: 16).enumerated() {
            var batch = SampleBatch()
            let body = Array(lines[start..<min(start + 16, lines.count)].joined(separator: [0x0A]))
            try batch.decode(body.span, now: 1_700_000_000)
            batch.key = requestKey(key &+ UInt64(piece), request.body)
            waiting[machine.append(batch)] = .other
        }
    }

    // MARK: Links

    func connect(_ shard: Int) {
        guard links[shard].connection == nil else { return }
        guard
            let server = cluster.server(
                at: machine.shards[shard].address, after: links[shard].lastServer),
            server.isMaster,
            !server.isLoading
        else { return lose(shard) }
        let connection = cluster.connect(to: server)
        var isFenced = true
        if let old = links[shard].fencing {
            isFenced = mayFence
            if mayFence, !faults.ignoresFences { cluster.kill(old.id, on: server) }
        }
        links[shard].connection = connection
        links[shard].lastServer = server
        cluster.note(
            "process \(number) connects to \(server.index) as \(connection.id)"
                + ", fenced \(isFenced)")
        machine.connected(
            ShardID(shard), isFenced: isFenced && !links[shard].isFencingUnknown,
            replicas: cluster.replicas(of: server).count)
        links[shard].fencing = nil
        links[shard].isFencingUnknown = false
    }

    /// The connection is of no use any more. What the server has of it may still be executed.
    func lose(_ shard: Int) {
        let old = links[shard].connection
        if machine.disconnected(ShardID(shard)) {
            links[shard].fencing = old
            links[shard].isFencingUnknown = old == nil
        }
        links[shard].connection = nil
        guard let old else { return }
        cluster.note("process \(number) loses \(old.id)")
        old.isOpen = false
        old.incoming = []
        if cluster.random.below(2) == 0 { old.outgoing = [] }
    }

    func wantsLink(_ shard: Int) -> Bool {
        let shards = machine.shards
        return shards[shard].isOwner || shards[shard].hasExtras
            || !shards.contains { $0.isReady && $0.isOwner }
    }

    /// What the driver does in every turn.
    func tend(patience: Int) {
        while links.count < machine.shards.count { links.append(Link()) }
        for shard in links.indices {
            if let connection = links[shard].connection {
                if !connection.isOpen || machine.isStalled(ShardID(shard))
                    || machine.shards[shard].wantsReconnect
                {
                    lose(shard)
                }
            } else if wantsLink(shard), cluster.random.below(patience) == 0 {
                connect(shard)
            }
        }
        machine.expire()
        machine.dropExpiredDevices(limit: 256)
        askServers()
    }

    private func askServers() {
        let now = cluster.now
        if nextRoles <= now {
            nextRoles = now + 150
            machine.askForRoles()
        }
        if nextMemory <= now {
            nextMemory = now + 200
            machine.askForMemory()
            machine.askForAgreement()
        }
        guard machine.needsMap, nextMap <= now else { return }
        nextMap = now + 20
        for step in 1...machine.shards.count {
            let shard = (lastMapShard + step) % machine.shards.count
            guard machine.shards[shard].isReady else { continue }
            lastMapShard = shard
            machine.askForMap(ShardID(shard))
            return
        }
    }

    // MARK: Moving bytes

    func fly(_ shard: Int) {
        guard shard < links.count, let connection = links[shard].connection else { return }
        var commands = CommandBuffer()
        guard machine.fly(ShardID(shard), into: &commands) else { return }
        for kept in machine.logs where kept.log.isUnderWay && kept.shard == ShardID(shard) {
            guard kept.log.commands.contains(.append) || kept.log.isUncertain else { continue }
            confirmers[text(kept.keys.log)] =
                machine.shards[shard].replicas.wish(machine.now).replicas
        }
        var parsed = parseCommands(commands)
        if faults.omitsAsking {
            // The reply to it is expected, so something else stands in its place.
            parsed = parsed.map { text($0[0]) == "ASKING" ? [Array("UNWATCH".utf8)] : $0 }
        }
        if connection.isOpen { connection.outgoing += parsed }
    }

    func execute(_ shard: Int, atMost count: Int) {
        guard shard < links.count, let connection = links[shard].connection else { return }
        for _ in 0..<count {
            guard connection.isOpen, !connection.outgoing.isEmpty else { return }
            let reply = cluster.execute(connection.outgoing.removeFirst(), on: connection)
            connection.incoming.append(reply)
        }
    }

    func deliver(_ shard: Int, atMost count: Int) {
        for _ in 0..<count {
            guard shard < links.count, let connection = links[shard].connection,
                connection.isOpen, !connection.incoming.isEmpty
            else { return }
            let reply = connection.incoming.removeFirst()
            if machine.expectsEntryID(ShardID(shard)), case .text(let text) = reply,
                let id = EntryID(text.span)
            {
                machine.received(ShardID(shard), id: id)
            } else {
                machine.received(ShardID(shard), reply)
            }
            if machine.shards[shard].wantsReconnect { lose(shard) }
        }
    }
}

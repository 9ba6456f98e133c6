import Numerics
import Redis
import SeriesLog

/// The servers together: a cluster, or one master with its replicas behind one address. It executes
/// commands as the server of a connection would.
final class ModelCluster {
    /// Faults to plant, so that the checks are seen to find them.
    struct Faults {
        var ignoresWatch = false
        /// WAIT claims what was asked for.
        var confirmsAll = false
    }

    /// A slot on its way from one server to another.
    struct Migration {
        let slot: UInt16
        let source: Int
        let target: Int
    }

    let isCluster: Bool
    var random: SeededRandom
    var faults = Faults()
    var now = 0
    /// Replicas have all in time.
    var isQuick = false
    private(set) var servers: [ModelServer] = []
    var migration: Migration?
    /// Which server really has which slot.
    var truth: [Int16]
    let journal = Journal()
    /// Logs that were trimmed, until somebody looks.
    var trimmed: [String] = []
    /// How often servers said what clients may not overlook.
    private(set) var seen: [String: Int] = [:]
    /// What was done, for the message of a failure.
    var history: [String] = []
    private var connectionCount = 0
    static let slotCount = SlotMap.slotCount

    init(seed: UInt64, masters: Int, replicas: Int, isCluster: Bool) {
        self.isCluster = isCluster
        random = SeededRandom(seed: seed)
        var view = [Int16](repeating: 0, count: ModelCluster.slotCount)
        let share = ModelCluster.slotCount / masters + 1
        for slot in view.indices { view[slot] = Int16(slot / share * (replicas + 1)) }
        truth = view
        for group in 0..<masters {
            for member in 0...replicas {
                let server = ModelServer(
                    index: servers.count, group: group, isMaster: member == 0)
                server.view = view
                server.isAttached = member > 0
                servers.append(server)
            }
        }
    }

    func note(_ line: String) { history.append(line) }

    // MARK: Roles

    /// The group's real master, whatever others think; nil while there is none.
    func master(of group: Int) -> ModelServer? {
        servers.first { $0.group == group && $0.isMaster && !$0.isZombie && $0.isUp }
    }

    var groups: Int { servers.map(\.group).max() ?? 0 }

    func replicas(of master: ModelServer) -> [ModelServer] {
        guard !master.isZombie else { return [] }
        return servers.filter { $0.group == master.group && $0.isAttached && $0.isUp }
    }

    /// Who really has a key now.
    func authority(of key: String) -> ModelServer? {
        guard isCluster else { return master(of: 0) }
        let slot = SlotMap.slot(ofKey: Array(key.utf8).span)
        if let migration, migration.slot == slot {
            let source = servers[migration.source]
            return source.data.exists(key) ? source : servers[migration.target]
        }
        let server = servers[Int(truth[Int(slot)])]
        return server.isUp ? server : nil
    }

    // MARK: Connections

    /// The server behind an address; nil when nobody is there.
    /// - Parameter last: where the client was before. Who has been at a new master does not get to
    ///   the old one again: no client could tell that from a failover.
    func server(at address: NodeAddress, after last: ModelServer?) -> ModelServer? {
        if isCluster { return servers.first { $0.address == address && $0.isUp } }
        // One address for all: whoever is master, or was until a while ago.
        if let last, last.isZombie, last.isUp, random.below(4) == 0 { return last }
        return master(of: 0)
    }

    func connect(to server: ModelServer) -> ModelConnection {
        connectionCount += 1
        let connection = ModelConnection(id: connectionCount, server)
        server.connections.append(connection)
        return connection
    }

    /// CLIENT KILL: what the connection has not executed yet never will be.
    func kill(_ id: Int, on server: ModelServer) {
        for connection in server.connections where connection.id == id { connection.close() }
        server.connections.removeAll { $0.id == id }
    }

    // MARK: Commands

    func execute(_ words: Words, on connection: ModelConnection) -> Reply {
        let server = connection.server
        let reply = perform(words, on: connection, server)
        count(words, reply)
        if history.count > 40_000 { history.removeFirst(20_000) }
        history.append("\(server.index)/\(connection.id) \(shown(words)) -> \(shown(reply))")
        return reply
    }

    private func perform(
        _ words: Words, on connection: ModelConnection, _ server: ModelServer
    ) -> Reply {
        let name = text(words[0])
        let isAsking = connection.asks
        connection.asks = false
        switch name {
        case "ASKING":
            connection.asks = true
            return ModelRedis.ok
        case "MULTI":
            connection.queued = []
            connection.isDirty = false
            return ModelRedis.ok
        case "EXEC": return execute(connection, server)
        case "ROLE": return role(server)
        case "INFO":
            let text =
                "# Memory\r\nused_memory:\(server.data.isFull ? 100 : 10)\r\n"
                + "maxmemory:100\r\nmaxmemory_policy:noeviction\r\n"
            return .text(Array(text.utf8))
        default: break
        }
        if let refusal = refusal(of: words, connection, server, isAsking: isAsking) {
            if connection.queued != nil { connection.isDirty = true }
            return refusal
        }
        if connection.queued != nil {
            connection.queued?.append(words)
            return .text(Array("QUEUED".utf8))
        }
        return serve(words, on: connection, server)
    }

    private func serve(
        _ words: Words, on connection: ModelConnection, _ server: ModelServer
    ) -> Reply {
        switch text(words[0]) {
        case "WATCH":
            let key = text(words[1])
            server.data.expire(key, at: now)
            connection.watched[key] = server.data.version(of: key)
            return ModelRedis.ok
        case "UNWATCH":
            connection.watched = [:]
            return ModelRedis.ok
        case "WAIT": return wait(words, on: connection, server)
        case "CLUSTER": return slots(server)
        default: break
        }
        let effect = server.data.execute(words, now: now)
        if let replicated = effect.replicated {
            server.note(.commands([replicated], now: now))
            connection.writeOffset = server.offset
            journal.note(replicated, server)
        }
        return effect.reply
    }

    private func execute(_ connection: ModelConnection, _ server: ModelServer) -> Reply {
        guard let queued = connection.queued else {
            return .error(Array("ERR EXEC without MULTI".utf8))
        }
        let watched = connection.watched
        connection.queued = nil
        connection.watched = [:]
        if connection.isDirty {
            return .error(
                Array("EXECABORT Transaction discarded because of previous errors.".utf8))
        }
        if !faults.ignoresWatch {
            for key in watched.keys { server.data.expire(key, at: now) }
            for (key, version) in watched where server.data.version(of: key) != version {
                return .null
            }
        }
        // The keys may have gone elsewhere since the commands were queued.
        let keys = queued.flatMap { ModelRedis.keys($0) }
        if let refusal = route(keys, server, isAsking: false) { return refusal }
        if !server.isMaster { return ModelCluster.readOnly }
        if server.data.isFull, queued.contains(where: { ModelRedis.needsMemory(text($0[0])) }) {
            return .error(
                Array("EXECABORT Transaction discarded because of: OOM command not allowed".utf8))
        }
        var replies: [Reply] = []
        var changes: [Words] = []
        for words in queued {
            let effect = server.data.execute(words, now: now)
            replies.append(effect.reply)
            if let replicated = effect.replicated { changes.append(replicated) }
        }
        for words in queued where text(words[0]) == "XTRIM" && Journal.isLog(text(words[1])) {
            if !server.isZombie { trimmed.append(text(words[1])) }
        }
        if !changes.isEmpty {
            server.note(.commands(changes, now: now))
            connection.writeOffset = server.offset
        }
        return .array(replies)
    }

    // MARK: Refusals

    private static let readOnly = Reply.error(
        Array("READONLY You can't write against a read only replica.".utf8))

    private func refusal(
        of words: Words, _ connection: ModelConnection, _ server: ModelServer, isAsking: Bool
    ) -> Reply? {
        if server.isLoading {
            return .error(Array("LOADING Redis is loading the dataset in memory".utf8))
        }
        let name = text(words[0])
        if let refusal = route(ModelRedis.keys(words), server, isAsking: isAsking) {
            return refusal
        }
        if !server.isMaster, ModelRedis.isWrite(name) { return ModelCluster.readOnly }
        if server.data.isFull, ModelRedis.needsMemory(name) { return ModelRedis.full }
        return nil
    }

    /// Where the keys are, when they are not here.
    private func route(_ keys: [String], _ server: ModelServer, isAsking: Bool) -> Reply? {
        guard isCluster, let first = keys.first else { return nil }
        let slot = SlotMap.slot(ofKey: Array(first.utf8).span)
        let owner = Int(server.view[Int(slot)])
        for key in keys { server.data.expire(key, at: now) }
        let missing = keys.filter { !server.data.exists($0) }
        if server.isMaster, owner == server.index {
            guard let target = server.migrating[slot], !missing.isEmpty else { return nil }
            return missing.count < keys.count
                ? ModelCluster.tryAgain : redirection("ASK", slot, to: servers[target])
        }
        if server.isMaster, server.importing.contains(slot), isAsking {
            return keys.count > 1 && !missing.isEmpty ? ModelCluster.tryAgain : nil
        }
        guard let master = masterSeen(by: server, owner) else {
            return .error(Array("CLUSTERDOWN The cluster is down".utf8))
        }
        return redirection("MOVED", slot, to: master)
    }

    /// A replica sends its clients to its master.
    private func masterSeen(by server: ModelServer, _ owner: Int) -> ModelServer? {
        if owner != server.index { return servers[owner] }
        return master(of: server.group)
    }

    private static let tryAgain = Reply.error(
        Array("TRYAGAIN Multiple keys request during rehashing of slot".utf8))

    private func redirection(_ word: String, _ slot: UInt16, to server: ModelServer) -> Reply {
        .error(Array("\(word) \(slot) \(server.address)".utf8))
    }

    // MARK: Questions

    private func role(_ server: ModelServer) -> Reply {
        guard server.isMaster else {
            return .array([
                .text(Array("slave".utf8)), .text(Array("127.0.0.1".utf8)), .integer(7000),
                .text(Array("connected".utf8)), .integer(server.offset),
            ])
        }
        let attached = replicas(of: server).map { replica in
            Reply.array([
                .text(Array("127.0.0.1".utf8)), .text(Array("\(replica.address.port)".utf8)),
                .text(Array("\(replica.offset)".utf8)),
            ])
        }
        return .array([.text(Array("master".utf8)), .integer(server.offset), .array(attached)])
    }

    private func slots(_ server: ModelServer) -> Reply {
        var ranges: [Reply] = []
        var first = 0
        for slot in 1...server.view.count
        where slot == server.view.count || server.view[slot] != server.view[first] {
            let owner = servers[Int(server.view[first])]
            ranges.append(
                .array([
                    .integer(first), .integer(slot - 1),
                    .array([
                        .text(Array(owner.address.host.utf8)), .integer(Int(owner.address.port)),
                    ]),
                ]))
            first = slot
        }
        return .array(ranges)
    }

    private func wait(
        _ words: Words, on connection: ModelConnection, _ server: ModelServer
    ) -> Reply {
        guard server.isMaster else {
            return .error(Array("ERR WAIT cannot be used with replica instances.".utf8))
        }
        let wanted = Int(text(words[1])) ?? 0
        let attached = replicas(of: server)
        for replica in attached where isQuick || random.below(8) > 0 { feed(replica, of: server) }
        if faults.confirmsAll { return .integer(wanted) }
        return .integer(attached.filter { $0.offset >= connection.writeOffset }.count)
    }

    private func count(_ words: Words, _ reply: Reply) {
        switch reply {
        case .failure(.moved): seen["MOVED", default: 0] += 1
        case .failure(.ask): seen["ASK", default: 0] += 1
        case .failure(.notNext): seen["not next", default: 0] += 1
        case .failure(.readOnly): seen["READONLY", default: 0] += 1
        case .failure(.tryAgain(let bytes)), .failure(.other(let bytes)):
            seen[String(text(bytes).prefix { $0 != " " }), default: 0] += 1
        case .null: seen["\(text(words[0])) nothing", default: 0] += 1
        case .array where text(words[0]) == "EXEC": seen["EXEC", default: 0] += 1
        case .integer(0) where text(words[0]) == "WAIT": seen["WAIT 0", default: 0] += 1
        case .array, .text, .integer: break
        }
    }

    // MARK: For messages

    private func shown(_ words: Words) -> String {
        words.map { $0.count > 60 ? Journal.shown($0) : printable($0) }.joined(separator: " ")
    }

    private func printable(_ word: [UInt8]) -> String {
        word.allSatisfy { $0 >= 0x20 && $0 < 0x7F } ? text(word) : Journal.shown(word)
    }

    private func shown(_ reply: Reply) -> String {
        switch reply {
        case .text(let bytes): bytes.count > 60 ? Journal.shown(bytes) : printable(bytes)
        case .array(let parts): "[" + parts.map { shown($0) }.joined(separator: " ") + "]"
        case .null, .integer, .failure: "\(reply)"
        }
    }
}

import Redis

/// One connection as its server and its client see it.
final class ModelConnection {
    let id: Int
    let server: ModelServer
    /// Written by the client, and not executed yet.
    var outgoing: [Words] = []
    /// Replies that the client has not read yet.
    var incoming: [Reply] = []
    var isOpen = true
    /// Watched keys, and how they were then.
    var watched: [String: UInt64] = [:]
    /// Commands after MULTI; nil outside of a transaction.
    var queued: [Words]?
    /// A command of the transaction was refused.
    var isDirty = false
    var asks = false
    /// Where in the server's stream of changes its last own change stands.
    var writeOffset = 0

    init(id: Int, _ server: ModelServer) {
        self.id = id
        self.server = server
    }

    func close() {
        isOpen = false
        outgoing = []
        incoming = []
    }
}

/// A server of a cluster: a master, or the replica of one.
final class ModelServer {
    enum Change {
        case commands([Words], now: Int)
        case put(String, ModelRedis.Value, expiry: Int?)
        case clear
    }

    let index: Int
    let address: NodeAddress
    /// Servers of one group replicate each other.
    let group: Int
    var data = ModelRedis()
    var isUp = true
    var isMaster: Bool
    /// A replica that its master feeds.
    var isAttached = false
    /// Another server was made master; this one does not know that.
    var isZombie = false
    /// Which server has which slot, as this one knows.
    var view: [Int16] = []
    /// Slots on their way to another server, and from another.
    var migrating: [UInt16: Int] = [:]
    var importing: Set<UInt16> = []
    /// Changes since the beginning of time; of a replica, those that it has.
    var offset = 0
    /// What replicas do not have yet; `backlog.last` is the change with the number `offset`.
    var backlog: [Change] = []
    /// Some replica has all changes up to this one.
    var confirmedOffset = 0
    var isLoading = false
    var connections: [ModelConnection] = []

    init(index: Int, group: Int, isMaster: Bool) {
        self.index = index
        self.group = group
        self.isMaster = isMaster
        address = NodeAddress(host: "127.0.0.1", port: UInt16(7000 + index))
    }

    func note(_ change: Change) {
        offset += 1
        backlog.append(change)
    }

    /// Executes so many of the master's changes that are not here yet.
    func follow(_ master: ModelServer, changes: Int) {
        let missing = master.backlog.suffix(master.offset - offset)
        for change in missing.prefix(changes) {
            apply(change)
            offset += 1
        }
    }

    private func apply(_ change: Change) {
        switch change {
        case .commands(let commands, let now):
            for words in commands { _ = data.execute(words, now: now) }
        case .put(let key, let value, let expiry): data.put(value, expiry: expiry, at: key)
        case .clear: data.removeAll()
        }
    }

    /// Takes all of the master's data over.
    func resync(from master: ModelServer) {
        data = master.data
        offset = master.offset
        backlog = []
        view = master.view
        migrating = [:]
        importing = []
        isMaster = false
        isZombie = false
        isAttached = true
    }

    func closeAll() {
        for connection in connections { connection.close() }
        connections = []
    }
}

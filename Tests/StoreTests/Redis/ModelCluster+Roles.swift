import Numerics
import Redis

/// What becomes of servers, replicas and slots.
extension ModelCluster {
    /// The replica gets so many changes more, or all.
    func feed(_ replica: ModelServer, of master: ModelServer, changes: Int = .max) {
        replica.follow(master, changes: changes)
        master.confirmedOffset = max(master.confirmedOffset, replica.offset)
        let needed = replicas(of: master).map { master.offset - $0.offset }.max() ?? 0
        master.backlog.removeFirst(max(0, master.backlog.count - needed))
    }

    /// A replica goes away. Those that stay have what it had.
    func detach(_ replica: ModelServer) {
        guard let master = master(of: replica.group), replica.isAttached else { return }
        for other in replicas(of: master) { feed(other, of: master) }
        replica.isAttached = false
        note("replica \(replica.index) goes")
    }

    func attach(_ replica: ModelServer) {
        guard let master = master(of: replica.group), replica !== master else { return }
        replica.isUp = true
        replica.resync(from: master)
        master.confirmedOffset = max(master.confirmedOffset, master.offset)
        note("replica \(replica.index) comes")
    }

    /// The master dies, or is cut off from its replicas only; the newest replica takes over.
    func failOver(_ group: Int, leavesZombie: Bool) {
        guard let old = master(of: group), !isMoving(old) else { return }
        guard let next = replicas(of: old).max(by: { $0.offset < $1.offset }) else { return }
        // What all agree on is not lost: it is written once, long before.
        if old.data.exists("tm:meta"), !next.data.exists("tm:meta") { feed(next, of: old) }
        note(
            "failover \(old.index) -> \(next.index), zombie \(leavesZombie), "
                + "\(old.offset - next.offset) changes are lost")
        journal.lose(after: next.offset, of: old.index, next: next.index)
        let others = replicas(of: old).filter { $0 !== next }
        next.closeAll()
        next.isMaster = true
        next.isAttached = false
        next.confirmedOffset = next.offset
        next.backlog = []
        truth = truth.map { $0 == Int16(old.index) ? Int16(next.index) : $0 }
        next.view = truth
        old.backlog = []
        if leavesZombie {
            old.isZombie = true
        } else {
            old.isUp = false
            old.isMaster = false
            old.closeAll()
        }
        for other in others { other.resync(from: next) }
    }

    /// The master stops and comes back with all its data.
    func restart(_ group: Int) {
        guard let server = master(of: group), !isMoving(server) else { return }
        note("restart \(server.index)")
        server.closeAll()
        server.isLoading = true
    }

    func endLoading() {
        for server in servers { server.isLoading = false }
    }

    /// All servers of the group lose their data.
    func flush(_ group: Int) {
        guard let server = master(of: group) else { return }
        note("FLUSHALL \(server.index)")
        server.data.removeAll()
        server.note(.clear)
        journal.loseAll(of: server.index)
    }

    // MARK: Slots

    func isMoving(_ server: ModelServer) -> Bool {
        guard let migration else { return false }
        return migration.source == server.index || migration.target == server.index
    }

    /// A server hears who has which slot.
    func gossip(_ server: ModelServer) {
        guard isCluster, !server.isZombie, server.isUp else { return }
        server.view = truth
    }

    func beginMigration(of slot: UInt16, to group: Int) {
        let source = servers[Int(truth[Int(slot)])]
        guard migration == nil, let target = master(of: group), source.isUp, source !== target,
            !source.isLoading, !target.isLoading
        else { return }
        migration = Migration(slot: slot, source: source.index, target: target.index)
        source.migrating[slot] = target.index
        target.importing.insert(slot)
        note("slot \(slot) begins to move \(source.index) -> \(target.index)")
    }

    func keys(of slot: UInt16, on server: ModelServer) -> [String] {
        server.data.keys.filter { SlotMap.slot(ofKey: Array($0.utf8).span) == slot }
    }

    /// Moves one key; a replica has it as soon as its master.
    /// - Returns: whether there was one.
    @discardableResult
    func moveKey() -> Bool {
        guard let migration else { return false }
        let source = servers[migration.source]
        let target = servers[migration.target]
        let keys = keys(of: migration.slot, on: source)
        guard !keys.isEmpty else { return false }
        let key = keys[random.below(keys.count)]
        guard let moved = source.data.take(key) else { return false }
        target.data.put(moved.value, expiry: moved.expiry, at: key)
        source.note(.commands([[Array("UNLINK".utf8), Array(key.utf8)]], now: now))
        target.note(.put(key, moved.value, expiry: moved.expiry))
        for server in [source, target] {
            for replica in replicas(of: server) { feed(replica, of: server) }
        }
        journal.move(key, from: source.index, to: target)
        note("\(key) moves \(source.index) -> \(target.index)")
        return true
    }

    func finishMigration() {
        while moveKey() {}
        guard let migration else { return }
        let source = servers[migration.source]
        let target = servers[migration.target]
        source.migrating[migration.slot] = nil
        target.importing.remove(migration.slot)
        truth[Int(migration.slot)] = Int16(target.index)
        for server in [source, target] {
            server.view[Int(migration.slot)] = Int16(target.index)
            for replica in replicas(of: server) { replica.view = server.view }
        }
        self.migration = nil
        note("slot \(migration.slot) has moved \(source.index) -> \(target.index)")
    }
}

internal import Redis
package import Bytes
internal import Detection
package import System
internal import Wire

/// The process' logs in Redis: moves bytes between the machine and the servers, keeps the
/// connections up, and tells the time. The machine alone decides what is sent, and knows what it
/// means.
package struct RedisLog: LogDriver, ~Copyable {
    private static let memoryInterval = TimeSpan.milliseconds(1000)
    private static let rolesInterval = TimeSpan.seconds(1)
    private static let mapInterval = TimeSpan.milliseconds(100)
    /// Expired devices are dropped in small portions, so that no request waits for it.
    private static let expiryPortion = 256

    package var machine: RedisMachine
    let settings: RedisSettings
    let metrics: RedisMetrics
    private let parameters: FoldParameters
    private let claims: ClaimDesk
    /// Whether the readable keys of the five services are written too.
    let mirrors: Bool
    var mirror = Mirror()
    private let tokenKind: UInt8
    private let wakeUp: Int32
    private var links: [Link] = []
    private var commands = CommandBuffer()
    private var seed: UInt64
    package private(set) var now = Instant.zero
    private var nextMemory = Instant.zero
    private var nextMap = Instant.zero
    private var nextIncidents = Instant.zero
    /// What one replica knows of incidents all know some seconds later.
    private static var incidentsInterval: TimeSpan { .seconds(1) }
    private var nextRoles = Instant.zero
    private var lastMapShard = 0
    private var nextSentinels = Instant.zero
    private static var sentinelsInterval: TimeSpan { .milliseconds(500) }
    /// Whom the sentinels name, being asked.
    private var sentinelLook: Resolution?
    private var notices: [Notice] = []
    /// Servers of which it was told that too few replicas confirm.
    private var shortServers: Set<Int> = []

    package init(_ shared: SharedRedis, _ seat: StoreSeat) {
        claims = shared.exchange.incidents.claims
        var random = SystemRandomNumberGenerator()
        machine = RedisMachine(
            shared.parameters, shared.settings, writer: random.next() | 1,
            hashSeed: random.next(), metrics: shared.metrics)
        settings = shared.settings
        metrics = shared.metrics
        parameters = shared.parameters
        mirrors = shared.mirrors
        tokenKind = seat.tokenKind
        wakeUp = seat.wakeUp
        seed = random.next()
    }

    /// Tells the time; before anything else in a turn.
    package mutating func tellTime(_ now: Instant, unixMilliseconds: Int) {
        self.now = now
        machine.tellTime(now, unixMilliseconds: unixMilliseconds)
    }

    /// What the operator should read, once each.
    package mutating func takeNotices() -> [Notice] {
        var taken: [Notice] = []
        swap(&taken, &notices)
        return taken
    }

    // MARK: Events

    /// Serves an event of one of the connections.
    package mutating func handle(_ event: Event) {
        let shard = event.token.index
        guard shard < links.count, links[shard].generation & 0xFF_FFFF == event.token.generation,
            let connection = links[shard].connection
        else { return }
        machine.heard(from: ShardID(shard))
        connection.handle(event)
        drain(shard)
    }

    private mutating func drain(_ shard: Int) {
        while let connection = links[shard].connection,
            let occurrence = connection.nextOccurrence()
        {
            switch occurrence {
            case .connected: greet(shard)
            case .entryID(let id):
                if case .ready = links[shard].state, machine.expectsEntryID(ShardID(shard)) {
                    machine.received(ShardID(shard), id: id)
                } else {
                    receive(.text([]), from: shard)
                }
            case .reply(let reply): receive(reply, from: shard)
            case .closed(let reason): lose(shard, reason + hint(shard))
            }
        }
        if links[shard].connection != nil, machine.shards[shard].wantsReconnect {
            lose(shard, "the server is a replica now, or out of step")
        }
        if let refusal = machine.takeRefusal() { tellRefusal(shard, refusal) }
        if machine.hasComplaints {
            for complaint in machine.takeComplaints() { tell(complaint, isWarning: true) }
        }
    }

    private mutating func receive(_ reply: Reply, from shard: Int) {
        switch links[shard].state {
        case .ready: machine.received(ShardID(shard), reply)
        case .greeting(var greeting, let until):
            switch greeting.received(reply) {
            case .goOn: links[shard].state = .greeting(greeting, until: until)
            case .refused(let reason): lose(shard, reason)
            case .ready: open(shard, greeting)
            }
        case .idle, .waiting, .resolving, .connecting:
            lose(shard, "a reply that nothing asked for")
        }
    }

    // MARK: Links

    /// What may be wrong where a server ends a connection without a word.
    private func hint(_ shard: Int) -> String {
        let isSecure = settings.server.secureContext != nil
        switch links[shard].state {
        case .connecting where isSecure: return " (does it speak TLS on that port?)"
        case .greeting(let greeting, _) where !isSecure && !greeting.isHeard:
            return " (is it a TLS port? STORE=rediss://… is for that)"
        case .idle, .waiting, .resolving, .connecting, .greeting, .ready: return ""
        }
    }

    private mutating func greet(_ shard: Int) {
        commands.removeAll()
        let greeting = Greeting(settings.server, fencing: links[shard].fencing, into: &commands)
        links[shard].state = .greeting(greeting, until: now + settings.timeout)
        links[shard].connection?.send(commands)
        links[shard].connection?.write()
    }

    private mutating func open(_ shard: Int, _ greeting: Greeting) {
        links[shard].state = .ready
        links[shard].found()
        links[shard].client = greeting.client
        machine.connected(
            ShardID(shard), isFenced: greeting.isFenced && !links[shard].isFencingUnknown,
            replicas: greeting.replicas)
        links[shard].fencing = nil
        links[shard].isFencingUnknown = false
        links[shard].backoff.reset()
        links[shard].lastFailure = ""
        tell("connected to Redis at \(machine.shards[shard].address)", isWarning: false)
    }

    /// The connection is of no use any more.
    private mutating func lose(_ shard: Int, _ reason: String) {
        if machine.disconnected(ShardID(shard)) {
            links[shard].fencing = links[shard].client
            links[shard].isFencingUnknown = links[shard].client == nil
        }
        links[shard].client = nil
        links[shard].connection?.close()
        links[shard].connection = nil
        // Another address behind the name may be the one.
        if let other = links[shard].nextCandidate() { return connect(shard, to: other) }
        links[shard].state = .waiting(until: now + links[shard].backoff.next())
        guard links[shard].lastFailure != reason else { return }
        links[shard].lastFailure = reason
        tell("Redis at \(machine.shards[shard].address): \(reason)", isWarning: true)
    }

    private mutating func tell(_ text: String, isWarning: Bool) {
        notices.append(Notice(isWarning: isWarning, text: text))
    }

    private mutating func tellRefusal(_ shard: Int, _ refusal: [UInt8]) {
        var text = String(decoding: refusal.prefix(200), as: UTF8.self)
        if text.contains("Invalid stream ID") { text += " (\(Greeting.versionNeeded))" }
        guard links[shard].lastFailure != text else { return }
        links[shard].lastFailure = text
        tell("Redis at \(machine.shards[shard].address) refuses: \(text)", isWarning: true)
    }

    private mutating func begin(_ shard: Int) {
        let address = machine.shards[shard].address
        if settings.server.sentinels.isEmpty, let known = address.numeric {
            connect(shard, to: known)
        } else {
            // Each time anew: behind a name there may be another server by now.
            links[shard].state = .resolving(
                Resolution.begin(address, settings.server, wakeUp: wakeUp),
                until: now + .seconds(10))
        }
    }

    private mutating func connect(_ shard: Int, to place: ServerPlace) {
        links[shard].generation &+= 1
        links[shard].place = place
        links[shard].connection = RedisConnection(
            place.address, security: settings.server.security(of: place.host))
        links[shard].state = .connecting(until: now + max(settings.timeout, .milliseconds(500)))
        drain(shard)
    }

    /// Moves each link on whose time has come.
    private mutating func tend(_ shard: Int) {
        switch links[shard].state {
        case .idle: if wantsLink(shard) { begin(shard) }
        case .waiting(let until):
            guard until <= now else { return }
            if wantsLink(shard) { begin(shard) } else { links[shard].state = .idle }
        case .resolving(let resolution, let until):
            switch resolution.take() {
            case .success(let places):
                links[shard].take(places)
                if let first = links[shard].nextCandidate() { connect(shard, to: first) }
            case .failure(let failure): lose(shard, failure.reason)
            case nil: if until <= now { lose(shard, "its name is not resolved in time") }
            }
        case .connecting(let until):
            if until <= now { lose(shard, "it does not accept in time" + hint(shard)) }
        case .greeting(_, let until): if until <= now { lose(shard, "it does not answer in time") }
        case .ready:
            if machine.isStalled(ShardID(shard)) {
                lose(shard, "no answer within REDIS_TIMEOUT")
            } else if !wantsLink(shard), !machine.shards[shard].isUnderWay {
                close(shard)
            }
        }
    }

    /// A server that no longer owns anything is let go.
    private mutating func close(_ shard: Int) {
        _ = machine.disconnected(ShardID(shard))
        links[shard].connection?.close()
        links[shard].connection = nil
        links[shard].state = .idle
    }

    /// Owners are needed; of the others one may know the map when no owner can be reached.
    private func wantsLink(_ shard: Int) -> Bool {
        let shards = machine.shards
        return shards[shard].isOwner || shards[shard].hasExtras
            || !shards.contains { $0.isReady && $0.isOwner }
    }

    // MARK: Turns

    /// Does what is due: links, tickets whose time is over, lists.
    package mutating func lookAtWhatIsDue() {
        while links.count < machine.shards.count {
            seed = seed &* 0x5851_F42D_4C95_7F2D &+ 1
            links.append(Link(seed: seed))
        }
        for shard in links.indices { tend(shard) }
        machine.serveClaims(claims)
        machine.expire()
        machine.dropExpiredDevices(limit: RedisLog.expiryPortion)
        askServers()
        if !settings.server.sentinels.isEmpty { askSentinels() }
        if settings.isCluster { keepMap() }
        if machine.takeOldLayout() > 0 { tellOldLayout() }
        if machine.takeReplicaNews() { watchReplicas() }
        metrics.set(machine.isUp ? 1 : 0, .isUp)
        metrics.set(machine.waitingSamples, .waiting)
    }

    /// Tells when fewer replicas confirm than are wanted, and when all do again.
    private mutating func watchReplicas() {
        var least = settings.replicas
        for (index, shard) in machine.shards.enumerated() where shard.isOwner && shard.isReady {
            let watch = shard.replicas
            least = min(least, watch.confirmed)
            guard watch.isShort != shortServers.contains(index) else { continue }
            guard watch.isShort else {
                shortServers.remove(index)
                tell("Redis at \(shard.address): all replicas confirm again", isWarning: false)
                continue
            }
            shortServers.insert(index)
            tell(
                "Redis at \(shard.address): \(watch.confirmed) of \(settings.replicas) replicas confirm "
                    + "what is written (REDIS_REPLICAS); REDIS_REPLICAS_STRICT is "
                    + (watch.isStrict
                        ? "on: samples are refused" : "off: samples are stored all the same"),
                isWarning: watch.hasSeenAll || watch.isStrict)
        }
        metrics.set(least, .replicasConfirming)
        metrics.set(settings.replicas, .replicasWanted)
    }

    /// Leaves a master that its sentinels have deposed, though it still answers.
    private mutating func askSentinels() {
        if let look = sentinelLook, let answer = look.take() {
            sentinelLook = nil
            guard case .success(let places) = answer, let place = links[0].place,
                links[0].isReady, !places.contains(place)
            else { return }
            lose(0, "its sentinels name another master now: \(places.first?.host ?? "")")
        }
        guard sentinelLook == nil, nextSentinels <= now, links[0].isReady else { return }
        nextSentinels = now + RedisLog.sentinelsInterval
        sentinelLook = Resolution.begin(
            machine.shards[0].address, settings.server, wakeUp: wakeUp)
    }

    private mutating func tellOldLayout() {
        tell(
            "Redis has streams of an earlier version (tidemark:*): they are not read any more and "
                + "expire by themselves, and every series begins anew", isWarning: true)
    }

    private mutating func askServers() {
        if settings.replicas > 0, nextRoles <= now {
            nextRoles = now + RedisLog.rolesInterval
            machine.askForRoles()
            machine.askForReplicasSeen()
        }
        if nextIncidents <= now {
            nextIncidents = now + RedisLog.incidentsInterval
            machine.askForIncidents()
            machine.askForLeases()
        }
        if nextMemory <= now {
            nextMemory = now + RedisLog.memoryInterval
            machine.askForMemory()
            machine.askForAgreement()
        }
    }

    private mutating func keepMap() {
        guard nextMap <= now, machine.needsMap else { return }
        nextMap = now + RedisLog.mapInterval
        let count = machine.shards.count
        for step in 1...count {
            let shard = (lastMapShard + step) % count
            guard machine.shards[shard].isReady else { continue }
            lastMapShard = shard
            machine.askForMap(ShardID(shard))
            return
        }
    }

    /// Sends what has gathered, and watches what is to be watched.
    package mutating func flush(_ poller: borrowing Poller) {
        if mirrors, !mirror.isEmpty {
            let frame = AnalysisFrame(
                windowSize: parameters.windowSize, computedAt: machine.unixMilliseconds / 1000)
            mirror.publish(frame, to: &machine)
        }
        for shard in links.indices {
            guard let connection = links[shard].connection else { continue }
            commands.removeAll()
            if machine.fly(ShardID(shard), into: &commands) {
                connection.send(commands)
                connection.write()
                drain(shard)
            }
            guard let open = links[shard].connection else { continue }
            let token = Token(kind: tokenKind, generation: links[shard].generation, index: shard)
            do throws(SystemError) {
                try open.watch(poller, token)
            } catch {
                lose(shard, error.description)
            }
        }
    }

    /// When something is due; never when nothing is.
    package mutating func nextLook() -> Instant {
        var next = machine.nextLook()
        for link in links { next = min(next, link.deadline) }
        if links.contains(where: { $0.isReady }) {
            next = min(next, min(nextMemory, nextIncidents))
            if !settings.server.sentinels.isEmpty, sentinelLook == nil {
                next = min(next, nextSentinels)
            }
        }
        if machine.needsMap { next = min(next, nextMap) }
        return next
    }
}

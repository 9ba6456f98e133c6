internal import Bytes
internal import Wire
internal import System
internal import HTTP
internal import SeriesLog
internal import Synchronization

/// One event loop with its listener and its connections, on a thread of its own.
///
/// A turn: wait, serve what is ready, look at what is due. Nothing here blocks.
struct Worker: ~Copyable {
    private enum Kind {
        static let listener: UInt8 = 1
        static let wakeUp: UInt8 = 2
        static let connection: UInt8 = 3
        static let redis: UInt8 = 4
    }

    /// Connections taken from the queue in one turn, so that newcomers don't hold up the others.
    private static let acceptsPerTurn = 64
    /// After the limit or the descriptors were reached, how long the queue is left alone.
    private static let acceptPause = TimeSpan.milliseconds(100)
    /// While draining, an idle connection is kept so long: a request that is already on its way
    /// would otherwise meet a closed socket.
    private static let drainGrace = TimeSpan.milliseconds(500)
    /// Expired series are dropped in small portions, so that no request waits for it.
    private static let expiryInterval = TimeSpan.milliseconds(250)
    private static let expiryPortion = 256
    /// Looks for more before a flight; bounds what the first in it waits.
    private static let gatheringRounds = 8
    private static let viewInterval = TimeSpan.milliseconds(100)

    private var poller: Poller
    private var timers: TimerWheel
    private var connections = ConnectionTable()
    private var context: WorkerContext
    private var scratch = ByteBuffer(limit: Connection.readBytes)
    private var listener: FileDescriptor?
    private let wakeUp: WakeUp
    private var acceptsAgainAt: Instant?
    private var nextExpiry: Instant
    private var drain: Drain?
    /// One loop looks after what all share.
    private let dropsExpired: Bool
    private var nextView = Instant.zero

    private struct Drain {
        let started: Instant
        let deadline: Instant
    }

    init(
        _ shared: SharedState, index: Int, listener: consuming FileDescriptor,
        wakeUp: consuming WakeUp
    ) throws(SystemError) {
        let poller = try Poller()
        try poller.add(
            listener.number, .read, token: Token(kind: Kind.listener, generation: 0, index: 0))
        try poller.add(
            wakeUp.descriptor.number, .read,
            token: Token(kind: Kind.wakeUp, generation: 0, index: 0))
        self.poller = poller
        self.wakeUp = wakeUp
        self.listener = consume listener
        context = WorkerContext(
            shared, workerIndex: index,
            redis: Worker.openLog(shared, index, wakeUp: self.wakeUp.descriptor.number))
        timers = TimerWheel(now: context.now)
        nextExpiry = context.now + Worker.expiryInterval
        dropsExpired = index == 0
    }

    private static func openLog(_ shared: SharedState, _ index: Int, wakeUp: Int32) -> RedisLog? {
        guard let settings = shared.redisSettings else { return nil }
        var random = SystemRandomNumberGenerator()
        let metrics = shared.redisMetrics[index]
        let machine = LogMachine(
            shared.parameters, settings, writer: random.next() | 1, hashSeed: random.next(),
            metrics: metrics)
        return RedisLog(
            machine, settings, metrics: metrics, tokenKind: Kind.redis, wakeUp: wakeUp,
            isKeeper: index == 0, random: random.next())
    }

    /// Serves until the process drains and the last connection is gone.
    mutating func run() throws(SystemError) {
        tendRedis()
        while true {
            let count = try poller.wait(timeUntilNextLook())
            context.tellTime()
            for index in 0..<count { handle(poller.event(at: index)) }
            try gatherMore()
            lookAtWhatIsDue()
            tendRedis()
            if isFinished() { return }
        }
    }

    // MARK: Events

    private mutating func handle(_ event: Event) {
        switch event.token.kind {
        case Kind.connection: handleConnection(event)
        case Kind.redis: context.redis?.handle(event)
        case Kind.listener: acceptConnections(atMost: Worker.acceptsPerTurn)
        case Kind.wakeUp:
            wakeUp.clear()
            if context.shared.isDraining { startDraining() }
        default: break
        }
    }

    private mutating func handleConnection(_ event: Event) {
        let index = event.token.index
        // An event of a connection that was closed earlier in this turn.
        guard connections.holds(index, event.token.generation) else { return }
        let interest = connections[index].interest
        let fate = connections[index].handle(event, &scratch, &context)
        conclude(index, fate, interest)
    }

    /// Carries out what serving a connection led to.
    private mutating func conclude(_ index: Int, _ fate: ConnectionFate, _ before: Interest) {
        switch fate {
        case .close: close(index)
        case .keep:
            let token = connections[index].token
            let wanted = connections[index].interest
            if wanted != before {
                let number = connections[index].descriptor.number
                guard (try? poller.modify(number, wanted, token: token)) != nil else {
                    close(index)
                    return
                }
            }
            let deadline = connections[index].deadline
            if deadline < connections[index].lookAt {
                connections[index].lookAt = timers.schedule(token, at: deadline)
            }
        }
    }

    private mutating func close(_ index: Int) {
        // Dropping the connection closes its descriptor, which takes it out of epoll.
        guard var connection = connections.remove(index) else { return }
        connection.leave(&context)
        context.metrics.add(-1, .connections)
        context.shared.openConnections.subtract(1, ordering: .relaxed)
    }

    // MARK: Redis

    /// Before a flight to Redis starts, takes in what has arrived since the turn began: a flight costs
    /// much the same for one sample as for many. When nothing more is there, nothing is waited for.
    private mutating func gatherMore() throws(SystemError) {
        var rounds = 0
        while rounds < Worker.gatheringRounds, context.redis?.machine.canFly == true {
            let count = try poller.wait(TimeSpan(nanoseconds: 0))
            if count == 0 { return }
            for index in 0..<count { handle(poller.event(at: index)) }
            rounds += 1
        }
    }

    /// Answers what Redis has decided, and sends what this turn has gathered for it.
    private mutating func tendRedis() {
        guard context.redisMetrics != nil else { return }
        context.redis?.lookAtWhatIsDue()
        // Answering lets requests in that were waiting behind; their samples go with this flight.
        while let (ticket, waiting) = context.takeDecided() {
            let index = waiting.token.index
            if connections.holds(index, waiting.token.generation) {
                let interest = connections[index].interest
                let fate = connections[index].resume(ticket, waiting, &context)
                conclude(index, fate, interest)
            } else {
                context.countUnanswered(ticket, waiting)
            }
            context.release(ticket, waiting)
        }
        context.publishMirror()
        context.redis?.flush(poller)
        for notice in context.redis?.takeNotices() ?? [] {
            if notice.isWarning { Log.warning(notice.text) } else { Log.info(notice.text) }
        }
        if dropsExpired { shareView() }
    }

    /// Shows the other loops what this one knows of the fleet; for gauges, so now and then will do.
    private mutating func shareView() {
        guard nextView <= context.now, let redis = context.fleetView() else { return }
        nextView = context.now + Worker.viewInterval
        context.shared.seeFleet(redis.fleet)
        context.shared.seenDevices.store(redis.devices, ordering: .relaxed)
    }

    // MARK: Accepting

    private mutating func acceptConnections(atMost limit: Int) {
        var accepted = 0
        while accepted < limit {
            guard hasRoomForConnection() else {
                pauseAccepting()
                return
            }
            switch acceptOne() {
            case .connection(let descriptor, let peer): open(descriptor, peer)
            case .none: return
            case .exhausted(let code):
                Log.warning("cannot accept connections: \(SystemError("accept4", code))")
                pauseAccepting()
                return
            }
            accepted += 1
        }
    }

    private func acceptOne() -> Sockets.Acceptance {
        switch listener {
        case .some(let descriptor): Sockets.accept(descriptor)
        case .none: .none
        }
    }

    private func hasRoomForConnection() -> Bool {
        context.shared.openConnections.load(ordering: .relaxed)
            < context.shared.configuration.connectionLimit
    }

    private mutating func open(_ descriptor: consuming FileDescriptor, _ peer: PeerAddress) {
        let place = connections.reserve()
        let token = Token(kind: Kind.connection, generation: place.generation, index: place.index)
        guard (try? poller.add(descriptor.number, .read, token: token)) != nil else { return }
        var connection = Connection(
            descriptor, peer, token, context.shared.limits, now: context.now,
            idleTimeout: context.timeouts.idle)
        connection.lookAt = timers.schedule(token, at: connection.deadline)
        connections.insert(connection)
        context.metrics.add(1, .connections)
        context.shared.openConnections.add(1, ordering: .relaxed)
    }

    /// Leaves waiting connections in the kernel's queue for a while; a ready listener that nobody
    /// accepts from would keep the loop spinning.
    private mutating func pauseAccepting() {
        guard acceptsAgainAt == nil else { return }
        watchListener([])
        acceptsAgainAt = context.now + Worker.acceptPause
    }

    private func watchListener(_ interest: Interest) {
        let token = Token(kind: Kind.listener, generation: 0, index: 0)
        switch listener {
        case .some(let descriptor): try? poller.modify(descriptor.number, interest, token: token)
        case .none: break
        }
    }

    // MARK: Time

    private mutating func timeUntilNextLook() -> TimeSpan? {
        var next = timers.nextLook() ?? .never
        if let acceptsAgainAt { next = min(next, acceptsAgainAt) }
        if dropsExpired, (context.shared.memory?.deviceCount ?? 0) > 0 {
            next = min(next, nextExpiry)
        }
        if let due = context.redis?.nextLook() { next = min(next, due) }
        if let drain { next = min(next, min(drain.deadline, context.now + Worker.drainGrace)) }
        return next == .never ? nil : max(TimeSpan(nanoseconds: 0), next - Clock.now())
    }

    private mutating func lookAtWhatIsDue() {
        timers.advance(to: context.now)
        while let token = timers.popDue() { lookAt(token) }
        if let again = acceptsAgainAt, again <= context.now {
            acceptsAgainAt = nil
            watchListener(.read)
        }
        if dropsExpired, nextExpiry <= context.now, let log = context.shared.memory {
            let dropped = log.dropExpired(now: context.now, limit: Worker.expiryPortion)
            nextExpiry =
                dropped == Worker.expiryPortion
                ? context.now : context.now + Worker.expiryInterval
        }
        if let drain { closeIdle(drain) }
    }

    private mutating func lookAt(_ token: Token) {
        let index = token.index
        guard connections.holds(index, token.generation) else { return }
        // Another look is scheduled later: this one was for a deadline that has moved.
        guard connections[index].lookAt <= context.now else { return }
        connections[index].lookAt = .never
        let interest = connections[index].interest
        var fate = ConnectionFate.keep
        if connections[index].deadline <= context.now {
            fate = connections[index].timeOut(&context)
        }
        conclude(index, fate, interest)
    }

    // MARK: Draining

    /// Stops taking connections, after those that the kernel has already accepted for us.
    private mutating func startDraining() {
        guard drain == nil else { return }
        acceptConnections(atMost: Int.max)
        listener = nil
        acceptsAgainAt = nil
        context.redis?.publishNow()
        drain = Drain(
            started: context.now,
            deadline: context.now + context.shared.configuration.drainTimeout)
    }

    private mutating func closeIdle(_ drain: Drain) {
        let isOver = drain.deadline <= context.now
        guard isOver || drain.started + Worker.drainGrace <= context.now else { return }
        for index in 0..<connections.capacity where connections.isTaken(index) {
            if isOver || connections[index].isIdle { close(index) }
        }
    }

    private func isFinished() -> Bool {
        drain != nil && connections.count == 0
    }
}

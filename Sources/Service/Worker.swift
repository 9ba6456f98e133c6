internal import Bytes
internal import Numerics
internal import Wire
internal import System
internal import HTTP
internal import Store
internal import Synchronization
internal import TLS

/// The kinds of a worker's tokens.
private enum Kind {
    static let listener: UInt8 = 1
    static let connection: UInt8 = 2
    static let store: UInt8 = 3
}

/// Limits of a worker's turns.
private enum Pace {
    /// Connections accepted in one turn, so that new ones do not delay the others.
    static let acceptsPerTurn = 64
    /// When MAX_CONNECTIONS is reached or descriptors are used up, no connection is accepted for so
    /// long.
    static let acceptPause = TimeSpan.milliseconds(100)
    /// Connections beyond MAX_CONNECTIONS that are heard for probes, when all others are busy.
    static let probeRoom = 16
    /// Connections that are looked at to find one that rests, when there is no room for another.
    static let looksForIdle = 256
    /// While draining, an idle connection is kept for so long, because a request may already be on
    /// its way.
    static let drainGrace = TimeSpan.milliseconds(500)
    /// How often a worker looks for more requests before the store sends; it limits the wait of the
    /// first one.
    static let gatheringRounds = 8
}

/// What the worker does with a connection after it has been served.
enum ConnectionFate {
    case keep
    case close
}

/// One event loop with its listener and its connections, on a thread of its own.
///
/// Nothing here blocks.
struct Worker<Series: Store & ~Copyable>: EventHandler, ~Copyable {
    private var connections = ConnectionTable()
    private var scratch = ByteBuffer(limit: ConnectionLimits.readBytes)
    private var listener: FileDescriptor?
    private var acceptsAgainAt: Instant?
    private var drain: Drain?
    private var random: SeededRandom
    /// Where `idlestConnection` goes on.
    private var nextLook = -1
    /// The last field, because the store is in it (see there).
    private var responder: Responder<Series>

    private struct Drain {
        let started: Instant
        let deadline: Instant
    }

    /// - Parameter wakeUp: wakes the loop from other threads.
    init(
        _ shared: SharedState, _ store: Series.Shared, index: Int,
        listener: consuming FileDescriptor, wakeUp: Int32
    ) {
        self.listener = consume listener
        random = SeededRandom(seed: UInt64.random(in: 0...UInt64.max))
        let seat = StoreSeat(loop: index, wakeUp: wakeUp, tokenKind: Kind.store)
        responder = Responder(shared, Series(store, seat), loop: index, wakeUp: wakeUp)
    }

    /// Begins to listen and to connect the store; before the loop's first turn.
    mutating func start(_ loop: inout EventLoop) throws(SystemError) {
        switch listener {
        case .some(let descriptor):
            try loop.poller.add(descriptor.number, .read, token: Worker.listenerToken)
        case .none: break
        }
        tendStore(&loop)
    }

    // MARK: Turns

    mutating func timeToWait(_ loop: inout EventLoop) -> TimeSpan? {
        var next = responder.store.nextLook()
        if let acceptsAgainAt { next = min(next, acceptsAgainAt) }
        if let drain { next = min(next, min(drain.deadline, loop.now + Pace.drainGrace)) }
        return next == .never ? nil : max(TimeSpan(nanoseconds: 0), next - loop.now)
    }

    mutating func beginTurn(_ loop: inout EventLoop, eventCount: Int) {
        responder.tellTime(loop.now)
    }

    mutating func wake(_ loop: inout EventLoop) {
        if responder.shared.isDraining { startDraining(&loop) }
    }

    /// - Returns: false when the process drains and the last connection is gone.
    mutating func endTurn(_ loop: inout EventLoop) throws(SystemError) -> Bool {
        try gatherMore(&loop)
        if let again = acceptsAgainAt, again <= loop.now {
            acceptsAgainAt = nil
            watchListener(.read, loop)
        }
        tendStore(&loop)
        if let drain { closeIdle(drain) }
        return drain == nil || connections.count > 0 || responder.store.isServingOthers
    }

    // MARK: Events

    mutating func handle(_ event: Event, _ loop: inout EventLoop) {
        switch event.token.kind {
        case Kind.connection: handleConnection(event, &loop)
        case Kind.store: responder.store.handle(event)
        case Kind.listener: acceptConnections(atMost: Pace.acceptsPerTurn, &loop)
        default: break
        }
    }

    private mutating func handleConnection(_ event: Event, _ loop: inout EventLoop) {
        let index = event.token.index
        // The connection may have been closed earlier in this turn.
        guard connections.holds(index, event.token.generation) else { return }
        let interest = connections[index].interest
        let fate = connections[index].handle(event, scratch: &scratch, &responder)
        assert(scratch.isEmpty, "bytes of one connection would be another's")
        conclude(index, fate: fate, interestBefore: interest, &loop)
    }

    /// Closes the connection, or watches it for what it needs next.
    private mutating func conclude(
        _ index: Int, fate: ConnectionFate, interestBefore before: Interest, _ loop: inout EventLoop
    ) {
        switch fate {
        case .close: close(index)
        case .keep:
            let token = connections[index].token
            let wanted = connections[index].interest
            if wanted != before {
                let number = connections[index].number
                guard (try? loop.poller.modify(number, wanted, token: token)) != nil else {
                    close(index)
                    return
                }
            }
            if isOverBudget { closeSlowestReaders() }
            guard connections.isUsed(index) else { return }
            let deadline = connections[index].deadline
            if deadline < connections[index].lookAt {
                connections[index].lookAt = loop.timers.schedule(token, at: deadline)
            }
        }
    }

    /// Whether what has arrived and what is not read yet takes more than MAX_BUFFERED_BYTES. Of
    /// what arrives alone the newest is refused.
    private var isOverBudget: Bool {
        responder.unreadBytes > 0
            && responder.bufferedBytes + responder.unreadBytes > responder.bufferLimitBytes
    }

    /// Closes the connections whose clients have read nothing for longest, until the others fit.
    private mutating func closeSlowestReaders() {
        while isOverBudget {
            var slowest: Int?
            for index in 0..<connections.capacity
            where connections.isUsed(index) && connections[index].isUnread {
                if let found = slowest, connections[found].deadline <= connections[index].deadline {
                    continue
                }
                slowest = index
            }
            guard let slowest else { return }
            close(slowest)
            responder.metrics.add(1, .slowConnections)
        }
    }

    private mutating func close(_ index: Int) {
        // Dropping the connection closes its descriptor, which takes it out of epoll.
        guard var connection = connections.remove(index) else { return }
        connection.leave(&responder)
        if let client = connection.client { responder.shared.clients.leave(client) }
        responder.metrics.add(-1, .connections)
        responder.shared.openConnections.subtract(1, ordering: .relaxed)
    }

    // MARK: The store

    /// Before the store sends, serves the requests that arrived since the turn began: sending costs
    /// nearly the same for one sample as for many. It does not wait for requests.
    private mutating func gatherMore(_ loop: inout EventLoop) throws(SystemError) {
        var rounds = 0
        while rounds < Pace.gatheringRounds, responder.store.isGathering {
            if try loop.serveReady(&self) == 0 { return }
            rounds += 1
        }
    }

    /// Gives the store what was decoded beside the loop.
    @inline(never)
    private mutating func storeDecoded(_ loop: inout EventLoop) {
        for large in responder.takeDecoded() {
            let token = large.connection
            guard connections.holds(token.index, token.generation) else {
                responder.largeBodies.end(large)
                continue
            }
            let interest = connections[token.index].interest
            let fate = connections[token.index].resume(large, &responder)
            conclude(token.index, fate: fate, interestBefore: interest, &loop)
        }
    }

    /// Replies to the requests that the store has finished, and lets the store send.
    private mutating func tendStore(_ loop: inout EventLoop) {
        if responder.hasLargeBodies { storeDecoded(&loop) }
        responder.store.lookAtWhatIsDue()
        // After a reply the next requests of its connection are served; their samples are sent too.
        while let finished = responder.store.nextFinished(&responder.batch) {
            let token = responder.waiting.token(finished.ticket)
            guard connections.holds(token.index, token.generation) else {
                if case .stored = finished.outcome { responder.countStored() }
                continue
            }
            let interest = connections[token.index].interest
            let fate = connections[token.index].resume(finished.outcome, &responder)
            conclude(token.index, fate: fate, interestBefore: interest, &loop)
        }
        responder.store.endTurn(loop.poller)
        for notice in responder.store.takeNotices() {
            if notice.isWarning { Log.warning(notice.text) } else { Log.info(notice.text) }
        }
    }

    // MARK: Accepting

    private mutating func acceptConnections(atMost limit: Int, _ loop: inout EventLoop) {
        var accepted = 0
        while accepted < limit {
            let hasRoom = hasRoom(beyond: 0)
            let idlest = hasRoom ? nil : idlestConnection()
            let isExtra = !hasRoom && idlest == nil
            guard !isExtra || self.hasRoom(beyond: Pace.probeRoom) else {
                pauseAccepting(loop)
                return
            }
            switch acceptOne() {
            case .connection(let descriptor, let peer):
                if let idlest {
                    close(idlest)
                    responder.metrics.add(1, .crowdedConnections)
                }
                open(descriptor, peer: peer, isExtra: isExtra, &loop)
            case .none: return
            case .exhausted(let code):
                if responder.shared.tellsExhaustion(loop.now) {
                    Log.warning("cannot accept connections: \(SystemError("accept4", code))")
                }
                pauseAccepting(loop)
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

    private func hasRoom(beyond limit: Int) -> Bool {
        responder.shared.openConnections.load(ordering: .relaxed)
            < responder.shared.configuration.connectionLimit + limit
    }

    /// Of some connections that rest, the one that rests longest: it makes room for a new one.
    /// Those that never made a request go first, so that a flood of them costs nobody else's. Each
    /// time others are looked at.
    /// - Returns: nil when all of them are busy.
    private mutating func idlestConnection() -> Int? {
        var found: Int?
        for _ in 0..<min(Pace.looksForIdle, connections.capacity) {
            nextLook = nextLook + 1 < connections.capacity ? nextLook + 1 : 0
            guard connections.isUsed(nextLook), connections[nextLook].isIdle else { continue }
            if let best = found, !rests(nextLook, longerThan: best) { continue }
            found = nextLook
        }
        return found
    }

    private func rests(_ index: Int, longerThan other: Int) -> Bool {
        if connections[index].hasServed != connections[other].hasServed {
            return !connections[index].hasServed
        }
        return connections[index].deadline < connections[other].deadline
    }

    private mutating func open(
        _ descriptor: consuming FileDescriptor, peer: PeerAddress, isExtra: Bool,
        _ loop: inout EventLoop
    ) {
        let clients = responder.shared.clients
        let isCounted = !clients.isOff && !responder.shared.access.trusts(peer)
        let tls: ServerTLS?
        do throws(TLSError) {
            tls = try responder.shared.certificate.map { certificate throws(TLSError) in
                try ServerTLS(certificate)
            }
        } catch {
            // There is no memory for it.
            return
        }
        guard !isCounted || clients.enter(peer) else {
            responder.metrics.add(1, .crowdedConnections)
            // A client of TLS would not understand it.
            if tls == nil { responder.turnAway(descriptor) }
            return
        }
        let number = descriptor.number
        let cell = connections.reserve()
        let token = Token(kind: Kind.connection, generation: cell.generation, index: cell.index)
        guard (try? loop.poller.add(number, .read, token: token)) != nil else {
            if isCounted { clients.leave(peer) }
            return
        }
        var connection = Connection(
            ClientSocket(descriptor, tls: tls), peer: peer, token: token,
            limits: responder.shared.limits,
            now: responder.now,
            idleTimeout: responder.shared.timeouts.idle,
            agedFrom: isExtra ? .zero : nextEndOfUse(),
            awaitsProxyHeader: responder.shared.access.trusts(peer),
            client: isCounted ? peer : nil)
        connection.lookAt = loop.timers.schedule(token, at: connection.deadline)
        connections.insert(connection)
        responder.metrics.add(1, .connections)
        responder.shared.openConnections.add(1, ordering: .relaxed)
    }

    /// From when a connection that opens now is aged. Chance spreads it, so that clients that came
    /// together do not come again together.
    private mutating func nextEndOfUse() -> Instant {
        let age = responder.shared.configuration.connectionAge
        guard let span = age.spread(using: &random) else { return .never }
        return responder.now + span
    }

    /// Stops watching the listener for a while. If the loop watched it and did not accept, it would
    /// spin.
    private mutating func pauseAccepting(_ loop: borrowing EventLoop) {
        guard acceptsAgainAt == nil else { return }
        watchListener([], loop)
        acceptsAgainAt = responder.now + Pace.acceptPause
    }

    private func watchListener(_ interest: Interest, _ loop: borrowing EventLoop) {
        switch listener {
        case .some(let descriptor):
            try? loop.poller.modify(descriptor.number, interest, token: Worker.listenerToken)
        case .none: break
        }
    }

    private static var listenerToken: Token {
        Token(kind: Kind.listener, generation: 0, index: 0)
    }

    // MARK: Time

    mutating func timeOut(_ token: Token, _ loop: inout EventLoop) {
        let index = token.index
        guard connections.holds(index, token.generation) else { return }
        // The deadline has moved, and a later call is scheduled.
        guard connections[index].lookAt <= loop.now else { return }
        connections[index].lookAt = .never
        let interest = connections[index].interest
        var fate = ConnectionFate.keep
        if connections[index].deadline <= loop.now {
            fate = connections[index].timeOut(&responder)
        }
        conclude(index, fate: fate, interestBefore: interest, &loop)
    }

    // MARK: Draining

    /// Accepts the connections that wait in the kernel's queue, then no more.
    private mutating func startDraining(_ loop: inout EventLoop) {
        guard drain == nil else { return }
        acceptConnections(atMost: Int.max, &loop)
        listener = nil
        acceptsAgainAt = nil
        responder.store.startDraining()
        drain = Drain(
            started: responder.now,
            deadline: responder.now + responder.shared.configuration.drainTimeout)
    }

    private mutating func closeIdle(_ drain: Drain) {
        let isOver = drain.deadline <= responder.now
        guard isOver || drain.started + Pace.drainGrace <= responder.now else { return }
        for index in 0..<connections.capacity where connections.isUsed(index) {
            if isOver || connections[index].isIdle { close(index) }
        }
    }
}

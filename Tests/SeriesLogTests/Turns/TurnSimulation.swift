import Bytes
import Detection
import Numerics
import Wire

@testable import SeriesLog

/// Several replicas and the logs they share, in one thread: every step is one of the things that
/// can happen, chosen by chance, so that each order of events comes up sooner or later.
struct TurnSimulation {
    /// What can happen besides requests, cuts and trims.
    struct Kinds: OptionSet {
        let rawValue: Int
        static let crashes = Kinds(rawValue: 1)
        static let stalls = Kinds(rawValue: 2)
        static let zombies = Kinds(rawValue: 4)
        static let flushes = Kinds(rawValue: 8)
        static let rollbacks = Kinds(rawValue: 16)
        static let timeJumps = Kinds(rawValue: 32)
        static let detours = Kinds(rawValue: 64)
        /// One log for each group of devices, and one for the fleet.
        static let cluster = Kinds(rawValue: 128)
        static let deviceLimit = Kinds(rawValue: 256)
        static let evictions = Kinds(rawValue: 512)
        static let largeRequests = Kinds(rawValue: 1024)

        static let all = Kinds(rawValue: 2047 - 128)
    }

    /// Rules that are left out by the harness: each must be missed.
    enum Fault: CaseIterable {
        case none, noToken, noKeys, duplicatesToo, splitTrim, earlyExpiry
        case noLookAt, noFirst, noConfirm, keysFirst, keysAny, shortTail, ignoreGap, getAfter
        case skipUnheld, noFence, noPieces, noClock, ghostNames
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let seed: UInt64
    let kinds: Kinds
    let fault: Fault
    let settings: LogSettings
    var random: SeededRandom
    var stores: [ModelStore] = []
    var snapshots: [[ModelStore]] = []
    /// Counts the disasters of each log.
    var epochs: [Int] = []
    var replicas: [SimulatedReplica] = []
    var zombies: [Zombie] = []
    var wall = 1_700_000_000_000
    var births: UInt64 = 1_000
    var writers: UInt64 = 0
    var requests = 0
    var attempts = 0
    /// The request of each attempt; attempts are counted from 1.
    var requestOfAttempt = [0]
    /// Requests with a key.
    var keyed: Set<Int> = []
    /// Samples of requests that were ever counted, by log.
    var counted: [Set<SentSample>] = []
    var deviceNames: [[UInt8]] = []
    var pieceLimit = 3
    var retries: [ClientRequest] = []
    /// Parts that were stored, of all timelines, by log and attempt.
    var landings: [[Int: [Landing]]] = []
    let history = History()
    var isSettling = false
    /// Everything that was sent is in the logs.
    var isQuiet = false
    /// Processes that have ended; kept, because what they sent is known by them.
    var dead: [SimulatedReplica] = []
    var broken: String?
    var counts = SimulationCounts()

    struct Landing {
        let isCounted: Bool
        let position: LogPosition
        let index: Int
        let verdict: Verdict
    }

    /// A sample of a client's request, whichever attempt brought it.
    struct SentSample: Hashable {
        let request: Int
        let index: Int
    }

    /// The last events.
    final class History {
        var events: [String] = []
    }

    init(seed: UInt64, kinds: Kinds, fault: Fault = .none) {
        self.seed = seed
        self.kinds = kinds
        self.fault = fault
        var random = SeededRandom(seed: seed)
        settings = TurnSimulation.settings(&random, kinds)
        let logs = kinds.contains(.cluster) ? 3 : 1
        self.random = random
        for index in 0..<logs {
            var own = settings
            own.hasFleet = logs == 1 || index == logs - 1
            own.hasDevices = logs == 1 || index < logs - 1
            var store = ModelStore(own)
            store.faults = storeFaults
            stores.append(store)
        }
        snapshots = Array(repeating: [], count: logs)
        epochs = Array(repeating: 0, count: logs)
        landings = Array(repeating: [:], count: logs)
        counted = Array(repeating: [], count: logs)
        let devices = pick([2, 5, 12, 40])
        deviceNames = (0..<devices).map { Array("d\($0)".utf8) }
        pieceLimit = pick([2, 3, 1024])
        for _ in 0..<pick([2, 3, 5]) { replicas.append(makeReplica()) }
    }

    private static func settings(_ random: inout SeededRandom, _ kinds: Kinds) -> LogSettings {
        func pick<Value>(_ values: [Value]) -> Value { values[random.below(values.count)] }
        var settings = LogSettings()
        settings.parameters.windowSize = 3
        settings.parameters.minimumSamples = 2
        settings.timeToLive = 20_000
        settings.historyLimit = 1 << 20
        settings.leastHistory = pick([200, 600, 2_000])
        settings.historyPerSeries = 0
        settings.candidateSpan = pick([1, 4, 10])
        settings.snapshotSpan = pick([2, 5, 20])
        settings.listedLimit = pick([2, 6, 20])
        settings.groupLimit = pick([1, 3, 256])
        settings.readLimit = pick([2, 5, 256])
        settings.checkpointLimit = pick([1, 3, 512])
        settings.turnSamples = pick([4, 20, 8_192])
        settings.turnBytes = pick([150, 1 << 20])
        settings.readAlongSpan = pick([0, 3, 64])
        settings.unwantedSpan = pick([100, 2_000, 600_000])
        settings.heldLimit = pick([1, 3, 50])
        settings.historySlice = pick([1, 7, 8_192])
        settings.keyLimit = pick([3, 8, 30, 1_000_000])
        settings.deviceLimit = kinds.contains(.deviceLimit) ? pick([2, 4, 8]) : 1_000_000
        settings.hashSeed = random.next()
        return settings
    }

    private var storeFaults: ModelStore.Faults {
        switch fault {
        case .noToken: .noToken
        case .noKeys: .noKeys
        case .duplicatesToo: .duplicatesToo
        case .splitTrim: .splitTrim
        case .earlyExpiry: .earlyExpiry
        case .ghostNames: .birthOfNames
        default: []
        }
    }

    // MARK: Chance

    mutating func below(_ bound: Int) -> Int { random.below(bound) }
    mutating func chance(_ perMille: Int) -> Bool { random.below(1_000) < perMille }
    mutating func pick<Value>(_ values: [Value]) -> Value { values[random.below(values.count)] }

    func note(_ event: @autoclosure () -> String) {
        #if DEBUG
            if history.events.count >= 80 { history.events.removeFirst(40) }
            history.events.append(event())
        #endif
    }

    func fail(_ what: String) -> Failure {
        Failure(
            description: "\(what); seed \(seed), kinds \(kinds.rawValue), fault \(fault); last:\n"
                + history.events.suffix(40).joined(separator: "\n"))
    }

    // MARK: Replicas

    mutating func makeReplica() -> SimulatedReplica {
        let replica = SimulatedReplica(skew: below(400) - 200)
        for index in stores.indices {
            writers += 1
            var own = stores[index].settings
            own.writer = writers
            replica.logs.append(SimulatedLog(own, index: index))
        }
        return replica
    }

    var now: Instant { Instant(nanoseconds: Int64(wall) * 1_000_000) }

    func tellTime(_ replica: SimulatedReplica) {
        replica.tickets.tellDeadline(now + .seconds(5))
        for log in replica.logs { log.log.tellTime(unixMilliseconds: wall + replica.skew) }
    }

    // MARK: Running

    mutating func run(steps: Int) throws {
        for step in 0..<steps {
            wall += below(8)
            if step % 10 == 0 { takeSnapshots() }
            if chance(150), step < steps * 9 / 10 { try newRequest() }
            if chance(30), step < steps * 9 / 10 { ask() }
            if chance(100) { sendAgain() }
            misfortune()
            let number = below(replicas.count)
            let replica = replicas[number]
            guard replica.frozenUntil <= wall else { continue }
            tellTime(replica)
            try turn(replica, replica.logs[below(stores.count)])
            try answer(replica)
        }
        try settle()
        try checkAll()
    }

    private mutating func takeSnapshots() {
        guard kinds.contains(.rollbacks) else { return }
        for index in stores.indices {
            snapshots[index].append(stores[index])
            if snapshots[index].count > 5 { snapshots[index].removeFirst() }
        }
    }

    /// One of the things that a log's driver does next.
    mutating func turn(_ replica: SimulatedReplica, _ own: SimulatedLog) throws {
        if !own.isConnected {
            if isSettling || chance(400) { connect(own) }
            return
        }
        if own.isDead, !own.deliverable || chance(100) {
            cut(replica, own)
            return
        }
        if !own.isUnderWay {
            board(replica, own)
        } else if own.executed < own.commands.count, !own.isDead, !own.deliverable || chance(500) {
            for _ in 0..<(1 + below(4)) { try execute(own) }
        } else if own.deliverable {
            for _ in 0..<(1 + below(5)) where own.deliverable { try deliver(replica, own) }
        }
        if !isSettling, chance(10) { cut(replica, own) }
        if chance(20) {
            counts.expired += own.log.dropExpired(limit: 1 + below(3))
            own.log.dropAbandoned(&replica.tickets)
            own.log.checkInvariants()
        }
    }

    private mutating func board(_ replica: SimulatedReplica, _ own: SimulatedLog) {
        guard own.log.hasWork, own.log.board(&replica.tickets) else { return }
        own.send()
        note("\(label(own)) boards \(own.log.commands)")
        if fault == .getAfter { readCheckpointsLast(own) }
        guard kinds.contains(.detours), !isSettling, chance(80) else { return }
        if chance(500) {
            // A command that another server was asked for: it comes to its turn at any time.
            for (index, command) in own.log.commands.enumerated() {
                guard case .checkpoint = command, chance(500) else { continue }
                own.order.removeAll { $0 == index }
                own.order.insert(index, at: below(own.order.count + 1))
                own.detours.insert(index)
            }
        } else {
            let first = below(own.commands.count)
            let isAll = chance(500)
            for index in first..<own.commands.count where isAll || chance(300) {
                own.elsewhere.insert(index)
            }
        }
    }

    private func readCheckpointsLast(_ own: SimulatedLog) {
        let isCheckpoint = own.log.commands.map {
            if case .checkpoint = $0 { true } else { false }
        }
        own.order =
            own.order.filter { !isCheckpoint[$0] } + own.order.filter { isCheckpoint[$0] }
    }

    func label(_ own: SimulatedLog) -> String {
        "[\(own.log.settings.writer)/\(own.index) @\(own.log.position.birth)-\(own.log.position.number)]"
    }

    private mutating func execute(_ own: SimulatedLog) throws {
        guard own.executed < own.commands.count else { return }
        let index = own.order[own.executed]
        own.executed += 1
        var reply = LogReply.elsewhere
        if !own.elsewhere.contains(index) {
            reply = try execute(
                harm(own.commands[index], of: own), log: own.index, &own.session)
        }
        own.replies[index] = (disguise(reply, index, of: own), own.detours.contains(index))
    }

    private mutating func execute(
        _ command: ModelCommand, log: Int, _ session: inout ModelSession
    ) throws -> LogReply {
        births += 1
        var landed: [(LogPosition, [Reference.Part])] = []
        let reply = stores[log].execute(command, &session, now: wall, birth: births) {
            landed.append(($0, $1))
        }
        for (position, parts) in landed { keep(parts, position, log: log) }
        if let error = stores[log].error { throw fail(error) }
        return reply
    }

    private mutating func keep(_ parts: [Reference.Part], _ position: LogPosition, log: Int) {
        for part in parts {
            for (sample, verdict) in part.samples {
                let (attempt, index) = TurnSimulation.identity(of: sample)
                if part.isCounted { counted[log].insert(sent(attempt, index)) }
                landings[log][attempt, default: []].append(
                    Landing(
                        isCounted: part.isCounted, position: position, index: index,
                        verdict: verdict))
            }
        }
    }

    func sent(_ attempt: Int, _ index: Int) -> SentSample {
        SentSample(request: requestOfAttempt[attempt], index: index)
    }

    private mutating func deliver(_ replica: SimulatedReplica, _ own: SimulatedLog) throws {
        guard let (reply, isDetour) = own.replies[own.delivered] else { return }
        own.delivered += 1
        let isComplete = own.log.received(reply, isDetour: isDetour)
        guard isComplete == !own.isUnderWay else { throw fail("replies are counted wrongly") }
        guard isComplete else { return }
        own.log.landed(&replica.tickets)
        own.forgetFlight()
        if fault == .noConfirm, own.log.isFollowing {
            own.log.adoptUnconfirmed(first: own.log.unconfirmed.count)
        }
        if fault == .shortTail, own.log.isFollowing, own.log.trim == nil {
            own.log.forget(before: own.log.position.number)
        }
        if chance(50) || looksOften, !own.isDead, own.log.position == stores[own.index].last {
            try checkFolds(own)
        }
    }

    // MARK: Connections

    mutating func connect(_ own: SimulatedLog) {
        var isFenced = true
        if own.mustFence, !isSettling, kinds.contains(.zombies), chance(500) { isFenced = false }
        if isFenced { zombies.removeAll { $0.sender == ObjectIdentifier(own) } }
        own.log.connected(isFenced: isFenced || fault == .noFence)
        own.isConnected = true
        own.isDead = false
        own.session = ModelSession()
        own.mustFence = false
        note("\(label(own)) connected, fenced \(isFenced)")
    }

    mutating func cut(_ replica: SimulatedReplica, _ own: SimulatedLog) {
        guard own.isConnected else { return }
        note("\(label(own)) is cut after \(own.delivered) of \(own.commands.count)")
        own.mustFence = own.log.cut()
        if own.executed < own.commands.count, !own.isDead {
            zombies.append(
                Zombie(
                    log: own.index, commands: own.order[own.executed...].map { own.commands[$0] },
                    session: own.session, sender: ObjectIdentifier(own)))
        }
        own.forgetFlight()
        own.isConnected = false
        own.log.checkInvariants()
        counts.cuts += 1
    }

    /// A command that an old connection has left is executed.
    mutating func wakeZombie() throws {
        guard !zombies.isEmpty else { return }
        let index = below(zombies.count)
        var zombie = zombies.remove(at: index)
        let command = zombie.commands.removeFirst()
        note("a zombie executes \(String(describing: command).prefix(20))")
        _ = try execute(command, log: zombie.log, &zombie.session)
        if !zombie.commands.isEmpty { zombies.append(zombie) }
        counts.zombies += 1
    }
}

struct SimulationCounts {
    var verdicts = 0
    var duplicates = 0
    var refused = 0
    var answers = 0
    var histories = 0
    var cuts = 0
    var zombies = 0
    var expired = 0
    var trims = 0
    var lostTrims = 0
    var ends = 0
    var resets = 0
    var crashes = 0

    mutating func add(_ other: SimulationCounts) {
        verdicts += other.verdicts
        duplicates += other.duplicates
        refused += other.refused
        answers += other.answers
        histories += other.histories
        cuts += other.cuts
        zombies += other.zombies
        expired += other.expired
        trims += other.trims
        lostTrims += other.lostTrims
        ends += other.ends
        resets += other.resets
        crashes += other.crashes
    }
}

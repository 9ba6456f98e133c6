import Bytes
import Detection
import Numerics
import Redis
import SeriesLog
import Store

/// Several loops and one Redis, all in one thread: every step is one of the things that can happen,
/// chosen by chance, so that each order of events comes up sooner or later.
struct LogSimulation {
    struct Kinds {
        var cuts = true
        var flushes = false
        var restores = false
        /// The servers allow a connection to be closed by another.
        var fences = true
        var longPauses = true
    }

    /// What a client was told.
    struct Acknowledgment {
        let place: ModelRedis.Place
        let verdict: Verdict
        /// When it was asked for: what vanished since may have taken it along.
        let epoch: Int
    }

    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    private let settings: RedisSettings
    private let kinds: Kinds
    private var random: SeededRandom
    private(set) var redis: ModelRedis
    private var loops: [SimulatedLoop]
    private var earlier: ModelRedis?
    private var now = Instant(nanoseconds: 1_000_000_000)
    private var unixMilliseconds = 1_700_000_000_000
    private var nextTimestamp = 1_700_000_000.0
    private(set) var acknowledged: [Acknowledgment] = []
    private(set) var refused = 0

    init(
        seed: UInt64, loops count: Int, parameters: FoldParameters, settings: RedisSettings,
        kinds: Kinds
    ) {
        self.settings = settings
        self.kinds = kinds
        random = SeededRandom(seed: seed)
        redis = ModelRedis(parameters)
        loops = (0..<count).map {
            SimulatedLoop(parameters, settings, writer: UInt64($0 + 1), hashSeed: seed)
        }
    }

    private mutating func chance(_ percent: Int) -> Bool { random.next() % 100 < percent }
    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    mutating func run(steps: Int) throws {
        for loop in loops { connect(loop) }
        for _ in 0..<steps {
            try step()
        }
        try settle()
        try checkAll()
    }

    private mutating func tellTime(_ milliseconds: Int) {
        now = now + .milliseconds(milliseconds)
        unixMilliseconds += milliseconds
        for loop in loops { loop.tellTime(now, unixMilliseconds) }
    }

    private mutating func connect(_ loop: SimulatedLoop) {
        loop.tellTime(now, unixMilliseconds)
        if kinds.fences { loop.zombies.removeAll() }
        loop.machine.connected(0, isFenced: kinds.fences || loop.wasClean, replicas: 0)
        loop.wasClean = true
    }

    // MARK: Steps

    private mutating func step() throws {
        let loop = loops[below(loops.count)]
        switch below(100) {
        case 0..<25: addRequest(loop)
        case 25..<45: loop.fly()
        case 45..<70: execute(loop)
        case 70..<90: loop.deliver()
        case 90..<94: tellTime(1 + below(40))
        case 94..<96: if kinds.cuts { cut(loop) }
        case 96..<97: if kinds.longPauses, chance(30) { tellTime(600) }
        case 97..<98: executeZombie(loop)
        default: disturb()
        }
        if !loop.machine.shards[0].isReady, chance(20) { connect(loop) }
        if loop.machine.isStalled(0) { cut(loop) }
        loop.machine.expire()
        try collect(loop)
    }

    private mutating func addRequest(_ loop: SimulatedLoop) {
        var samples: [(Sample, [UInt8])] = []
        for _ in 0...below(4) {
            nextTimestamp += 1
            let sample = Sample(
                timestamp: nextTimestamp, cpu: Double(below(100)), rps: Double(below(1000)))
            let device = chance(30) ? [] : Array("device-\(below(3))".utf8)
            samples.append((sample, device))
        }
        loop.add(samples, epoch: redis.epoch)
    }

    private mutating func execute(_ loop: SimulatedLoop) {
        for _ in 0...below(6) {
            guard !loop.outgoing.isEmpty else { return }
            loop.incoming.append(redis.execute(loop.outgoing.removeFirst()))
        }
    }

    /// What the server still had from a connection that is gone is executed after all.
    private mutating func executeZombie(_ loop: SimulatedLoop) {
        guard !loop.zombies.isEmpty else { return }
        _ = redis.execute(loop.zombies.removeFirst())
    }

    private mutating func cut(_ loop: SimulatedLoop) {
        loop.zombies = loop.outgoing
        loop.outgoing.removeAll()
        loop.incoming.removeAll()
        loop.wasClean = !loop.machine.disconnected(0)
    }

    private mutating func disturb() {
        // No stream is made twice within a millisecond.
        tellTime(1)
        if kinds.flushes, chance(10) { redis.flush() }
        if kinds.flushes, chance(20) { redis.drop("tidemark:{device-\(below(3))}") }
        if kinds.restores, chance(20) { earlier = redis }
        if kinds.restores, chance(10), let earlier {
            redis.restore(earlier)
            for loop in loops { cut(loop) }
            // A server that went down has forgotten its connections.
            for loop in loops { loop.zombies.removeAll() }
        }
    }

    // MARK: Checking

    private mutating func collect(_ loop: SimulatedLoop) throws {
        while let (request, ticket) = loop.takeDecided() {
            if loop.machine.tickets[ticket].failure != nil {
                refused += 1
            } else {
                let verdicts = loop.machine.tickets[ticket].verdicts
                for (index, place) in request.places.enumerated() {
                    acknowledged.append(
                        Acknowledgment(
                            place: place, verdict: verdicts[index], epoch: request.epoch))
                }
                try check(acknowledged.suffix(verdicts.count))
            }
            loop.machine.tickets.release(ticket)
        }
    }

    /// All that was acknowledged since data last vanished is in the log, once, in its device's
    /// series and in the fleet's, and the verdict is the log's.
    private func check(_ list: ArraySlice<Acknowledgment>) throws {
        for one in list where one.epoch == redis.epoch {
            let found = redis.verdicts[one.place] ?? []
            guard found.count == 1 else {
                throw Fault(
                    description: "\(one.place): acknowledged, \(found.count) times there"
                        + story(one.place.key))
            }
            guard found[0] == one.verdict else {
                throw Fault(
                    description: "\(one.place): \(one.verdict) is not \(found[0])"
                        + story(one.place.key))
            }
            let inFleet = ModelRedis.Place(key: "tidemark:fleet", timestamp: one.place.timestamp)
            guard redis.verdicts[inFleet]?.count == 1 else {
                throw Fault(
                    description: "\(one.place) is not once in the fleet's series"
                        + story(inFleet.key))
            }
        }
    }

    /// The last of what was done to a series.
    private func story(_ key: String) -> String {
        let lines = redis.history.filter { $0.contains(key) || !$0.contains("tidemark") }
        return "\n" + lines.suffix(30).joined(separator: "\n")
    }

    private func checkAll() throws { try check(acknowledged[...]) }

    /// Lets everything come to rest.
    private mutating func settle() throws {
        for _ in 0..<400 {
            for loop in loops {
                if !loop.machine.shards[0].isReady { connect(loop) }
                loop.fly()
                while !loop.outgoing.isEmpty { execute(loop) }
                while !loop.incoming.isEmpty { loop.deliver() }
                loop.machine.expire()
                try collect(loop)
            }
            tellTime(5)
        }
        for loop in loops {
            guard loop.machine.waitingSamples == 0, !loop.isWaiting else {
                throw Fault(description: "a request is still waiting")
            }
        }
    }
}

/// One loop of a simulation, with what is on its way to the server and back.
final class SimulatedLoop {
    struct Request {
        var places: [ModelRedis.Place]
        var epoch: Int
    }

    var machine: LogMachine
    var outgoing: [[[UInt8]]] = []
    var incoming: [Reply] = []
    var zombies: [[[UInt8]]] = []
    /// The connection before was cut with nothing in flight.
    var wasClean = true
    private var requests: [Int32: Request] = [:]

    init(
        _ parameters: FoldParameters, _ settings: RedisSettings, writer: UInt64, hashSeed: UInt64
    ) {
        machine = LogMachine(
            parameters, settings, writer: writer, hashSeed: hashSeed, metrics: RedisMetrics())
    }

    var isWaiting: Bool { !requests.isEmpty }

    func tellTime(_ now: Instant, _ unixMilliseconds: Int) {
        machine.tellTime(now, unixMilliseconds: unixMilliseconds)
    }

    func add(_ samples: [(Sample, [UInt8])], epoch: Int) {
        guard let ticket = machine.openIfRoom(samples: samples.count) else { return }
        var places: [ModelRedis.Place] = []
        for (index, (sample, device)) in samples.enumerated() {
            machine.add(sample, device: device.span, ticket: ticket, position: index)
            let key = device.isEmpty ? "fleet" : "{\(String(decoding: device, as: UTF8.self))}"
            places.append(
                ModelRedis.Place(key: "tidemark:\(key)", timestamp: sample.timestamp))
        }
        requests[ticket] = Request(places: places, epoch: epoch)
        machine.close(ticket)
    }

    func fly() {
        var commands = CommandBuffer()
        if machine.fly(0, into: &commands) { outgoing += parseCommands(commands) }
    }

    func deliver() {
        guard !incoming.isEmpty, machine.shards[0].isReady else { return }
        machine.received(0, incoming.removeFirst())
    }

    func takeDecided() -> (Request, Int32)? {
        while let ticket = machine.tickets.takeDecided() {
            if let request = requests.removeValue(forKey: ticket) { return (request, ticket) }
        }
        return nil
    }
}

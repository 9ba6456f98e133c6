import Bytes
import Detection
import Numerics
import Redis
import Wire

@testable import SeriesLog
@testable import Store

/// Several processes and several servers, all in one thread: every step is one of the things that
/// can happen, chosen by chance, so that each order of events comes up sooner or later.
final class MachineSimulation {
    /// What can happen in a run.
    struct Kinds {
        var processes = 3
        var masters = 1
        var replicas = 0
        var strictness = ReplicaStrictness.off
        var isCluster = false
        /// Confirmations that are wanted.
        var wanted = 0
        var cuts = true
        /// The servers let a process close a connection of its own.
        var fences = true
        var flushes = false
        var failovers = false
        var migrations = false
        var restarts = true
        var pauses = true
        var fills = false
        /// Clocks of processes differ by so many milliseconds, at most.
        var skew = 0
        var newProcesses = true
        /// Devices that are known, and that a process has the folds of, at most.
        var deviceLimit = 1_000
        var heldLimit = 3

        /// Nothing gets lost, so nothing may fail.
        var isCalm: Bool {
            !cuts && !flushes && !failovers && !migrations && !restarts && !pauses && !fills
                && !newProcesses
        }
    }

    struct Faults {
        var servers = ModelCluster.Faults()
        var processes = SimulatedProcess.Faults()
        var expiryDivisor = 1
    }

    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    /// What a client was told.
    struct Acknowledgment {
        let timestamp: Int
        let log: String
        /// nil for a sample that had been stored before.
        let verdict: Verdict?
    }

    let kinds: Kinds
    let seed: UInt64
    let parameters: FoldParameters
    let settings: RedisSettings
    let cluster: ModelCluster
    var random: SeededRandom
    let faults: Faults
    var processes: [SimulatedProcess] = []
    var references: [String: LogReference] = [:]
    var acknowledged: [Acknowledgment] = []
    var requests: [SimulatedRequest] = []
    var retries: [SimulatedRequest] = []
    var nextTimestamp = 1_700_000_000
    var nextWriter: UInt64 = 1
    var failures: [String: Int] = [:]
    var hasFlushed = false
    var deviceCount: Int
    static let timeToLive = 12_000

    init(seed: UInt64, _ kinds: Kinds, _ faults: Faults = Faults()) {
        self.seed = seed
        self.kinds = kinds
        self.faults = faults
        random = SeededRandom(seed: seed)
        cluster = ModelCluster(
            seed: seed &+ 1, masters: kinds.masters, replicas: kinds.replicas,
            isCluster: kinds.isCluster)
        cluster.now = SimulatedProcess.epoch + 1_000
        cluster.faults = faults.servers
        for server in cluster.servers { server.data.expiryDivisor = faults.expiryDivisor }
        var parameters = FoldParameters()
        parameters.windowSize = 10
        parameters.minimumSamples = 3
        self.parameters = parameters
        deviceCount = 2 + random.below(6)
        settings = MachineSimulation.settings(kinds, cluster)
        for number in 0..<kinds.processes { processes.append(makeProcess(number)) }
    }

    static func settings(_ kinds: Kinds, _ cluster: ModelCluster) -> RedisSettings {
        var settings = RedisSettings()
        settings.server.isCluster = kinds.isCluster
        // All of them: a replica is of no use to a process that knows no other server.
        settings.server.servers =
            kinds.isCluster ? cluster.servers.map(\.address) : [cluster.servers[0].address]
        settings.server.timeout = .milliseconds(1_500)
        settings.timeToLive = .milliseconds(MachineSimulation.timeToLive)
        settings.historyBytes = 2_048
        settings.keyLimit = 400
        settings.replicas = kinds.wanted
        settings.strictness = kinds.strictness
        settings.deviceLimit = kinds.deviceLimit
        settings.log.heldLimit = kinds.heldLimit
        settings.log.candidateSpan = 24
        settings.log.snapshotSpan = 20
        settings.log.listedLimit = 16
        settings.log.groupLimit = 3
        return settings
    }

    func makeProcess(_ number: Int) -> SimulatedProcess {
        let process = SimulatedProcess(
            number: number, writer: nextWriter, in: cluster, parameters, settings)
        nextWriter += 1
        process.skew = kinds.skew > 0 ? random.below(2 * kinds.skew + 1) - kinds.skew : 0
        process.mayFence = kinds.fences
        process.faults = faults.processes
        process.tellTime()
        return process
    }

    func chance(_ percent: Int) -> Bool { random.below(100) < percent }

    // MARK: Running

    func run(steps: Int) throws {
        for _ in 0..<steps { try step() }
        try comeToRest()
    }

    func tellTime(_ milliseconds: Int) {
        cluster.now += milliseconds
        for process in processes { process.tellTime() }
    }

    func step() throws {
        let process = processes[random.below(processes.count)]
        let shard = process.links.isEmpty ? 0 : random.below(process.links.count)
        switch random.below(100) {
        case 0..<14: try submit(newRequest(), to: process)
        case 14..<17: ask(process)
        case 17..<36: process.fly(shard)
        case 36..<60:
            process.execute(
                pick(process) { !$0.outgoing.isEmpty }, atMost: 1 + random.below(8))
        case 60..<86:
            process.deliver(
                pick(process) { !$0.incoming.isEmpty }, atMost: 1 + random.below(8))
        case 86..<91: tellTime(1 + random.below(30))
        case 91..<92: if kinds.cuts { cut(process, shard) }
        case 92..<93: executeAbandoned()
        case 93..<95: try retry()
        case 95..<96: tendReplicas()
        default: try disturb(process)
        }
        if cluster.migration != nil, chance(4) { cluster.moveKey() }
        for log in cluster.trimmed { try checkCheckpoints(of: log) }
        cluster.trimmed = []
        guard processes[process.number] === process else { return }
        process.tend(patience: 6)
        try beginEarly(process)
        try collect(process)
    }

    /// A connection on which there is something to do.
    func pick(
        _ process: SimulatedProcess, _ isWanted: (ModelConnection) -> Bool
    ) -> Int {
        let busy = process.links.indices.filter {
            process.links[$0].connection.map(isWanted) ?? false
        }
        return busy.isEmpty ? 0 : busy[random.below(busy.count)]
    }

    func cut(_ process: SimulatedProcess, _ shard: Int) {
        guard shard < process.links.count, process.links[shard].connection != nil else { return }
        process.lose(shard)
    }

    /// What a server still had from a connection that its client has given up.
    func executeAbandoned() {
        let server = cluster.servers[random.below(cluster.servers.count)]
        let left = server.connections.filter { !$0.isOpen && !$0.outgoing.isEmpty }
        guard !left.isEmpty else { return }
        let connection = left[random.below(left.count)]
        for _ in 0..<1 + random.below(4) where !connection.outgoing.isEmpty {
            _ = cluster.execute(connection.outgoing.removeFirst(), on: connection)
        }
    }

    func tendReplicas() {
        let server = cluster.servers[random.below(cluster.servers.count)]
        if let master = cluster.master(of: server.group), server.isAttached {
            cluster.feed(server, of: master, changes: 1 + random.below(4))
        }
        if chance(50) { cluster.gossip(server) }
    }

    // MARK: Disturbances

    func disturb(_ process: SimulatedProcess) throws {
        // No log is made twice within a millisecond.
        tellTime(1)
        let group = random.below(kinds.masters)
        let server = cluster.servers[random.below(cluster.servers.count)]
        switch random.below(16) {
        case 0: if kinds.flushes, chance(25) { flush(group) }
        case 1: if kinds.failovers, chance(60) { failOver(group) }
        case 2, 3: if server.isZombie || !server.isUp { returnToGroup(server) }
        case 4: if kinds.restarts, chance(40) { cluster.restart(group) }
        case 5, 6: cluster.endLoading()
        case 7: if kinds.migrations { beginMigration() }
        case 8: if kinds.migrations, chance(50) { finishMigration() }
        case 9: if kinds.failovers, server.isAttached, chance(30) { cluster.detach(server) }
        case 10, 11:
            if !server.isMaster, !server.isAttached, server.isUp { returnToGroup(server) }
        case 12: if kinds.pauses { tellTime(800 + random.below(5_000)) }
        case 13: if kinds.pauses, chance(10) { tellTime(MachineSimulation.timeToLive + 500) }
        case 14: if kinds.newProcesses, chance(40) { replace(process) }
        default: fill(group)
        }
    }

    func fill(_ group: Int) {
        guard kinds.fills, let master = cluster.master(of: group) else { return }
        master.data.isFull = !master.data.isFull && chance(30)
    }

    func flush(_ group: Int) {
        hasFlushed = true
        // A log may not be made by a command that is older than the flush: its birth would be
        // before that of a log which others know.
        for process in processes {
            for shard in process.links.indices {
                let outgoing = process.links[shard].connection?.outgoing ?? []
                if outgoing.contains(where: { text($0[0]) == "EVAL" }) {
                    process.links[shard].connection?.close()
                }
            }
        }
        for server in cluster.servers {
            for connection in server.connections where !connection.isOpen { connection.close() }
        }
        // Logs of which some are gone, with what all agreed on, may begin anew in other places.
        if cluster.authority(of: "tm:meta") === cluster.master(of: group) {
            for other in 0..<kinds.masters { cluster.flush(other) }
        } else {
            cluster.flush(group)
        }
    }

    func failOver(_ group: Int) {
        cluster.failOver(group, leavesZombie: chance(40))
    }

    func returnToGroup(_ server: ModelServer) {
        // What its old clients had sent is refused by a replica.
        cluster.attach(server)
        for connection in server.connections where !connection.isOpen { connection.outgoing = [] }
    }

    func beginMigration() {
        let logs = cluster.servers.filter { $0.isMaster && !$0.isZombie }.flatMap { server in
            server.data.keys.filter { Journal.isLog($0) || $0 == "tm:meta" }
        }
        guard !logs.isEmpty else { return }
        let key = logs[random.below(logs.count)]
        cluster.beginMigration(
            of: SlotMap.slot(ofKey: Array(key.utf8).span), to: random.below(kinds.masters))
    }

    func finishMigration() {
        guard let migration = cluster.migration else { return }
        // A command may not be executed after the slot has gone and come back.
        for connection in cluster.servers[migration.source].connections where !connection.isOpen {
            connection.outgoing = []
        }
        cluster.finishMigration()
    }

    /// A process stops, and another one starts.
    func replace(_ process: SimulatedProcess) {
        cluster.note("process \(process.number) stops")
        for shard in process.links.indices { process.lose(shard) }
        for case .request(let request) in process.waiting.values where request.key != nil {
            retries.append(request)
        }
        for request in process.early { retries.append(request) }
        processes[process.number] = makeProcess(process.number)
    }

    // MARK: Requests

    func newRequest() -> SimulatedRequest {
        let count = chance(8) ? 18 + random.below(60) : 1 + random.below(5)
        var body: [UInt8] = []
        var samples: [(timestamp: Int, device: [UInt8])] = []
        for _ in 0..<count {
            nextTimestamp += 1
            var line = "{\"timestamp\":\(nextTimestamp),\"rps\":\(random.below(1000))"
            line += ",\"cpu\":\(random.below(100))"
            var device: [UInt8] = []
            if !chance(20) {
                let name = "device-\(random.below(deviceCount))"
                line += ",\"device_id\":\"\(name)\""
                device = Array(name.utf8)
            }
            body += Array((line + "}\n").utf8)
            samples.append((nextTimestamp, device))
        }
        let request = SimulatedRequest(
            number: requests.count, body: body, key: chance(50) ? random.next() : nil,
            samples: samples)
        requests.append(request)
        return request
    }

    func submit(_ request: SimulatedRequest, to process: SimulatedProcess) throws {
        if let failure = try process.begin(request) { try refused(request, failure, by: process) }
    }

    func beginEarly(_ process: SimulatedProcess) throws {
        guard !process.early.isEmpty, !process.machine.isStarting else { return }
        let early = process.early
        process.early = []
        for request in early { try submit(request, to: process) }
    }

    func retry() throws {
        guard !retries.isEmpty else { return }
        let request = retries.remove(at: random.below(retries.count))
        let process = processes[random.below(processes.count)]
        cluster.note("request \(request.number) is sent again, to process \(process.number)")
        try submit(request, to: process)
    }

    func refused(
        _ request: SimulatedRequest, _ failure: StoreFailure, by process: SimulatedProcess
    ) throws {
        failures["\(failure)", default: 0] += 1
        cluster.note("request \(request.number) of process \(process.number) fails: \(failure)")
        if request.key != nil, chance(80) { retries.append(request) }
        let isPlausible =
            switch failure {
            case .refused: kinds.fills
            case .notReplicated: kinds.wanted > 0
            case .tooFewReplicas: kinds.strictness != .off
            // The log may be trimmed beyond what a slow process has read.
            case .unsettled:
                !kinds.isCalm || process.machine.counts.contains { $0.gaps + $0.resets > 1 }
            case .unreachable, .timedOut, .queueFull: !kinds.isCalm
            case .noRoom, .evicts, .newerVersion, .opening, .diskFull, .fileGone, .fileFailed:
                false
            }
        if !isPlausible { throw fault("request \(request.number) failed: \(failure)") }
    }

    func ask(_ process: SimulatedProcess) {
        guard !process.machine.isStarting, process.machine.obstacle == nil else { return }
        if chance(15) {
            let ticket = process.machine.askForDevices(after: nil, limit: 100)
            process.waiting[ticket] = .other
            return
        }
        var device: [UInt8] = []
        if chance(70) { device = Array("device-\(random.below(deviceCount))".utf8) }
        let log = process.logKey(of: device)
        let before = reference(log).summaries[device]?.count ?? 0
        let ticket = process.machine.ask(about: device.isEmpty ? nil : device)
        process.waiting[ticket] = .question(
            SimulatedQuestion(device: device, log: log, samplesBefore: before))
    }
}

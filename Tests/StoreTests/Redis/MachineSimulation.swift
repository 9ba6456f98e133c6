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
    private(set) var processes: [SimulatedProcess] = []
    private var references: [String: LogReference] = [:]
    private var acknowledged: [Acknowledgment] = []
    private var requests: [SimulatedRequest] = []
    private var retries: [SimulatedRequest] = []
    private var nextTimestamp = 1_700_000_000
    private var nextWriter: UInt64 = 1
    private(set) var failures: [String: Int] = [:]
    private var hasFlushed = false
    private var wasFull = false
    private var deviceCount: Int
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

    private static func settings(_ kinds: Kinds, _ cluster: ModelCluster) -> RedisSettings {
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
        settings.deviceLimit = kinds.deviceLimit
        settings.log.heldLimit = kinds.heldLimit
        settings.log.candidateSpan = 24
        settings.log.snapshotSpan = 20
        settings.log.listedLimit = 16
        settings.log.groupLimit = 3
        return settings
    }

    private func makeProcess(_ number: Int) -> SimulatedProcess {
        let process = SimulatedProcess(
            number: number, writer: nextWriter, cluster, parameters, settings)
        nextWriter += 1
        process.skew = kinds.skew > 0 ? random.below(2 * kinds.skew + 1) - kinds.skew : 0
        process.mayFence = kinds.fences
        process.faults = faults.processes
        process.tellTime()
        return process
    }

    private func chance(_ percent: Int) -> Bool { random.below(100) < percent }

    // MARK: Running

    func run(steps: Int) throws {
        for _ in 0..<steps { try step() }
        try comeToRest()
    }

    private func tellTime(_ milliseconds: Int) {
        cluster.now += milliseconds
        for process in processes { process.tellTime() }
    }

    private func step() throws {
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
    private func pick(
        _ process: SimulatedProcess, _ isWanted: (ModelConnection) -> Bool
    ) -> Int {
        let busy = process.links.indices.filter {
            process.links[$0].connection.map(isWanted) ?? false
        }
        return busy.isEmpty ? 0 : busy[random.below(busy.count)]
    }

    private func cut(_ process: SimulatedProcess, _ shard: Int) {
        guard shard < process.links.count, process.links[shard].connection != nil else { return }
        process.lose(shard)
    }

    /// What a server still had from a connection that its client has given up.
    private func executeAbandoned() {
        let server = cluster.servers[random.below(cluster.servers.count)]
        let left = server.connections.filter { !$0.isOpen && !$0.outgoing.isEmpty }
        guard !left.isEmpty else { return }
        let connection = left[random.below(left.count)]
        for _ in 0..<1 + random.below(4) where !connection.outgoing.isEmpty {
            _ = cluster.execute(connection.outgoing.removeFirst(), on: connection)
        }
    }

    private func tendReplicas() {
        let server = cluster.servers[random.below(cluster.servers.count)]
        if let master = cluster.master(of: server.group), server.isAttached {
            cluster.feed(server, of: master, changes: 1 + random.below(4))
        }
        if chance(50) { cluster.gossip(server) }
    }

    // MARK: Disturbances

    private func disturb(_ process: SimulatedProcess) throws {
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

    private func fill(_ group: Int) {
        guard kinds.fills, let master = cluster.master(of: group) else { return }
        master.data.isFull = !master.data.isFull && chance(30)
        if master.data.isFull { wasFull = true }
    }

    private func flush(_ group: Int) {
        hasFlushed = true
        // Logs of which some are gone, with what all agreed on, may begin anew in other places.
        if cluster.authority(of: "tm:meta") === cluster.master(of: group) {
            for other in 0..<kinds.masters { cluster.flush(other) }
        } else {
            cluster.flush(group)
        }
    }

    private func failOver(_ group: Int) {
        cluster.failOver(group, leavesZombie: chance(40))
    }

    private func returnToGroup(_ server: ModelServer) {
        // What its old clients had sent is refused by a replica.
        cluster.attach(server)
        for connection in server.connections where !connection.isOpen { connection.outgoing = [] }
    }

    private func beginMigration() {
        let logs = cluster.servers.filter { $0.isMaster && !$0.isZombie }.flatMap { server in
            server.data.keys.filter { Journal.isLog($0) || $0 == "tm:meta" }
        }
        guard !logs.isEmpty else { return }
        let key = logs[random.below(logs.count)]
        cluster.beginMigration(
            of: SlotMap.slot(ofKey: Array(key.utf8).span), to: random.below(kinds.masters))
    }

    private func finishMigration() {
        guard let migration = cluster.migration else { return }
        // A command may not be executed after the slot has gone and come back.
        for connection in cluster.servers[migration.source].connections where !connection.isOpen {
            connection.outgoing = []
        }
        cluster.finishMigration()
    }

    /// A process stops, and another one starts.
    private func replace(_ process: SimulatedProcess) {
        cluster.note("process \(process.number) stops")
        for shard in process.links.indices { process.lose(shard) }
        for case .request(let request) in process.waiting.values where request.key != nil {
            retries.append(request)
        }
        for request in process.early { retries.append(request) }
        processes[process.number] = makeProcess(process.number)
    }

    // MARK: Requests

    private func newRequest() -> SimulatedRequest {
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

    private func submit(_ request: SimulatedRequest, to process: SimulatedProcess) throws {
        if let failure = try process.begin(request) { try refused(request, failure, process) }
    }

    private func beginEarly(_ process: SimulatedProcess) throws {
        guard !process.early.isEmpty, !process.machine.isStarting else { return }
        let early = process.early
        process.early = []
        for request in early { try submit(request, to: process) }
    }

    private func retry() throws {
        guard !retries.isEmpty else { return }
        let request = retries.remove(at: random.below(retries.count))
        let process = processes[random.below(processes.count)]
        cluster.note("request \(request.number) is sent again, to process \(process.number)")
        try submit(request, to: process)
    }

    private func refused(
        _ request: SimulatedRequest, _ failure: StoreFailure, _ process: SimulatedProcess
    ) throws {
        failures["\(failure)", default: 0] += 1
        cluster.note("request \(request.number) of process \(process.number) fails: \(failure)")
        if request.key != nil, chance(80) { retries.append(request) }
        let isPlausible =
            switch failure {
            case .refused: kinds.fills
            case .notReplicated: kinds.wanted > 0
            // The log may be trimmed beyond what a slow process has read.
            case .unsettled:
                !kinds.isCalm || process.machine.counts.contains { $0.gaps + $0.resets > 1 }
            case .unreachable, .timedOut, .queueFull: !kinds.isCalm
            case .noRoom, .evicts, .newerVersion: false
            }
        if !isPlausible { throw fault("request \(request.number) failed: \(failure)") }
    }

    private func ask(_ process: SimulatedProcess) {
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

    // MARK: Answers

    private func collect(_ process: SimulatedProcess) throws {
        while let ticket = process.machine.tickets.takeDecided() {
            let waiting = process.waiting.removeValue(forKey: ticket)
            let failure = process.machine.tickets.failure(of: ticket)
            switch waiting {
            case .request(let request):
                if let failure {
                    try refused(request, failure, process)
                } else {
                    try stored(request, ticket, process)
                }
            case .question(let question):
                if failure == nil { try answered(question, ticket, process) }
            case .other: _ = process.machine.takeListing(ticket)
            case nil: throw fault("a ticket is decided twice")
            }
            process.machine.tickets.release(ticket)
        }
    }

    private func stored(
        _ request: SimulatedRequest, _ ticket: TicketNumber, _ process: SimulatedProcess
    ) throws {
        request.wasStored = true
        let again = Set(process.machine.tickets.duplicates(of: ticket).map { Int($0) })
        let verdicts = process.machine.tickets[ticket].verdicts
        // The client may not have got the answer.
        if request.key != nil, chance(10) { retries.append(request) }
        for (index, sample) in request.samples.enumerated() {
            let one = Acknowledgment(
                timestamp: sample.timestamp, log: request.logs[index],
                verdict: again.contains(index) ? nil : verdicts[index])
            acknowledged.append(one)
            try check(one, "request \(request.number) of process \(process.number)")
            try checkPromise(one, process)
        }
    }

    private func answered(
        _ question: SimulatedQuestion, _ ticket: TicketNumber, _ process: SimulatedProcess
    ) throws {
        // After a disaster there may be less than there was.
        guard !hasFlushed, !kinds.failovers else { return }
        guard let summary = process.machine.tickets[ticket].summaries.first ?? nil else { return }
        if summary == .empty, question.samplesBefore == 0 { return }
        let known = reference(question.log).summaries[question.device] ?? []
        guard known.dropFirst(max(0, question.samplesBefore - 1)).contains(summary) else {
            let place = known.firstIndex(of: summary)
            throw fault(
                "process \(process.number) says of \"\(text(question.device))\" in "
                    + "\(question.log) what was so after \(place.map { $0 + 1 } ?? -1) samples; "
                    + "there were \(question.samplesBefore) when it was asked")
        }
    }

    // MARK: Checks

    func reference(_ log: String) -> LogReference {
        let reference =
            references[log]
            ?? LogReference(
                parameters, timeToLive: MachineSimulation.timeToLive, keyLimit: settings.keyLimit)
        references[log] = reference
        reference.update(cluster.authority(of: log)?.data.stream(log)?.story ?? [])
        return reference
    }

    /// All that was acknowledged is in the log, once, and the verdict is the log's.
    private func check(_ one: Acknowledgment, _ who: String) throws {
        let found = reference(one.log).verdicts[one.timestamp] ?? []
        let records = cluster.journal.bySample[one.timestamp] ?? []
        if found.isEmpty {
            // A failover or a flush took it along.
            if records.contains(where: { $0.key == one.log && !$0.isLost }) || records.isEmpty {
                throw fault("\(who): \(one.timestamp) is acknowledged, and not in \(one.log)")
            }
            return
        }
        guard found.count == 1 else {
            throw fault("\(who): \(one.timestamp) is \(found.count) times in \(one.log)")
        }
        guard let verdict = one.verdict, verdict != found[0] else { return }
        // It may have been lost and stored again, with other samples before it.
        if records.contains(where: { $0.key == one.log && $0.isLost }) { return }
        throw fault("\(who): \(one.timestamp) of \(one.log): \(verdict) is not \(found[0])")
    }

    /// What as many replicas as are there were to confirm, one has.
    private func checkPromise(_ one: Acknowledgment, _ process: SimulatedProcess) throws {
        guard kinds.wanted > 0 else { return }
        let records = (cluster.journal.bySample[one.timestamp] ?? []).filter { $0.key == one.log }
        guard !records.isEmpty, !records.contains(where: \.isFlushed) else { return }
        for record in records where !record.isLost {
            let server = cluster.servers[record.server]
            if record.offset <= server.confirmedOffset { return }
        }
        let holder = records.last { !$0.isLost } ?? records[records.count - 1]
        let address = cluster.servers[holder.server].address
        let shard = kinds.isCluster ? process.machine.map.nodes.firstIndex(of: address) : 0
        guard let shard, shard < process.links.count, process.confirmers[one.log] ?? 0 > 0,
            process.machine.shards[shard].replicas > 0
        else { return }
        throw fault("\(one.timestamp) of \(one.log) is acknowledged, and no replica has it")
    }

    /// Checkpoints and what is left of the log give what the whole log gives.
    private func checkCheckpoints(of log: String) throws {
        guard let kept = processes.lazy.compactMap({ $0.machine.logs.first }).first,
            let first = cluster.authority(of: log)?.data.stream(log)?.entries.first
        else { return }
        let wrong = reference(log).wrongCheckpoints(
            first: first.id.number, at: cluster.now, kept.log.settings
        ) { name in
            let key = "\(log):c:\(text(name))"
            return cluster.authority(of: key)?.data.list(key) ?? []
        }
        if let name = wrong.first {
            throw fault("the checkpoint of \(text(name)) in \(log) is wrong after a trim")
        }
    }

    func fault(_ what: String) -> Fault {
        Fault(description: "seed \(seed): \(what)")
    }

    /// The last of what was done, for whoever looks for the cause.
    func story(_ count: Int = 60, about words: [String] = []) -> String {
        let lines = cluster.history.filter { line in
            words.isEmpty || words.contains { line.contains($0) }
        }
        return lines.suffix(count).joined(separator: "\n")
    }
}

// MARK: Rest

extension MachineSimulation {
    /// Lets everything come to rest: first all but a slot that moves and stays where it is, in
    /// which requests must get through, then all.
    private func comeToRest() throws {
        cluster.isQuick = true
        for server in cluster.servers {
            server.data.isFull = false
            server.isLoading = false
            if !server.isAttached, server !== cluster.master(of: server.group) {
                returnToGroup(server)
            }
        }
        if chance(50) { finishMigration() }
        for server in cluster.servers {
            cluster.gossip(server)
            for connection in server.connections where !connection.isOpen {
                connection.outgoing = []
            }
        }
        retries = []
        try settle("at rest")
        for process in processes {
            let request = newRequest()
            cluster.note("request \(request.number) is the last of process \(process.number)")
            try submit(request, to: process)
            try settle("a request after that")
            guard request.wasStored else {
                throw fault("process \(process.number) stores nothing any more")
            }
        }
        finishMigration()
        for server in cluster.servers { cluster.gossip(server) }
        for process in processes { process.skew = 0 }
        try settle("at the end")
        try checkEnd()
    }

    private func settle(_ what: String) throws {
        for _ in 0..<400 {
            for process in processes {
                process.tend(patience: 1)
                try beginEarly(process)
                for shard in process.links.indices {
                    process.fly(shard)
                    process.execute(shard, atMost: .max)
                    process.deliver(shard, atMost: .max)
                }
                try collect(process)
            }
            tellTime(10)
            if processes.allSatisfy({ isAtRest($0) }) { break }
        }
        for process in processes where !isAtRest(process) {
            throw fault(
                "process \(process.number) does not come to rest (\(what)): "
                    + "\(process.waiting.count) wait, \(process.machine.waitingSamples) samples, "
                    + "up \(process.machine.isUp), "
                    + process.machine.logs.map { kept in
                        let ready = process.machine.shard(of: kept).map {
                            process.machine.shards[$0.index].isReady
                        }
                        return "\(text(kept.keys.log)) follows \(kept.log.isFollowing), knows "
                            + "\(kept.log.knowsDevices), ready \(ready ?? false)"
                    }.joined(separator: "; "))
        }
    }

    private func isAtRest(_ process: SimulatedProcess) -> Bool {
        process.waiting.isEmpty && process.early.isEmpty && process.machine.isUp
            && process.machine.waitingSamples == 0
    }

    private func checkEnd() throws {
        for one in acknowledged { try check(one, "at the end") }
        try checkSummaries()
        try checkDevices()
        try checkCounts()
    }

    private func checkSummaries() throws {
        for process in processes {
            for name in [[]] + (0..<deviceCount).map({ Array("device-\($0)".utf8) }) {
                try checkSummary(of: name, process)
            }
        }
    }

    private func checkSummary(of name: [UInt8], _ process: SimulatedProcess) throws {
        let log = process.logKey(of: name)
        let ticket = process.machine.ask(about: name.isEmpty ? nil : name)
        process.waiting[ticket] = .other
        var found: SeriesSummary?
        for _ in 0..<100 where process.waiting[ticket] != nil {
            process.tend(patience: 1)
            for shard in process.links.indices {
                process.fly(shard)
                process.execute(shard, atMost: .max)
                process.deliver(shard, atMost: .max)
            }
            if let decided = process.machine.tickets.takeDecided() {
                found = process.machine.tickets[decided].summaries.first ?? nil
                if decided == ticket { process.waiting[ticket] = nil }
                process.machine.tickets.release(decided)
            }
            tellTime(1)
        }
        let reference = reference(log)
        let isListed = name.isEmpty || reference.devices(at: cluster.now).contains(name)
        let expected = name.isEmpty ? reference.fleetSummary : reference.summary(of: name)
        guard isListed else { return }
        guard found == expected else {
            throw fault(
                "process \(process.number) says of \"\(text(name))\" "
                    + "\(String(describing: found)), not \(String(describing: expected))")
        }
    }

    /// All processes list the same devices, and those are the logs'.
    private func checkDevices() throws {
        var expected: Set<[UInt8]> = []
        for kept in processes[0].machine.logs where kept.log.settings.hasDevices {
            expected.formUnion(reference(text(kept.keys.log)).devices(at: cluster.now))
        }
        for process in processes {
            var listed: [[UInt8]] = []
            for kept in process.machine.logs {
                listed += kept.log.devices(after: nil, limit: .max) ?? []
            }
            guard Set(listed).count == listed.count else {
                throw fault("process \(process.number) lists a device twice")
            }
            guard Set(listed) == expected else {
                throw fault(
                    "process \(process.number) lists \(listed.map { text($0) }.sorted()), "
                        + "not \(expected.map { text($0) }.sorted())")
            }
        }
    }

    /// No sample is anywhere twice; and in the fleet's log once, when nothing got lost.
    private func checkCounts() throws {
        for kept in processes[0].machine.logs {
            let log = text(kept.keys.log)
            for (timestamp, found) in reference(log).verdicts where found.count > 1 {
                throw fault("\(timestamp) is \(found.count) times in \(log)")
            }
        }
        guard kinds.isCalm, let last = processes[0].machine.fleetLog else { return }
        let fleet = reference(text(processes[0].machine.logs[last.index].keys.log))
        for request in requests where request.wasStored {
            for sample in request.samples where fleet.verdicts[sample.timestamp]?.count != 1 {
                throw fault("\(sample.timestamp) is not once in the fleet's log")
            }
        }
    }
}

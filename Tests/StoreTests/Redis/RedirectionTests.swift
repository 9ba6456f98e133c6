import Bytes
import Detection
import Redis
import SeriesLog
import TestSupport
import Testing
import Wire

@testable import Store

/// What one reply makes of the commands that follow: redirections, refusals, lost connections and
/// confirmations, one at a time and without chance.
@Suite struct RedirectionTests {
    private static let moved = Reply.failure(
        .moved(slot: Int(LogKeys(tag: "0").hashSlot), Bench.addresses[1]))
    private static let ask = Reply.failure(.ask(Bench.addresses[1]))
    /// How a log is looked at anew: from the last known entry on, and at its first.
    private static let look = ["XRANGE tm:{0}", "XRANGE tm:{0}"]
    private static let append = "XADD tm:{0}"

    @Test("an append answered MOVED goes to the server named, after a look at the log there")
    func movedAppend() throws {
        let bench = try Bench()
        let ticket = try bench.append()
        bench.fly(0, expecting: [Self.append], answering: [Self.append: Self.moved])
        #expect(bench.wantsMap)
        bench.fly(0, expecting: [])
        bench.moveAll()
        bench.fly(1, expecting: Self.look)
        bench.fly(1, expecting: [Self.append])
        bench.fly(0, expecting: [])
        #expect(bench.ending(of: ticket) == .stored)
    }

    @Test("an append answered ASK goes once to the server named, after ASKING")
    func askedAppend() throws {
        let bench = try Bench()
        let ticket = try bench.append()
        bench.fly(0, expecting: [Self.append], answering: [Self.append: Self.ask])
        #expect(bench.ending(of: ticket) == .waiting)
        bench.fly(0, expecting: [])
        bench.moveAll()
        bench.fly(1, expecting: ["ASKING", Self.append])
        #expect(bench.ending(of: ticket) == .stored)
        bench.fly(1, expecting: [])
        _ = try bench.append()
        bench.fly(0, expecting: [Self.append])
    }

    @Test("a server named by ASK that names another gets no storm of commands")
    func circle() throws {
        let bench = try Bench()
        let ticket = try bench.append()
        bench.fly(0, expecting: [Self.append], answering: [Self.append: Self.ask])
        bench.fly(1, expecting: ["ASKING", Self.append], answering: [Self.append: Self.ask])
        bench.fly(1, expecting: [])
        bench.fly(0, expecting: Self.look)
        bench.fly(0, expecting: [Self.append])
        #expect(bench.ending(of: ticket) == .stored)
    }

    @Test("a checkpoint that went a detour counts after the log was looked at")
    func askedCheckpoint() throws {
        let bench = try Bench(devices: ["a"])
        let ticket = try bench.append(device: "a")
        let checkpoint = "LRANGE tm:{0}:c:a"
        bench.fly(
            0, expecting: [checkpoint, Self.append, "XRANGE tm:{0}"],
            answering: [checkpoint: Self.ask])
        bench.fly(1, expecting: ["ASKING", checkpoint])
        #expect(bench.ending(of: ticket) == .waiting)
        bench.fly(0, expecting: ["XRANGE tm:{0}"])
        #expect(bench.ending(of: ticket) == .stored)
    }

    @Test("a detour that is lost is settled when its connection is closed by the server")
    func lostDetour() throws {
        for isFenced in [true, false] {
            let bench = try Bench()
            let ticket = try bench.append()
            bench.fly(0, expecting: [Self.append], answering: [Self.append: Self.ask])
            bench.send(1, expecting: ["ASKING", Self.append])
            let mustFence = bench.machine.disconnected(ShardID(1))
            #expect(mustFence)
            bench.machine.connected(ShardID(1), isFenced: isFenced, replicas: 0)
            bench.fly(0, expecting: Self.look)
            guard isFenced else {
                #expect(bench.ending(of: ticket) == .failed(.unsettled))
                continue
            }
            bench.fly(0, expecting: [Self.append])
            #expect(bench.ending(of: ticket) == .stored)
        }
    }

    @Test("a detour to a server that cannot be reached is given up")
    func unreachableDetour() throws {
        let bench = try Bench()
        let ticket = try bench.append()
        _ = bench.machine.disconnected(ShardID(1))
        bench.fly(0, expecting: [Self.append], answering: [Self.append: Self.ask])
        bench.fly(0, expecting: [])
        // An attempt to connect has failed.
        let mustFence = bench.machine.disconnected(ShardID(1))
        #expect(!mustFence)
        bench.fly(0, expecting: Self.look)
        bench.fly(0, expecting: [Self.append])
        #expect(bench.ending(of: ticket) == .stored)
    }

    @Test("an entry that nobody takes in, in a log that a clock behind made anew, is sent again")
    func bornEarlier() throws {
        for isFenced in [true, false] {
            let bench = try Bench()
            // What one connection may still write makes a difference for entries that are not
            // found, and none for this one.
            let lost = try bench.append()
            bench.send(0, expecting: [Self.append])
            bench.reconnect(0, isFenced: isFenced)
            bench.fly(0, expecting: Self.look)
            if isFenced { bench.fly(0, expecting: [Self.append]) }
            #expect(bench.ending(of: lost) == (isFenced ? .stored : .failed(.unsettled)))
            try bench.bearEarlier("tm:{0}")
            let ticket = try bench.append()
            bench.fly(0, expecting: [Self.append])
            var ending = Bench.Ending.waiting
            for _ in 0..<10 where ending == .waiting {
                bench.answer(0, bench.send(0))
                ending = bench.ending(of: ticket)
            }
            #expect(ending == .stored, "\(isFenced)")
        }
    }

    @Test("an append answered READONLY wants a new connection, and is sent again there")
    func readOnly() throws {
        let bench = try Bench()
        let ticket = try bench.append()
        bench.fly(0, expecting: [Self.append], answering: [Self.append: .failure(.readOnly)])
        #expect(bench.wantsReconnect)
        bench.reconnect(0)
        #expect(!bench.wantsReconnect)
        bench.fly(0, expecting: Self.look)
        bench.fly(0, expecting: [Self.append])
        #expect(bench.ending(of: ticket) == .stored)
    }

    @Test("a server that is loading is left alone for a while")
    func loading() throws {
        let bench = try Bench()
        let ticket = try bench.append()
        let loading = Reply.error(Array("LOADING Redis is loading the dataset in memory".utf8))
        bench.fly(0, expecting: [Self.append], answering: [Self.append: loading])
        bench.wait(19)
        bench.fly(0, expecting: [])
        bench.wait(1)
        bench.fly(0, expecting: Self.look)
        bench.fly(0, expecting: [Self.append])
        #expect(bench.ending(of: ticket) == .stored)
    }

    @Test(
        "an entry under way when a new map comes ends where it was sent; the next is after a look")
    func adoptedMap() throws {
        let bench = try Bench()
        let first = try bench.append()
        let sent = bench.send(0, expecting: [Self.append])
        try bench.adopt(owner: 1)
        let second = try bench.append()
        bench.fly(1, expecting: [])
        bench.answer(0, sent)
        #expect(bench.ending(of: first) == .stored)
        bench.moveAll()
        bench.fly(1, expecting: Self.look)
        bench.fly(1, expecting: [Self.append])
        #expect(bench.ending(of: second) == .stored)
    }

    // MARK: Fences

    @Test("what one connection may still write is not forgotten when the next one is lost")
    func unfencedTwice() throws {
        let bench = try Bench()
        let ticket = try bench.append()
        bench.send(0, expecting: [Self.append])
        let mustFence = bench.machine.disconnected(ShardID(0))
        #expect(mustFence)
        bench.machine.connected(ShardID(0), isFenced: false, replicas: 0)
        bench.send(0, expecting: Self.look)
        _ = bench.machine.disconnected(ShardID(0))
        bench.machine.connected(ShardID(0), isFenced: true, replicas: 0)
        bench.fly(0, expecting: Self.look)
        #expect(bench.ending(of: ticket) == .failed(.unsettled))
    }

    @Test("a map that goes there and back makes no fence")
    func mapThereAndBack() throws {
        let bench = try Bench()
        let ticket = try bench.append()
        bench.send(0, expecting: [Self.append])
        _ = bench.machine.disconnected(ShardID(0))
        bench.machine.connected(ShardID(0), isFenced: false, replicas: 0)
        try bench.adopt(owner: 1)
        bench.send(1, expecting: Self.look)
        try bench.adopt(owner: 0)
        _ = bench.machine.disconnected(ShardID(1))
        bench.fly(0, expecting: Self.look)
        #expect(bench.ending(of: ticket) == .failed(.unsettled))
    }

    // MARK: Confirmations

    @Test("replicas confirm an entry that went a detour")
    func confirmedDetour() throws {
        for confirmed in [0, 1] {
            let bench = try Bench(replicas: 1)
            let ticket = try bench.append()
            bench.fly(0, expecting: [Self.append, "WAIT 1"], answering: [Self.append: Self.ask])
            bench.moveAll()
            bench.fly(
                1, expecting: ["ASKING", Self.append, "WAIT 1"],
                answering: ["WAIT 1": .integer(confirmed)])
            #expect(
                bench.ending(of: ticket) == (confirmed == 1 ? .stored : .failed(.notReplicated)))
        }
    }

    @Test("replicas confirm an entry that is found after its connection was lost")
    func confirmedWhenFound() throws {
        for confirmed in [0, 1] {
            let bench = try Bench(replicas: 1)
            let ticket = try bench.append()
            bench.execute(0, bench.send(0, expecting: [Self.append, "WAIT 1"]))
            bench.reconnect(0)
            bench.fly(
                0, expecting: Self.look + ["SET tm:{0}:w", "WAIT 1"],
                answering: ["WAIT 1": .integer(confirmed)])
            #expect(
                bench.ending(of: ticket) == (confirmed == 1 ? .stored : .failed(.notReplicated)))
        }
    }

    @Test("a WAIT that is refused confirms nothing, and its reason is told")
    func refusedWait() throws {
        let bench = try Bench(replicas: 1)
        let ticket = try bench.append()
        let refusal = Array("NOPERM User default has no permissions to run WAIT".utf8)
        bench.fly(0, expecting: [Self.append, "WAIT 1"], answering: ["WAIT 1": .error(refusal)])
        #expect(bench.ending(of: ticket) == .failed(.notReplicated))
        let told = bench.machine.takeRefusal()
        #expect(told == refusal)
    }

    // MARK: Agreement

    @Test("what all agree on is made again as it was")
    func agreementIsKept() throws {
        let bench = try Bench()
        bench.data[0].removeAll()
        bench.machine.askForAgreement()
        bench.machine.askForAgreement()
        bench.fly(0, expecting: ["GET tm:meta"])
        bench.fly(0, expecting: ["SET tm:meta"])
        let written = bench.data[0].string("tm:meta").map { text($0) }
        #expect(written == Bench.meta)
        bench.fly(0, expecting: ["GET tm:meta"])
    }
}

/// A machine with two servers, of which the first has every slot and a log of one entry.
private final class Bench {
    enum Ending: Equatable {
        case waiting
        case stored
        case failed(StoreFailure)
    }

    static let addresses = [
        NodeAddress(host: "127.0.0.1", port: 7000), NodeAddress(host: "127.0.0.1", port: 7001),
    ]
    static let meta = "1 logs=0"

    var machine: RedisMachine
    var data = [ModelRedis(), ModelRedis()]
    private var milliseconds = 1_000
    private var batch = SampleBatch()
    private var replicas: Int

    init(replicas: Int = 0, devices: [String] = []) throws {
        self.replicas = replicas
        var settings = RedisSettings()
        settings.server.isCluster = true
        settings.server.servers = Bench.addresses
        settings.replicas = replicas
        machine = RedisMachine(
            FoldParameters(), settings, writer: 1, hashSeed: 1, metrics: RedisMetrics())
        _ = data[0].execute(words("SET tm:meta") + [Array(Bench.meta.utf8)], now: 0)
        for device in devices { _ = data[0].execute(words("ZADD tm:{0}:d 999 \(device)"), now: 0) }
        wait(1)
        try adopt(owner: 0)
        for shard in 0...1 {
            machine.connected(ShardID(shard), isFenced: true, replicas: replicas)
        }
        while !machine.isUp {
            let sent = send(0)
            try #require(!sent.isEmpty)
            answer(0, sent)
        }
        while true {
            let sent = send(0)
            guard !sent.isEmpty else { break }
            answer(0, sent)
        }
    }

    var wantsMap: Bool { machine.wantsMap }
    var wantsReconnect: Bool { machine.shards[0].wantsReconnect }

    private func words(_ text: String) -> Words {
        text.split(separator: " ").map { Array($0.utf8) }
    }

    func wait(_ span: Int) {
        milliseconds += span
        machine.tellTime(
            Instant(nanoseconds: Int64(milliseconds) * 1_000_000), unixMilliseconds: milliseconds)
    }

    func adopt(owner: Int) throws {
        let address = Bench.addresses[owner]
        let ranges = Reply.array([
            .array([
                .integer(0), .integer(SlotMap.slotCount - 1),
                .array([.text(Array(address.host.utf8)), .integer(Int(address.port))]),
            ])
        ])
        machine.adopt(try #require(SlotMap(ranges, from: address)))
    }

    /// The second server has from now on what the first has.
    func moveAll() { data[1] = data[0] }

    func reconnect(_ shard: Int, isFenced: Bool = true) {
        _ = machine.disconnected(ShardID(shard))
        machine.connected(ShardID(shard), isFenced: isFenced, replicas: replicas)
    }

    /// The first server has a log with an earlier birth instead, as a clock behind makes it.
    func bearEarlier(_ log: String) throws {
        let first = data[0].execute(words("XRANGE \(log) - + COUNT 1"), now: milliseconds).reply
        guard case .array(let entries) = first, case .array(let entry)? = entries.first,
            case .array(let fields) = entry[1], case .text(let bytes) = fields[1]
        else { throw Failure("\(first)") }
        _ = data[0].execute(words("UNLINK \(log)"), now: milliseconds)
        _ = data[0].execute(words("XADD \(log) 5-1 t") + [bytes], now: milliseconds)
    }

    /// Takes in a sample of the fleet, which needs no checkpoint, or of a device.
    func append(device: String? = nil) throws -> TicketNumber {
        var body = "{\"timestamp\":1,\"rps\":1,\"cpu\":1"
        if let device { body += ",\"device_id\":\"\(device)\"" }
        let bytes = Array((body + "}").utf8)
        try batch.decode(bytes.span, now: 1)
        return machine.append(batch)
    }

    // MARK: Commands

    private func name(_ words: Words) -> String {
        words.prefix(2).map { text($0) }.joined(separator: " ")
    }

    /// What the machine sends to a server now.
    func send(_ shard: Int) -> [Words] {
        var commands = CommandBuffer()
        guard machine.fly(ShardID(shard), into: &commands) else { return [] }
        return parseCommands(commands)
    }

    /// The same; it must be these commands, named by their first two words. What all agree on may
    /// be asked for at any time.
    @discardableResult
    func send(
        _ shard: Int, expecting names: [String], at place: SourceLocation = #_sourceLocation
    ) -> [Words] {
        let sent = send(shard)
        let agreement = "GET tm:meta"
        let found = sent.map { name($0) }.filter { $0 != agreement || names.contains(agreement) }
        #expect(found == names, sourceLocation: place)
        return sent
    }

    /// The server executes commands, and its replies get lost.
    func execute(_ shard: Int, _ commands: [Words]) {
        for words in commands { _ = data[shard].execute(words, now: milliseconds) }
    }

    /// The server executes commands, but for those that have another answer here.
    func answer(_ shard: Int, _ commands: [Words], with answers: [String: Reply] = [:]) {
        for words in commands {
            let reply: Reply
            switch text(words[0]) {
            case _ where answers[name(words)] != nil: reply = answers[name(words)] ?? .null
            case "ASKING", "WATCH", "UNWATCH": reply = ModelRedis.ok
            case "WAIT": reply = .integer(replicas)
            default: reply = data[shard].execute(words, now: milliseconds).reply
            }
            machine.received(ShardID(shard), reply)
        }
    }

    func fly(
        _ shard: Int, expecting names: [String], answering answers: [String: Reply] = [:],
        at place: SourceLocation = #_sourceLocation
    ) {
        answer(shard, send(shard, expecting: names, at: place), with: answers)
    }

    func ending(of ticket: TicketNumber) -> Ending {
        guard let decided = machine.tickets.takeDecided() else { return .waiting }
        #expect(decided == ticket)
        let failure = machine.tickets.failure(of: ticket)
        machine.tickets.release(ticket)
        return failure.map { .failed($0) } ?? .stored
    }
}

import Bytes
import Detection
import Redis
import Store
import Testing

/// Commands beside the series, while Redis Cluster moves their slot from one master to another.
@Suite struct RedirectionTests {
    private static let owner = NodeAddress(host: "127.0.0.1", port: 7000)
    private static let next = NodeAddress(host: "127.0.0.1", port: 7001)
    private static let ask = Reply.failure(.ask(next))
    private static let ok = Reply.text(Array("OK".utf8))
    private static let asking = ["ASKING"]

    /// A machine with two servers: the first owns every slot.
    private func cluster() throws -> LogMachine {
        var settings = RedisSettings()
        settings.server.isCluster = true
        settings.server.servers = [RedirectionTests.owner, RedirectionTests.next]
        var machine = LogMachine(
            FoldParameters(), settings, writer: 1, hashSeed: 1, metrics: RedisMetrics())
        let ranges = Reply.array([
            .array([
                .integer(0), .integer(SlotMap.slotCount - 1),
                .array([.text(Array("127.0.0.1".utf8)), .integer(7000)]),
            ])
        ])
        machine.adopt(try #require(SlotMap(ranges, from: RedirectionTests.owner)))
        machine.connected(0, isFenced: true, replicas: 0)
        machine.connected(1, isFenced: true, replicas: 0)
        return machine
    }

    /// What the machine sends to a server now.
    private func sent(by machine: inout LogMachine, to shard: Int) -> [[String]] {
        var commands = CommandBuffer()
        guard machine.fly(shard, into: &commands) else { return [] }
        return parseCommands(commands).map { words in
            words.map { String(decoding: $0, as: UTF8.self) }
        }
    }

    private let note = FlaggedNote(device: Array("a".utf8), isAlert: true, text: Array("{}".utf8))

    @Test("a write answered ASK goes once to the server named, after ASKING")
    func followsWrites() throws {
        var machine = try cluster()
        machine.publish(note)
        let first = sent(by: &machine, to: 0)
        #expect(first.map(\.first) == ["XADD"])
        machine.received(0, RedirectionTests.ask)
        #expect(sent(by: &machine, to: 0) == [])
        #expect(sent(by: &machine, to: 1) == [RedirectionTests.asking] + first)
        machine.received(1, RedirectionTests.ok)
        machine.received(1, RedirectionTests.ok)

        machine.publish(note)
        #expect(sent(by: &machine, to: 1) == [], "the slot still is its owner's")
        #expect(sent(by: &machine, to: 0) == first)
    }

    @Test("a write that was under way to the server named is sent again, to the slot's owner")
    func survivesACut() throws {
        var machine = try cluster()
        machine.publish(note)
        let first = sent(by: &machine, to: 0)
        machine.received(0, RedirectionTests.ask)
        #expect(sent(by: &machine, to: 1).count == 2)
        machine.received(1, RedirectionTests.ok)
        _ = machine.disconnected(1)
        #expect(sent(by: &machine, to: 0) == first)
    }

    @Test("a server named that answers ASK itself ends no write, and gets no storm of them")
    func breaksTheCircle() throws {
        var machine = try cluster()
        machine.tellTime(Instant.zero + .seconds(1), unixMilliseconds: 1000)
        machine.publish(note)
        let first = sent(by: &machine, to: 0)
        machine.received(0, RedirectionTests.ask)
        #expect(sent(by: &machine, to: 1).count == 2)
        machine.received(1, RedirectionTests.ok)
        machine.received(1, RedirectionTests.ask)
        #expect(sent(by: &machine, to: 0) == first)
        machine.received(0, RedirectionTests.ask)
        #expect(sent(by: &machine, to: 1) == [], "the server named is left alone for a while")
        machine.tellTime(Instant.zero + .seconds(2), unixMilliseconds: 2000)
        #expect(sent(by: &machine, to: 1) == [RedirectionTests.asking] + first)
    }

    @Test("rank, page and number of the devices are read from the server named")
    func followsDeviceReads() throws {
        var machine = try cluster()
        let opened = machine.openIfRoom(samples: 0)
        let ticket = try #require(opened)
        machine.listDevices(after: Array("a".utf8), limit: 10, ticket: ticket)
        machine.close(ticket)
        let questions = sent(by: &machine, to: 0)
        #expect(questions.map(\.first) == ["ZREVRANK", "ZCARD"])
        machine.received(0, RedirectionTests.ask)
        machine.received(0, RedirectionTests.ask)
        let asked = sent(by: &machine, to: 1)
        #expect(
            asked == [
                RedirectionTests.asking, questions[0], RedirectionTests.asking, questions[1],
            ])
        for reply in [RedirectionTests.ok, .integer(3), RedirectionTests.ok, .integer(5)] {
            machine.received(1, reply)
        }
        let page = sent(by: &machine, to: 0)
        #expect(page == [["ZREVRANGE", questions[0][1], "4", "13"]])
        machine.received(0, RedirectionTests.ask)
        #expect(sent(by: &machine, to: 1) == [RedirectionTests.asking] + page)
        machine.received(1, RedirectionTests.ok)
        machine.received(1, .array([]))
        let decided = machine.tickets.takeDecided()
        #expect(decided == ticket)
        let failure = machine.tickets[ticket].failure
        #expect(failure == nil)
        let total = machine.tickets[ticket].total
        #expect(total == 5)
        let names = machine.tickets[ticket].names
        #expect(names == [])
    }

    @Test("flagged samples are read from the server named")
    func followsAnomalyReads() throws {
        var machine = try cluster()
        let opened = machine.openIfRoom(samples: 0)
        let ticket = try #require(opened)
        machine.listFlagged(count: 10, ticket: ticket)
        machine.close(ticket)
        let question = sent(by: &machine, to: 0)
        machine.received(0, RedirectionTests.ask)
        #expect(sent(by: &machine, to: 1) == [RedirectionTests.asking] + question)
        machine.received(1, RedirectionTests.ok)
        let fields = ["d", "a", "a", "1", "v", "{}"].map { Reply.text(Array($0.utf8)) }
        machine.received(1, .array([.array([.text(Array("1-1".utf8)), .array(fields)])]))
        let decided = machine.tickets.takeDecided()
        #expect(decided == ticket)
        let flagged = machine.tickets[ticket].flagged
        #expect(flagged == [note])
    }
}

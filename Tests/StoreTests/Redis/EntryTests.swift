import Bytes
import Redis
import SeriesLog
import Store
import Testing

@Suite struct EntryTests {
    private func id(_ text: String) -> EntryID? { EntryID(Array(text.utf8).span) }

    @Test("a place is read as Redis writes it, and nothing else is")
    func readsPlaces() {
        #expect(id("1700000000000000-12") == EntryID(birth: 1_700_000_000_000_000, number: 12))
        #expect(id("0-0") == .zero)
        let most: UInt64 = 999_999_999_999_999_999
        #expect(id("\(most)-\(most)") == EntryID(birth: most, number: most))
        for bad in [
            "", "-", "1", "1-", "-1", "1-2-3", "1 -2", "a-1", "1-*", "18446744073709551616-1",
            "18446744073709551615-1", "1-18446744073709551615", "9223372036854775807-1",
            "1000000000000000000-1", "1-1000000000000000000",
        ] { #expect(id(bad) == nil, "\(bad)") }
        #expect(EntryID(birth: 5, number: 9) < EntryID(birth: 6, number: 1))
    }

    @Test("slots are those of the cluster's specification")
    func computesSlots() {
        func slot(_ key: String) -> UInt16 { SlotMap.slot(ofKey: Array(key.utf8).span) }
        // CRC16("123456789") is 0x31C3 by the specification.
        #expect(slot("123456789") == 0x31C3 & 0x3FFF)
        #expect(slot("{user1000}.following") == slot("{user1000}.followers"))
        #expect(slot("foo{}{bar}") != slot("bar"))
        #expect(slot("foo{{bar}}zap") == slot("{bar"))
        #expect(slot("foo{bar}{zap}") == slot("bar"))
    }

    @Test("a map is read from CLUSTER SLOTS, and nonsense is none")
    func readsMaps() throws {
        let asked = NodeAddress(host: "10.0.0.1", port: 7000)
        func node(_ host: String, _ port: Int) -> Reply {
            .array([.text(Array(host.utf8)), .integer(port), .text([])])
        }
        let reply = Reply.array([
            .array([.integer(0), .integer(99), node("", 7000), node("10.0.0.9", 7001)]),
            .array([.integer(100), .integer(16_383), node("10.0.0.2", 7002)]),
        ])
        let map = try #require(SlotMap(reply, from: asked))
        #expect(map.owner(99).map { map.nodes[$0] } == asked)
        #expect(map.owner(100).map { map.nodes[$0].host } == "10.0.0.2")
        for bad in [
            Reply.null, .array([]), .array([.integer(1)]),
            .array([.array([.integer(0), .integer(16_384), node("x", 1)])]),
            .array([.array([.integer(5), .integer(4), node("x", 1)])]),
            .array([.array([.integer(0), .integer(1), node("x", 70_000)])]),
        ] { #expect(SlotMap(bad, from: asked) == nil) }
    }

    @Test("an error is told by its first word")
    func tellsErrors() {
        func failure(_ text: String) -> ReplyFailure { ReplyFailure(Array(text.utf8)) }
        let address = NodeAddress(host: "127.0.0.1", port: 6381)
        #expect(failure("MOVED 3999 127.0.0.1:6381") == .moved(slot: 3999, address))
        #expect(failure("ASK 3999 127.0.0.1:6381") == .ask(address))
        #expect(failure("READONLY You can't write") == .readOnly)
        #expect(failure("MOVED x") == .other(Array("MOVED x".utf8)))
        #expect(failure("OOM no") == .other(Array("OOM no".utf8)))
    }
}

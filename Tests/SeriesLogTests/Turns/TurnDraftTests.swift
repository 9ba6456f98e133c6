import Bytes
import Detection
import Testing
import Wire

@testable import SeriesLog

@Suite struct TurnDraftTests {
    private let head = TurnHead(mark: TurnMark(writer: 1, number: 1))

    /// Adds a part of so many samples, whose rps are the ticket's number.
    private func add(_ count: Int, ticket: Int32, key: UInt64? = nil, to draft: inout TurnDraft) {
        draft.begin(partOf: count, TicketNumber(index: ticket), key: key)
        for position in 0..<count {
            draft.add(
                Sample(timestamp: 1, cpu: 1, rps: Double(ticket)), device: Array("a".utf8).span,
                OwnItem(series: .none, position: Int32(position)))
        }
    }

    private func take(
        _ draft: inout TurnDraft, samples: Int = 100, bytes: Int = 10_000
    ) -> OwnTurn? {
        draft.takeTurn(head, after: .zero, samples: samples, bytes: bytes)
    }

    /// The tickets of an entry's parts, as its bytes tell them.
    private func tickets(_ turn: OwnTurn?) throws -> [Int] {
        guard let turn else { return [] }
        var decoded = DecodedTurn()
        try decoded.decode(turn.bytes.span)
        #expect(decoded.parts.map { $0.items } == turn.parts.map { $0.items })
        return decoded.parts.map { part in
            let item = Int(decoded.items[part.items.lowerBound])
            return part.kind == .end ? -1 : Int(turn.bytes.span.sample(at: item).rps)
        }
    }

    @Test("an entry has whole parts, as many as it may have and one at least")
    func limits() throws {
        var draft = TurnDraft()
        for (ticket, count) in [(1, 3), (2, 3), (3, 9), (4, 1)] as [(Int32, Int)] {
            add(count, ticket: ticket, to: &draft)
        }
        #expect(draft.itemCount == 16)
        #expect(try tickets(take(&draft, samples: 6)) == [1, 2])
        #expect(try tickets(take(&draft, samples: 6)) == [3])
        holds(draft.itemCount == 1)
        holds(try tickets(take(&draft, samples: 6)) == [4])
        holds(draft.isEmpty)
        #expect(take(&draft) == nil)
    }

    @Test("an entry has not more bytes than it may have, but for one part")
    func byteLimit() throws {
        var draft = TurnDraft()
        for ticket in Int32(1)...4 { add(2, ticket: ticket, to: &draft) }
        // A part of two samples: 3 bytes, and 27 for each.
        #expect(try tickets(take(&draft, bytes: 2 * 57)) == [1, 2])
        #expect(try tickets(take(&draft, bytes: 1)) == [3])
        #expect(try tickets(take(&draft)) == [4])
    }

    @Test("what is put back goes before what came later, in its order")
    func putBack() throws {
        var draft = TurnDraft()
        add(1, ticket: 1, to: &draft)
        add(2, ticket: 2, key: 22, to: &draft)
        add(1, ticket: 3, to: &draft)
        let first = take(&draft)
        let turn = try #require(first)
        add(1, ticket: 4, to: &draft)
        draft.putBack(turn, where: { _ in true })
        #expect(try tickets(take(&draft)) == [1, 2, 3, 4])
        add(1, ticket: 5, to: &draft)
        draft.putBack(turn, where: { $0.key != nil })
        #expect(draft.itemCount == 3)
        #expect(try tickets(take(&draft)) == [2, 5])
    }

    @Test("parts that nobody wants are taken out with their items")
    func removes() throws {
        var draft = TurnDraft()
        for ticket in Int32(1)...3 { add(Int(ticket), ticket: ticket, to: &draft) }
        draft.add(endOf: Array("gone".utf8).span, asOf: 5, .none)
        let removed = draft.remove { $0.ticket.index != 2 }
        #expect(removed.count == 1)
        #expect(removed.first?.items.map { $0.position } == [0, 1])
        #expect(draft.remove { !$0.isEnd }.first?.part.endsAsOf == 5)
        #expect(try tickets(take(&draft)) == [1, 3])
        #expect(draft.remove { _ in false }.isEmpty)
    }
}

@Suite struct TicketTableTests {
    @Test("a request is decided when its last part is finished, once")
    func decides() {
        var tickets = TicketTable()
        let ticket = tickets.open(samples: 2)
        tickets.add(parts: 2, to: ticket)
        tickets.finish(ticket)
        var verdict = Verdict()
        verdict.sequence = 7
        tickets.deliver(verdict, to: ticket, at: 1)
        tickets.finish(ticket)
        #expect(tickets.takeDecided() == nil)
        tickets.markDuplicate(ticket, 0)
        tickets.finish(ticket)
        #expect(tickets.takeDecided() == ticket)
        #expect(tickets.takeDecided() == nil)
        #expect(tickets.failure(of: ticket) == nil)
        #expect(tickets.duplicates(of: ticket) == [0])
        var verdicts: [Verdict] = []
        tickets.takeVerdicts(of: ticket, into: &verdicts)
        #expect(verdicts.map { $0.sequence } == [0, 7])
        #expect(tickets.openCount == 1)
        tickets.release(ticket)
        #expect(tickets.openCount == 0)
    }

    @Test("the first failure is the one that is told, after the last part")
    func fails() {
        var tickets = TicketTable()
        let ticket = tickets.open(samples: 2)
        tickets.add(parts: 2, to: ticket)
        tickets.fail(ticket, .unsettled)
        tickets.fail(ticket, .refused)
        #expect(tickets.takeDecided() == nil)
        tickets.finish(ticket)
        #expect(tickets.takeDecided() == ticket)
        #expect(tickets.failure(of: ticket) == .unsettled)
    }

    @Test("a ticket whose time is over is used again only when its last part is finished")
    func expires() {
        var tickets = TicketTable()
        tickets.tellDeadline(Instant(nanoseconds: 100))
        let late = tickets.open(samples: 1)
        tickets.add(parts: 1, to: late)
        tickets.finish(late)
        tickets.tellDeadline(Instant(nanoseconds: 200))
        let other = tickets.open(samples: 1)
        #expect(tickets.nextDeadline() == Instant(nanoseconds: 100))
        #expect(tickets.expire(now: Instant(nanoseconds: 99)) == 0)
        #expect(tickets.expire(now: Instant(nanoseconds: 150)) == 1)
        #expect(tickets.takeDecided() == late)
        #expect(tickets.failure(of: late) == .timedOut)
        #expect(tickets.isAbandoned(late))
        #expect(!tickets.isAbandoned(other))
        tickets.release(late)
        #expect(tickets.open(samples: 1) != late)
        tickets.deliver(Verdict(), to: late, at: 0)
        tickets.finish(late)
        #expect(tickets.takeDecided() == nil)
        #expect(tickets.open(samples: 1) == late)
    }

    @Test("nobody's parts are nothing")
    func nobody() {
        var tickets = TicketTable()
        tickets.add(parts: 3, to: .none)
        tickets.finish(.none)
        tickets.fail(.none, .refused)
        tickets.deliver(Verdict(), to: .none, at: 0)
        tickets.markDuplicate(.none, 0)
        #expect(tickets.takeDecided() == nil)
        #expect(tickets.nextDeadline() == .never)
    }
}

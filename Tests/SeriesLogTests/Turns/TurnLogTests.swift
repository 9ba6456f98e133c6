import Bytes
import Detection
import Testing
import Wire

@testable import SeriesLog

/// One event at a time: what the log asks for next, and what it makes of the replies.
@Suite struct TurnLogTests {
    /// A log with its tickets.
    private final class Subject {
        var log: TurnLog
        var tickets = TicketTable()

        init(_ change: (inout LogSettings) -> Void = { _ in }) {
            var settings = LogSettings()
            settings.writer = 7
            change(&settings)
            log = TurnLog(settings)
            log.tellTime(unixMilliseconds: 1_000_000)
        }

        /// The next flight's commands.
        func board() -> [LogCommand] { log.board(&tickets) ? log.commands : [] }

        func land(_ replies: [LogReply]) {
            for (index, reply) in replies.enumerated() {
                #expect(log.received(reply) == (index == replies.count - 1))
            }
            log.landed(&tickets)
        }

        @discardableResult
        func append(_ device: String, key: UInt64? = nil) -> TicketNumber {
            let ticket = tickets.open(samples: 1)
            log.begin(partOf: 1, ticket, key: key, &tickets)
            let name = Array(device.utf8)
            log.add(Sample(timestamp: 5, cpu: 1, rps: 2), device: name.span, position: 0)
            tickets.finish(ticket)
            return ticket
        }

        /// The outcome of a request that is decided.
        func outcome() -> (ticket: TicketNumber, sequence: Int, failure: StoreFailure?)? {
            guard let ticket = tickets.takeDecided() else { return nil }
            var verdicts: [Verdict] = []
            tickets.takeVerdicts(of: ticket, into: &verdicts)
            return (ticket, verdicts.first?.sequence ?? 0, tickets.failure(of: ticket))
        }

        /// Asks for a device's series as it is, or for what there is of it.
        @discardableResult
        func ask(_ device: String, isOfHistory: Bool = false) -> TicketNumber {
            let ticket = tickets.open(samples: 0)
            let name = Array(device.utf8)
            if isOfHistory {
                log.ask(forHistoryOf: name.span, withStart: true, ticket, &tickets)
            } else {
                log.ask(about: name.span, ticket, &tickets)
            }
            tickets.finish(ticket)
            return ticket
        }

        /// Makes and reads a log of birth 50; its names are asked for next.
        func openWithoutNames() {
            _ = board()
            land([.entries([])])
            _ = board()
            land([.done, .entries([TurnLogTests.stored(1, [])])])
            _ = board()
            land([.list([]), .entries([]), .entries([TurnLogTests.stored(1, [])])])
        }

        /// Follows a log that was just made, of birth 50.
        func open(knowing devices: [String] = []) {
            openWithoutNames()
            _ = board()
            let names = devices.map { (name: Array($0.utf8), activity: 999_000) }
            land([.names(next: 0, names), .entries([TurnLogTests.stored(1, [])])])
        }
    }

    private static func stored(_ number: UInt64, _ bytes: [UInt8]) -> StoredTurn {
        StoredTurn(position: LogPosition(birth: 50, number: number), bytes: bytes)
    }

    /// An entry of another process.
    private func foreign(
        _ number: UInt64, device: String, trimmedTo: UInt64 = 1, key: UInt64? = nil
    ) -> StoredTurn {
        var buffer = ByteBuffer(limit: 1 << 16)
        buffer.append(
            TurnHead(
                mark: TurnMark(writer: 9, number: number), arrival: 1_000_000,
                trimmedTo: trimmedTo, isTrimming: false, foldVersion: 4))
        buffer.append(partOf: 1, key: key)
        buffer.append(
            turnSample: Sample(timestamp: 5, cpu: 1, rps: 2), device: Array(device.utf8).span)
        return TurnLogTests.stored(number, Array(buffer.readable))
    }

    private func appended(_ number: UInt64) -> LogReply {
        .appended(LogPosition(birth: 50, number: number))
    }

    @Test("a log that is not there is made, read, and followed")
    func opens() {
        let subject = Subject()
        #expect(subject.board() == [.read(from: 0, isExcluded: false, limit: 256)])
        subject.land([.entries([])])
        #expect(subject.board() == [.create, .read(from: 0, isExcluded: false, limit: 256)])
        subject.land([.done, .entries([TurnLogTests.stored(1, [])])])
        holds(
            subject.board()
                == [.fleetCheckpoint, .keys, .read(from: 1, isExcluded: false, limit: 256)])
        holds(!subject.log.isFollowing)
        subject.land([.list([]), .entries([]), .entries([TurnLogTests.stored(1, [])])])
        holds(subject.log.isFollowing)
        holds(!subject.log.knowsDevices)
        #expect(
            subject.board() == [.names(cursor: 0), .read(from: 1, isExcluded: false, limit: 256)])
        subject.land([.names(next: 0, []), .entries([TurnLogTests.stored(1, [])])])
        holds(subject.log.knowsDevices)
        #expect(subject.log.counts.notUnderstood == 0)
        #expect(subject.board() == [])
    }

    @Test("a log that is another one by the time its checkpoint is read is read from its beginning")
    func opensAnother() {
        let subject = Subject()
        _ = subject.board()
        subject.land([.entries([TurnLogTests.stored(1, []), TurnLogTests.stored(2, [])])])
        _ = subject.board()
        // It was flushed, and made again by another process.
        let other = StoredTurn(position: LogPosition(birth: 60, number: 1), bytes: [])
        subject.land([.list([]), .entries([]), .entries([other])])
        holds(!subject.log.isFollowing)
        #expect(subject.board() == [.read(from: 0, isExcluded: false, limit: 256)])
    }

    @Test("a series that is known to be new is folded without a checkpoint")
    func appendsNew() {
        let subject = Subject()
        subject.open()
        let ticket = subject.append("a")
        #expect(subject.board() == [.append])
        subject.land([appended(2)])
        let outcome = subject.outcome()
        #expect(outcome?.ticket == ticket)
        #expect(outcome?.sequence == 1)
        #expect(outcome?.failure == nil)
        #expect(subject.log.position == LogPosition(birth: 50, number: 2))
        #expect(subject.log.deviceCount == 1)
    }

    @Test("what others wrote before is read first")
    func readsAlong() {
        let subject = Subject()
        subject.open()
        subject.append("a")
        #expect(subject.board() == [.append])
        let bytes = subject.log.turnBytes
        subject.land([appended(3)])
        #expect(subject.outcome() == nil)
        #expect(subject.board() == [.read(from: 1, isExcluded: false, limit: 256)])
        subject.land([
            .entries([
                TurnLogTests.stored(1, []), foreign(2, device: "a"), TurnLogTests.stored(3, bytes),
            ])
        ])
        #expect(subject.outcome()?.sequence == 2)
        // For a while everything is read along.
        subject.append("a")
        #expect(subject.board() == [.append, .read(from: 3, isExcluded: true, limit: 256)])
    }

    @Test("a log that is gone is looked for again, and the entry is sent again")
    func sendsAgain() {
        let subject = Subject()
        subject.open()
        subject.append("a")
        _ = subject.board()
        subject.land([.nothing])
        holds(!subject.log.isFollowing)
        #expect(subject.board() == [.read(from: 0, isExcluded: false, limit: 256)])
        #expect(subject.log.waitingItems == 1)
    }

    @Test("after a cut the entry that was folded last, and the first, are looked at")
    func checks() {
        let subject = Subject()
        subject.open()
        holds(!subject.log.cut())
        subject.log.connected(isFenced: true)
        let check: [LogCommand] = [.read(from: 1, isExcluded: false, limit: 256), .first]
        #expect(subject.board() == check)
        subject.land([
            .entries([TurnLogTests.stored(1, [])]), .entries([TurnLogTests.stored(1, [])]),
        ])
        holds(subject.log.isFollowing)
        // Another log of the same name.
        _ = subject.log.cut()
        subject.log.connected(isFenced: true)
        #expect(subject.board() == check)
        let other = StoredTurn(position: LogPosition(birth: 60, number: 1), bytes: [])
        subject.land([.entries([other]), .entries([other])])
        holds(!subject.log.isFollowing)
    }

    @Test("an entry that a cut left uncertain is sent again when the old connection is fenced off")
    func settlesFenced() {
        let subject = Subject()
        subject.open()
        subject.append("a")
        _ = subject.board()
        holds(subject.log.cut())
        subject.log.connected(isFenced: true)
        _ = subject.board()
        subject.land([
            .entries([TurnLogTests.stored(1, [])]), .entries([TurnLogTests.stored(1, [])]),
        ])
        #expect(subject.outcome() == nil)
        #expect(subject.board().contains(.append))
    }

    @Test("without a fence only requests with a key are sent again, however often it is cut")
    func settlesUnfenced() {
        let subject = Subject()
        subject.open()
        let plain = subject.append("a")
        subject.append("b", key: 77)
        _ = subject.board()
        holds(subject.log.cut())
        subject.log.connected(isFenced: false)
        _ = subject.board()
        holds(subject.log.cut())
        subject.log.connected(isFenced: false)
        _ = subject.board()
        subject.land([
            .entries([TurnLogTests.stored(1, [])]), .entries([TurnLogTests.stored(1, [])]),
        ])
        let outcome = subject.outcome()
        #expect(outcome?.ticket == plain)
        #expect(outcome?.failure == .unsettled)
        #expect(subject.outcome() == nil)
        #expect(subject.log.waitingItems == 1)
    }

    @Test("an entry that a cut left uncertain is found in the log")
    func settlesFound() {
        let subject = Subject()
        subject.open()
        subject.append("a")
        _ = subject.board()
        let bytes = subject.log.turnBytes
        _ = subject.log.cut()
        subject.log.connected(isFenced: false)
        _ = subject.board()
        subject.land([
            .entries([TurnLogTests.stored(1, []), TurnLogTests.stored(2, bytes)]),
            .entries([TurnLogTests.stored(1, [])]),
        ])
        #expect(subject.outcome()?.sequence == 1)
        #expect(subject.log.counts.settledFound == 1)
    }

    @Test("a gap in what was read makes everything unknown")
    func noticesGaps() {
        let subject = Subject()
        subject.open()
        subject.log.readSoon()
        _ = subject.board()
        subject.land([.entries([TurnLogTests.stored(1, []), foreign(3, device: "a")])])
        holds(!subject.log.isFollowing)
        #expect(subject.log.counts.gaps == 1)
    }

    @Test("an entry of a newer build stops the log, and what waits can be failed")
    func refuses() {
        let subject = Subject()
        subject.open()
        subject.append("a")
        _ = subject.board()
        subject.land([appended(3)])
        subject.append("b")
        subject.log.readSoon()
        _ = subject.board()
        let newer = TurnLogTests.stored(2, [TurnCoding.version + 1])
        subject.land([.entries([TurnLogTests.stored(1, []), newer, foreign(3, device: "a")])])
        holds(subject.log.isRefused)
        #expect(subject.board() == [])
        subject.log.failAll(.refused, &subject.tickets)
        #expect(subject.outcome()?.failure != nil)
        #expect(subject.outcome()?.failure != nil)
        subject.log.checkInvariants()
    }

    @Test("a checkpoint of a device that others know is read before the entry is sent")
    func readsCheckpoints() throws {
        let subject = Subject()
        subject.open(knowing: ["a"])
        subject.log.readSoon()
        _ = subject.board()
        subject.land([.entries([TurnLogTests.stored(1, []), foreign(2, device: "a")])])
        subject.append("a")
        let commands = subject.board()
        guard case .checkpoint(let id) = commands.first else {
            Issue.record("\(commands)")
            return
        }
        #expect(Array(subject.log.name(of: id).bytes) == Array("a".utf8))
        #expect(
            Array(commands.dropFirst()) == [
                .append, .read(from: 2, isExcluded: true, limit: 256), .first,
            ])
    }

    @Test("an answer has all that was stored when the question came, not less")
    func answersLate() {
        let subject = Subject()
        subject.open()
        subject.log.readSoon()
        _ = subject.board()
        let ticket = subject.tickets.open(samples: 0)
        subject.log.ask(about: [UInt8]().span, ticket, &subject.tickets)
        subject.tickets.finish(ticket)
        // The log was read, perhaps, before the question came.
        subject.land([.entries([TurnLogTests.stored(1, [])])])
        #expect(subject.tickets.takeDecided() == nil)
        #expect(subject.board() == [.read(from: 1, isExcluded: false, limit: 256)])
        subject.land([.entries([TurnLogTests.stored(1, [])])])
        #expect(subject.tickets.takeDecided() == ticket)
    }

    @Test("a new device makes room once, however many samples of it wait")
    func makesRoomOnce() {
        let subject = Subject { $0.deviceLimit = 1 }
        subject.open()
        subject.append("a")
        _ = subject.board()
        subject.land([appended(2)])
        for _ in 0..<3 {
            let name = Array("b".utf8)
            subject.log.makeRoom(for: name.span, ofPartWith: 1)
            subject.append("b")
        }
        #expect(subject.log.counts.evicted == 1)
        #expect(subject.log.waitingItems == 4)
        _ = subject.board()
        subject.land([appended(3)])
        #expect(subject.log.deviceCount == 1)
        #expect(subject.log.devices(after: nil, limit: 9) == [Array("b".utf8)])
        subject.log.checkInvariants()
    }

    @Test("a checkpoint that is refused fails those who wait for it, and nobody else")
    func refusesCheckpoint() {
        let subject = Subject()
        subject.open(knowing: ["a"])
        subject.log.readSoon()
        _ = subject.board()
        subject.land([.entries([TurnLogTests.stored(1, []), foreign(2, device: "a")])])
        subject.append("b")
        subject.append("a")
        _ = subject.board()
        let bytes = subject.log.turnBytes
        let first = LogReply.entries([TurnLogTests.stored(1, [])])
        subject.land([.refused, appended(3), .entries([TurnLogTests.stored(3, bytes)]), first])
        #expect(subject.outcome()?.sequence == 1)
        // The verdict is not known, so the checkpoint is asked for once more.
        _ = subject.board()
        subject.land([.refused, .entries([TurnLogTests.stored(3, bytes)]), first])
        #expect(subject.outcome()?.failure == .refused)
    }

    @Test("keys that leave the log together are one block, in how many steps they are met")
    func countsBlocksOnce() {
        let subject = Subject()
        subject.open(knowing: ["a"])
        subject.log.readSoon()
        _ = subject.board()
        let second = foreign(2, device: "b", key: 1)
        subject.land([.entries([TurnLogTests.stored(1, []), second])])
        subject.ask("a")
        #expect(subject.board().contains(.first))
        // Between the two replies another process has moved all before entry 5 out of the log.
        let read = [second] + (3...5).map { foreign($0, device: "b", key: $0) }
        subject.land([.list([]), .entries(read), .entries([foreign(5, device: "b", key: 5)])])
        _ = subject.board()
        let rest = [read[3], foreign(6, device: "b", trimmedTo: 5)]
        subject.land([.list([]), .entries(rest), .entries([read[3]])])
        #expect(subject.log.keyBlocks.map(\.before) == [5])
        #expect(subject.log.keyBlocks.map(\.count) == [3])
    }

    @Test("the checkpoint of a question is forgotten with it: its series' number is used again")
    func forgetsStarts() {
        let subject = Subject { $0.historySlice = 1 }
        subject.open(knowing: ["a", "b"])
        let first = subject.ask("a", isOfHistory: true)
        let second = subject.ask("b", isOfHistory: true)
        _ = subject.board()
        let made = TurnLogTests.stored(1, [])
        let read = [made, foreign(2, device: "b"), foreign(3, device: "b")]
        subject.land([.list([]), .list([]), .entries(read), .entries([made])])
        #expect(subject.tickets.takeDecided() == first)
        // The other one goes on.
        #expect(subject.log.starts.count == 1)
        _ = subject.board()
        subject.land([.entries([read[2]])])
        #expect(subject.tickets.takeDecided() == second)
        #expect(subject.log.starts.isEmpty)
        subject.ask("a", isOfHistory: true)
        subject.log.failAll(.timedOut, &subject.tickets)
        #expect(subject.log.starts.isEmpty)
    }

    @Test("a name that was read before its series' end left the log is no device")
    func forgetsNames() {
        let subject = Subject()
        subject.openWithoutNames()
        let made = TurnLogTests.stored(1, [])
        _ = subject.board()
        subject.land([
            .names(next: 7, [(name: Array("a".utf8), activity: 999_000)]), .entries([made]),
        ])
        let ticket = subject.ask("a")
        _ = subject.board()
        // Its checkpoint is gone, and the rest of the names comes after that.
        subject.land([.names(next: 9, []), .list([]), .entries([made]), .entries([made])])
        #expect(subject.tickets.takeDecided() == ticket)
        _ = subject.board()
        subject.land([.names(next: 0, []), .entries([made])])
        holds(subject.log.knowsDevices)
        #expect(subject.log.devices(after: nil, limit: 9) == [])
        #expect(subject.log.deviceCount == 0)
        subject.log.checkInvariants()
    }

    @Test("a verdict is not told from a checkpoint that may have expired while it waited")
    func tellsNothingOld() {
        for (hours, failure) in [(23, nil), (25, StoreFailure.unsettled)] {
            let subject = Subject { $0.timeToLive = 24 * 3_600_000 }
            subject.open(knowing: ["a"])
            subject.append("a")
            #expect(subject.board().contains(.append))
            let made = TurnLogTests.stored(1, [])
            let log = [made, TurnLogTests.stored(2, subject.log.turnBytes)]
            // It is stored, and its checkpoint is not where it was looked for.
            subject.land([.elsewhere, appended(2), .entries([made])])
            subject.log.tellTime(unixMilliseconds: 1_000_000 + hours * 3_600_000)
            var outcome = subject.outcome()
            for _ in 0..<4 where outcome == nil {
                let replies = subject.board().map { command -> LogReply in
                    switch command {
                    case .checkpoint: .list([])
                    case .read(let number, let isExcluded, _):
                        .entries(log.filter { $0.position.number >= number + (isExcluded ? 1 : 0) })
                    default: .entries([made])
                    }
                }
                subject.land(replies)
                outcome = subject.outcome()
            }
            #expect(outcome?.failure == failure && (failure != nil || outcome?.sequence == 1))
        }
    }
}

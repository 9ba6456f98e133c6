package import Bytes
internal import Detection
internal import SeriesLog
package import System
package import Wire

/// Series in this process: what is asked is answered at once, and gone when the process ends. Long
/// batches are stored a piece in each turn of the loop, and samples of the past are looked for in a
/// thread of their own, so that nobody waits for those.
package struct MemoryStore: Store, ~Copyable {
    /// Expired series are dropped in small portions, so that no request waits for it.
    private static let expiryInterval = TimeSpan.milliseconds(250)
    private static let expiryPortion = 256
    /// Samples that are stored in one turn: a fraction of a millisecond.
    private static let samplesAtOnce = RequestKey.pieceSamples

    private let shared: SharedMemory
    private let log: MemoryLog
    private var now = Instant.zero
    private var unixMilliseconds = 0
    private var nextExpiry = Instant.zero
    private let wakeUp: Int32
    private let dropsExpired: Bool
    /// Something waits, or has ended and was not told: until then nothing is asked about it.
    private var isBusy = false
    private let waiting = Waiting()

    /// What waits, apart in memory: most requests have nothing to do with it.
    private final class Waiting {
        var tickets = TicketNumbers()
        /// Long batches: the one whose turn it is first.
        var long: [LongBatch] = []
        /// Looks for samples of the past; made for the first question.
        var reader: MemoryReader?
        var openQuestions = 0
        /// What has ended and was not told: questions, and batches that are stored.
        var finished: [Finished] = []
        var stored: [LongBatch] = []

        var isEmpty: Bool {
            openQuestions == 0 && long.isEmpty && stored.isEmpty && finished.isEmpty
        }

        deinit { reader?.stop() }
    }

    private typealias MemoryReader = SideThread<MemoryQuestion, HistoryReply>

    /// About samples of the past.
    fileprivate struct MemoryQuestion: Sendable {
        let number: Int
        let query: SeriesQuery
        let now: Instant
    }

    private final class LongBatch {
        let ticket: TicketID
        var batch = SampleBatch()
        /// Its first sample that is not stored.
        var next = 0

        init(_ ticket: TicketID) { self.ticket = ticket }
    }

    package init(_ shared: SharedMemory, _ seat: StoreSeat) {
        self.shared = shared
        log = shared.log
        dropsExpired = seat.loop == 0
        wakeUp = seat.wakeUp
    }

    package mutating func tellTime(_ now: Instant, unixMilliseconds: Int) {
        self.now = now
        self.unixMilliseconds = unixMilliseconds
    }

    /// Of the samples that come now.
    private var arrival: SampleArrival {
        SampleArrival(
            entry: UInt64(max(1, unixMilliseconds)), milliseconds: unixMilliseconds)
    }

    // MARK: Requests

    package mutating func append(_ batch: inout SampleBatch) -> Storing {
        if batch.key != nil { markDuplicates(&batch) }
        guard batch.samples.count <= MemoryStore.samplesAtOnce else {
            let long = LongBatch(waiting.tickets.take())
            swap(&long.batch, &batch)
            long.batch.reserveVerdicts()
            waiting.long.append(long)
            isBusy = true
            return .waiting(long.ticket)
        }
        store(0..<batch.samples.count, of: &batch)
        return .stored
    }

    @inline(__always)
    private func store(_ range: Range<Int>, of batch: inout SampleBatch) {
        let hasDuplicates = batch.duplicates > 0
        for index in range {
            if hasDuplicates, batch.isDuplicate(index) {
                batch.append(Verdict())
                continue
            }
            let verdict = append(batch.samples[index], of: batch)
            batch.append(verdict)
            if verdict.changesIncident {
                let decoded = batch.samples[index]
                tell(verdict, of: decoded.sample, device: Array(batch.name(decoded)))
            }
            if verdict.isFlagged { list(verdict, batch.samples[index], of: batch) }
        }
    }

    /// Stores a piece of the long batch whose turn it is.
    @inline(never)
    private mutating func storeLong() {
        let first = waiting.long.removeFirst()
        let end = min(first.next + MemoryStore.samplesAtOnce, first.batch.samples.count)
        store(first.next..<end, of: &first.batch)
        first.next = end
        if end < first.batch.samples.count {
            waiting.long.append(first)
        } else {
            waiting.stored.append(first)
        }
    }

    /// Remembers the request of a batch with a key. What was remembered of it before becomes
    /// duplicates.
    private func markDuplicates(_ batch: inout SampleBatch) {
        guard let key = batch.key else { return }
        let count = batch.samples.count
        let pieces = 0...RequestKey.piece(ofSample: count - 1)
        for piece in shared.remember(pieces, of: key, unixSeconds: unixMilliseconds / 1000) {
            for position in RequestKey.samples(ofPiece: piece, of: count) {
                batch.markDuplicate(position)
            }
        }
    }

    /// Appends a sample to the fleet's series and to its own. The verdict is its own series'.
    private func append(_ decoded: DecodedSample, of batch: borrowing SampleBatch) -> Verdict {
        guard decoded.nameLength > 0 else {
            return log.appendToFleet(decoded.sample, at: arrival)
        }
        if !decoded.isDeviceOnly {
            let verdict = log.appendToFleet(decoded.sample, at: arrival)
            if verdict.changesIncident { tell(verdict, of: decoded.sample, device: []) }
        }
        return log.append(
            decoded.sample, device: batch.name(decoded), now: now, at: arrival)
    }

    @inline(never)
    private func tell(_ verdict: Verdict, of sample: Sample, device: [UInt8]) {
        shared.incidents.take(
            IncidentEvent(
                device: device, sample: sample, verdict: verdict, arrival: unixMilliseconds))
    }

    private func list(
        _ verdict: Verdict, _ decoded: DecodedSample, of batch: borrowing SampleBatch
    ) {
        shared.anomalies.add(decoded.sample, verdict, device: batch.name(decoded))
    }

    package mutating func ask(_ call: Call) -> Asking {
        switch call {
        case .analysis(nil): return .answered(.analysis(log.fleetSummary()))
        case .analysis(let device?):
            let summary = log.summary(device: device.span, now: now)
            return .answered(
                summary.map(Answer.analysis)
                    ?? .problem(.unknownDevice(parameter: "device_id")))
        case .stats: return .answered(.stats(log.fleetSummary()))
        case .devices(let after, let limit):
            return .answered(devices(after: after, limit: limit))
        case .anomalies(let filter): return .answered(.anomalies(shared.anomalies.newest(filter)))
        case .series(let query): return look(for: query)
        }
    }

    private mutating func look(for query: SeriesQuery) -> Asking {
        if waiting.reader == nil {
            let log = log
            waiting.reader = try? MemoryReader(limit: historyQuestionLimit) { { $0.reply(log) } }
            waiting.reader?.serve(wakeUp)
        }
        let ticket = waiting.tickets.take()
        let question = MemoryQuestion(number: Int(ticket.number), query: query, now: now)
        guard let reader = waiting.reader, reader.give(question) else {
            waiting.tickets.give(ticket)
            return .failed(.queueFull)
        }
        waiting.openQuestions += 1
        isBusy = true
        return .waiting(ticket)
    }

    private func devices(after: [UInt8]?, limit: Int) -> Answer {
        let entries =
            if let after {
                log.devices(after: after.span, limit: limit, now: now)
            } else { log.devices(after: nil, limit: limit, now: now) }
        guard let entries else { return .problem(.unknownDevice(parameter: "after")) }
        let rows = entries.map { entry in
            DevicePage.Row(name: Array(entry.key.bytes), summary: entry.summary)
        }
        return .devices(DevicePage(rows: rows, total: log.deviceCount, limit: limit))
    }

    // MARK: Turns

    package mutating func lookAtWhatIsDue() {
        if isBusy { workOn() }
        guard dropsExpired, nextExpiry <= now else { return }
        if shared.incidents.openCount > 0 {
            let (log, now, unixMilliseconds) = (log, now, unixMilliseconds)
            shared.incidents.endSilent(now: unixMilliseconds) { device in
                guard !device.isEmpty else { return log.fleetActivity }
                return log.idleTime(of: device, now: now).map {
                    unixMilliseconds - Int($0.milliseconds)
                }
            }
        }
        let dropped = log.dropExpired(now: now, limit: MemoryStore.expiryPortion)
        nextExpiry = dropped == MemoryStore.expiryPortion ? now : now + MemoryStore.expiryInterval
    }

    @inline(never)
    private mutating func workOn() {
        if waiting.openQuestions > 0 { takeReplies() }
        if !waiting.long.isEmpty { storeLong() }
        isBusy = !waiting.isEmpty
    }

    private mutating func takeReplies() {
        for reply in waiting.reader?.takeFinished() ?? [] {
            waiting.openQuestions -= 1
            waiting.finished.append(
                Finished(
                    ticket: TicketID(Int32(reply.number)), outcome: reply.outcome.outcome))
        }
    }

    package mutating func nextFinished(_ batch: inout SampleBatch) -> Finished? {
        isBusy ? nextEnded(&batch) : nil
    }

    @inline(never)
    private mutating func nextEnded(_ batch: inout SampleBatch) -> Finished? {
        if let last = waiting.stored.popLast() {
            swap(&last.batch, &batch)
            waiting.tickets.give(last.ticket)
            return Finished(ticket: last.ticket, outcome: .stored)
        }
        guard let last = waiting.finished.popLast() else { return nil }
        waiting.tickets.give(last.ticket)
        return last
    }

    package mutating func nextLook() -> Instant {
        if isBusy, !waiting.long.isEmpty { return now }
        return dropsExpired && log.deviceCount > 0 ? nextExpiry : .never
    }

    // Nothing is sent together with what comes, and nothing is to be told.
    package var isGathering: Bool { false }
    package var isServingOthers: Bool { false }
    package mutating func handle(_ event: Event) {}
    package mutating func endTurn(_ poller: borrowing Poller) {}
    package mutating func startDraining() {}
    package mutating func takeNotices() -> [Notice] { [] }
}

extension MemoryStore.MemoryQuestion {
    fileprivate func reply(_ log: MemoryLog) -> HistoryReply {
        let answer = log.scan(query, now: now)?.answer()
        return HistoryReply(
            number: number,
            outcome: .answered(answer ?? .problem(.unknownDevice(parameter: "device_id"))))
    }
}

/// Numbers of tickets that nobody has.
private struct TicketNumbers {
    private var free: [TicketID] = []
    private var count: Int32 = 0

    mutating func take() -> TicketID {
        if let ticket = free.popLast() { return ticket }
        count += 1
        return TicketID(count - 1)
    }

    mutating func give(_ ticket: TicketID) { free.append(ticket) }
}

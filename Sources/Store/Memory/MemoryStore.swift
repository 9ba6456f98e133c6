package import Bytes
internal import Detection
internal import SeriesLog
package import System
package import Wire

/// Series in this process: what is asked is answered at once, and gone when the process ends. Only
/// samples of the past are looked for in a thread of their own, because that takes its time.
package struct MemoryStore: Store, ~Copyable {
    /// Expired series are dropped in small portions, so that no request waits for it.
    private static let expiryInterval = TimeSpan.milliseconds(250)
    private static let expiryPortion = 256

    private let shared: SharedMemory
    private let log: MemoryLog
    private let dropsExpired: Bool
    private var now = Instant.zero
    private var unixMilliseconds = 0
    /// Of the samples that come now.
    private var arrival = SampleArrival.unknown
    private var nextExpiry = Instant.zero
    private let wakeUp: Int32
    /// Made for the first question.
    private var reader: HistoryReader<MemoryQuestion>?
    /// Questions that have no answer yet.
    private var openQuestions = 0
    private var questions: Int32 = 0
    private var finished: [Finished] = []

    /// About samples of the past.
    private struct MemoryQuestion: Sendable {
        let query: SeriesQuery
        let now: Instant
    }

    package init(_ shared: SharedMemory, _ seat: StoreSeat) {
        self.shared = shared
        log = shared.log
        dropsExpired = seat.loop == 0
        wakeUp = seat.wakeUp
    }

    deinit { reader?.stop() }

    package mutating func tellTime(_ now: Instant, unixMilliseconds: Int) {
        self.now = now
        self.unixMilliseconds = unixMilliseconds
        arrival = SampleArrival(
            entry: UInt64(max(1, unixMilliseconds)), milliseconds: unixMilliseconds)
    }

    // MARK: Requests

    package mutating func append(_ batch: inout SampleBatch) -> Storing {
        if batch.key != nil { markDuplicates(&batch) }
        let hasDuplicates = batch.duplicates > 0
        for index in 0..<batch.samples.count {
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
        return .stored
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

    /// Questions without an answer, at most; and the numbers of their tickets, which differ because
    /// the oldest is answered first.
    private static let openLimit = 128
    private static let ticketCount: Int32 = 256

    private mutating func look(for query: SeriesQuery) -> Asking {
        guard let reader = openReader() else {
            return .answered(MemoryStore.samples(MemoryQuestion(query: query, now: now), log))
        }
        questions = (questions + 1) % MemoryStore.ticketCount
        let question = MemoryQuestion(query: query, now: now)
        guard openQuestions < MemoryStore.openLimit,
            reader.ask(question, number: Int(questions))
        else { return .failed(.queueFull) }
        openQuestions += 1
        return .waiting(TicketID(questions))
    }

    /// - Returns: nil where the system has no thread for it.
    private mutating func openReader() -> HistoryReader<MemoryQuestion>? {
        if let reader { return reader }
        let log = log
        reader = try? HistoryReader { { .answered(MemoryStore.samples($0, log)) } }
        reader?.serve(wakeUp)
        return reader
    }

    private static func samples(_ question: MemoryQuestion, _ log: MemoryLog) -> Answer {
        guard let scan = log.scan(question.query, now: question.now) else {
            return .problem(.unknownDevice(parameter: "device_id"))
        }
        return scan.answer()
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
        if openQuestions > 0 { takeReplies() }
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

    private mutating func takeReplies() {
        for reply in reader?.takeReplies() ?? [] {
            openQuestions -= 1
            let outcome: Outcome =
                switch reply.outcome {
                case .answered(let answer): .answered(answer)
                case .failed(let failure): .failed(failure)
                }
            finished.append(
                Finished(ticket: TicketID(Int32(reply.number)), outcome: outcome))
        }
    }

    package mutating func nextFinished(_ batch: inout SampleBatch) -> Finished? {
        finished.popLast()
    }

    package mutating func nextLook() -> Instant {
        dropsExpired && log.deviceCount > 0 ? nextExpiry : .never
    }

    // No sample waits here, and nothing is to be told.
    package var isGathering: Bool { false }
    package var isServingOthers: Bool { false }
    package mutating func handle(_ event: Event) {}
    package mutating func endTurn(_ poller: borrowing Poller) {}
    package mutating func startDraining() {}
    package mutating func takeNotices() -> [Notice] { [] }
}

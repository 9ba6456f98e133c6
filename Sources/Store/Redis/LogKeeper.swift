internal import Bytes
internal import Detection
internal import Redis
internal import SeriesLog
internal import System
internal import Wire

/// The one follower and writer of a process: its loop keeps the logs for all loops.
struct LogKeeper: ~Copyable {
    private let shared: SharedRedis
    var log: RedisLog
    private var mirror = Mirror()
    /// The requests that wait, by their tickets.
    private var waiting: [StoreRequest?] = []
    private var taken: [StoreRequest] = []
    /// Requests that came before the process had spoken with Redis at all.
    private var early: [StoreRequest] = []
    /// Until when they wait; never while there is none.
    private(set) var earlyDeadline = Instant.never
    /// Requests that have ended, by loop; those of the keeper's own loop stay here.
    private var ended: [[StoreRequest]]
    private var nextView = Instant.zero
    private static let viewInterval = TimeSpan.milliseconds(100)

    init(_ shared: SharedRedis, _ seat: StoreSeat) {
        self.shared = shared
        ended = Array(repeating: [], count: shared.answers.count)
        var random = SystemRandomNumberGenerator()
        let machine = RedisMachine(
            shared.parameters, shared.settings, writer: random.next() | 1,
            hashSeed: random.next(), metrics: shared.metrics)
        log = RedisLog(
            machine, shared.settings, metrics: shared.metrics, seat: seat, random: random.next())
    }

    // MARK: Requests

    /// Takes what the other loops have given.
    mutating func takeRequests() {
        shared.requests.take(&taken)
        guard !taken.isEmpty else { return }
        for request in taken { begin(request) }
        taken.removeAll(keepingCapacity: true)
    }

    mutating func begin(_ request: StoreRequest) {
        if log.machine.isStarting {
            if early.isEmpty { earlyDeadline = log.machine.now + shared.settings.timeout }
            early.append(request)
            return
        }
        if let failure = obstacle(to: request) {
            end(request, .failed(failure))
            return
        }
        if request.call == nil, log.machine.isFull, !makeRoom(request) { return }
        let ticket =
            if let call = request.call {
                ask(call)
            } else {
                log.machine.append(request.batch)
            }
        while waiting.count <= Int(ticket.index) { waiting.append(nil) }
        waiting[Int(ticket.index)] = request
    }

    /// Begins what came early, as soon as Redis has answered or is given up.
    mutating func beginEarly() {
        guard !early.isEmpty else { return }
        let isOver = earlyDeadline <= log.machine.now
        guard isOver || !log.machine.isStarting else { return }
        let waiting = early
        early.removeAll()
        earlyDeadline = .never
        for request in waiting {
            if isOver { end(request, .failed(.timedOut)) } else { begin(request) }
        }
    }

    private mutating func obstacle(to request: StoreRequest) -> StoreFailure? {
        if let failure = log.machine.obstacle { return failure }
        guard log.machine.hasRoom(for: request.batch.samples.count) else {
            shared.metrics.add(1, .queueFull)
            return .queueFull
        }
        return nil
    }

    /// Takes the samples of new devices out of a request, because Redis is nearly full.
    /// - Returns: false when nothing is left of it.
    private mutating func makeRoom(_ request: StoreRequest) -> Bool {
        let places = log.machine.newDevices(of: request.batch)
        if places.count == request.batch.samples.count {
            end(request, .failed(.noRoom))
            return false
        }
        request.batch.refuse(places)
        return true
    }

    private mutating func ask(_ call: Call) -> TicketNumber {
        switch call {
        case .analysis(let device): log.machine.ask(about: device)
        case .stats: log.machine.ask(about: nil)
        case .devices(let after, let limit):
            log.machine.askForDevices(after: after, limit: limit)
        case .anomalies(let filter):
            log.machine.askForFlagged(
                count: filter.device != nil || filter.alertsOnly
                    ? RedisSettings.anomalyLimit : filter.limit)
        }
    }

    // MARK: Ends

    /// Ends the requests that are decided.
    mutating func endDecided() {
        while let ticket = log.machine.tickets.takeDecided() {
            guard let request = waiting[Int(ticket.index)].take() else {
                preconditionFailure("a ticket is decided once")
            }
            let outcome = outcome(of: ticket, request)
            log.machine.tickets.release(ticket)
            end(request, outcome)
        }
    }

    private mutating func end(_ request: StoreRequest, _ outcome: Outcome) {
        request.outcome = outcome
        ended[request.loop].append(request)
    }

    /// The next request of the keeper's own loop that has ended.
    mutating func nextEnded() -> StoreRequest? { ended[0].popLast() }

    private mutating func outcome(of ticket: TicketNumber, _ request: StoreRequest) -> Outcome {
        if let failure = log.machine.tickets.failure(of: ticket) { return .failed(failure) }
        if let call = request.call { return .answered(answer(to: call, ticket)) }
        for position in log.machine.tickets.duplicates(of: ticket) {
            request.batch.markDuplicate(Int(position))
        }
        log.machine.tickets.takeVerdicts(of: ticket, into: &request.batch.verdicts)
        publish(request.batch)
        return .stored
    }

    /// Tells the shared lists of samples that are stored.
    private mutating func publish(_ batch: borrowing SampleBatch) {
        for index in 0..<batch.verdicts.count where batch.verdicts[index].isFlagged {
            let device = batch.name(batch.samples[index])
            var text = ByteBuffer(limit: 4096)
            text.append(
                flagged: batch.samples[index].sample, batch.verdicts[index], device: device)
            log.machine.publish(
                FlaggedNote(
                    device: Array(device), isAlert: batch.verdicts[index].alert,
                    text: Array(text.readable)))
        }
        if shared.mirrors { mirror.add(batch, shared.metrics) }
    }

    // MARK: Answers

    private mutating func answer(to call: Call, _ ticket: TicketNumber) -> Answer {
        switch call {
        case .analysis(let device):
            if let summary = firstSummary(ticket) { return .analysis(summary) }
            // Before the first sample the fleet is there, and empty; a device is not there.
            return device == nil
                ? .analysis(.empty) : .problem(.unknownDevice(parameter: "device_id"))
        case .stats: return .stats(firstSummary(ticket) ?? .empty)
        case .devices(_, let limit): return devices(ticket, limit: limit)
        case .anomalies(let filter): return .anomalies(anomalies(ticket, filter))
        }
    }

    private func firstSummary(_ ticket: TicketNumber) -> SeriesSummary? {
        log.machine.tickets[ticket].summaries.first ?? nil
    }

    private mutating func devices(_ ticket: TicketNumber, limit: Int) -> Answer {
        let listing = log.machine.takeListing(ticket)
        guard let names = listing.names else {
            return .problem(.unknownDevice(parameter: "after"))
        }
        // One that went between the list and the look at it is left out.
        let rows = zip(names, log.machine.tickets[ticket].summaries).compactMap { name, summary in
            summary.map { DevicePage.Row(name: name, summary: $0) }
        }
        return .devices(DevicePage(rows: rows, total: listing.total, limit: limit))
    }

    private mutating func anomalies(
        _ ticket: TicketNumber, _ filter: AnomalyFilter
    ) -> [[UInt8]] {
        var objects: [[UInt8]] = []
        var last: FlaggedNote?
        for note in log.machine.takeListing(ticket).flagged where objects.count < filter.limit {
            // A note that was in flight on a cut connection may be in the list twice.
            guard note != last, filter.accepts(device: note.device.span, isAlert: note.isAlert)
            else { continue }
            objects.append(note.text)
            last = note
        }
        return objects
    }

    // MARK: Turns

    /// Sends what this turn brought, and gives the other loops what has ended.
    mutating func endTurn(_ poller: borrowing Poller, now: Instant, unixMilliseconds: Int) {
        if shared.mirrors, !mirror.isEmpty {
            let frame = AnalysisFrame(
                windowSize: shared.parameters.windowSize, computedAt: unixMilliseconds / 1000)
            mirror.publish(frame, to: &log.machine)
        }
        log.flush(poller)
        shared.see(failure: log.machine.failure)
        for loop in 1..<max(1, ended.count) { shared.answers[loop].put(&ended[loop]) }
        if nextView <= now {
            // For gauges, so now and then will do.
            nextView = now + LogKeeper.viewInterval
            log.machine.tellMetrics()
            shared.see(
                log.machine.glanceAtFleet(), devices: log.machine.deviceCount)
        }
    }
}

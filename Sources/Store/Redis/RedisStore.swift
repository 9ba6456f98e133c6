package import Bytes
internal import Detection
internal import Redis
internal import SeriesLog
package import System
package import Wire

/// Series in Redis, shared by any number of replicas: a request waits until Redis has decided.
package struct RedisStore: Store, ~Copyable {
    private static let viewInterval = TimeSpan.milliseconds(100)

    private let shared: SharedRedis
    private let metrics: RedisMetrics
    private var log: RedisLog
    private var waiting = WaitingRequests()
    private var mirror = Mirror()
    /// One loop looks after what all share.
    private let isFirst: Bool
    private var now = Instant.zero
    private var unixMilliseconds = 0
    private var nextView = Instant.zero

    package init(_ shared: SharedRedis, _ seat: StoreSeat) {
        self.shared = shared
        metrics = shared.metrics[seat.loop]
        isFirst = seat.loop == 0
        var random = SystemRandomNumberGenerator()
        let machine = LogMachine(
            shared.parameters, shared.settings, writer: random.next() | 1, hashSeed: random.next(),
            metrics: metrics)
        log = RedisLog(
            machine, shared.settings, metrics: metrics, seat: seat, random: random.next())
    }

    package mutating func tellTime(_ now: Instant, unixMilliseconds: Int) {
        self.now = now
        self.unixMilliseconds = unixMilliseconds
        log.tellTime(now, unixMilliseconds: unixMilliseconds)
    }

    // MARK: Requests

    package var keySeed: UInt64 { 0 }

    package mutating func append(_ batch: inout SampleBatch) -> Storing {
        guard let ticket = log.machine.openIfRoom(samples: batch.samples.count) else {
            metrics.add(1, .queueFull)
            return .failed(.queueFull)
        }
        for index in 0..<batch.samples.count {
            let decoded = batch.samples[index]
            log.machine.add(
                decoded.sample, device: batch.name(decoded), ticket: ticket, position: index)
        }
        waiting.keep(&batch, ticket)
        log.machine.close(ticket)
        return .waiting(TicketID(ticket))
    }

    package mutating func ask(_ call: Call) -> Asking {
        guard let ticket = log.machine.openIfRoom(samples: 0) else {
            return .failed(.queueFull)
        }
        switch call {
        case .analysis(let device):
            let name = device ?? []
            log.machine.refresh(name.span, ticket: ticket)
        case .stats:
            let unnamed: [UInt8] = []
            log.machine.refresh(unnamed.span, ticket: ticket)
        case .devices(let after, let limit):
            log.machine.listDevices(after: after, limit: limit, ticket: ticket)
        case .anomalies(let filter):
            let isFiltered = filter.device != nil || filter.alertsOnly
            log.machine.listFlagged(
                count: isFiltered ? RedisSettings.anomalyLimit : filter.limit, ticket: ticket)
        }
        waiting.keep(call, ticket)
        log.machine.close(ticket)
        return .waiting(TicketID(ticket))
    }

    package mutating func nextFinished(_ batch: inout SampleBatch) -> Finished? {
        guard let ticket = log.machine.tickets.takeDecided() else { return nil }
        let outcome = outcome(of: ticket, &batch)
        log.machine.tickets.release(ticket)
        return Finished(ticket: TicketID(ticket), outcome: outcome)
    }

    private mutating func outcome(of ticket: Int32, _ batch: inout SampleBatch) -> Outcome {
        let call = waiting.take(ticket, &batch)
        if let failure = log.machine.tickets.failure(of: ticket) { return .failed(failure) }
        guard let call else {
            log.machine.tickets.takeVerdicts(of: ticket, into: &batch.verdicts)
            publish(batch)
            return .stored
        }
        return .answered(answer(to: call, ticket))
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
        if shared.mirrors { mirror.add(batch, metrics) }
    }

    // MARK: Answers

    private func answer(to call: Call, _ ticket: Int32) -> Answer {
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

    private func firstSummary(_ ticket: Int32) -> SeriesSummary? {
        log.machine.tickets[ticket].summaries.first ?? nil
    }

    private func devices(_ ticket: Int32, limit: Int) -> Answer {
        guard let names = log.machine.tickets[ticket].names else {
            return .problem(.unknownDevice(parameter: "after"))
        }
        // One that went between the list and the look at it is left out.
        let rows = zip(names, log.machine.tickets[ticket].summaries).compactMap { name, summary in
            summary.map { DevicePage.Row(name: name, summary: $0) }
        }
        let total = log.machine.tickets[ticket].total
        return .devices(DevicePage(rows: rows, total: total, limit: limit))
    }

    private func anomalies(_ ticket: Int32, _ filter: AnomalyFilter) -> [[UInt8]] {
        var objects: [[UInt8]] = []
        var last: FlaggedNote?
        for note in log.machine.tickets[ticket].flagged where objects.count < filter.limit {
            // A note that was in flight on a cut connection may be in the list twice.
            guard note != last, filter.accepts(device: note.device.span, isAlert: note.isAlert)
            else { continue }
            objects.append(note.text)
            last = note
        }
        return objects
    }

    // MARK: Turns

    package var isGathering: Bool { log.machine.canFly }
    package mutating func handle(_ event: Event) { log.handle(event) }
    package mutating func lookAtWhatIsDue() { log.lookAtWhatIsDue() }
    package mutating func nextLook() -> Instant { log.nextLook() }
    package mutating func startDraining() { log.publishNow() }
    package mutating func takeNotices() -> [Notice] { log.takeNotices() }

    package mutating func endTurn(_ poller: borrowing Poller) {
        if shared.mirrors, !mirror.isEmpty {
            let frame = AnalysisFrame(
                windowSize: shared.parameters.windowSize, computedAt: unixMilliseconds / 1000)
            mirror.publish(frame, to: &log.machine)
        }
        log.flush(poller)
        if isFirst, nextView <= now {
            // For gauges, so now and then will do.
            nextView = now + RedisStore.viewInterval
            shared.see(log.machine.fleetSummary(), devices: log.machine.deviceCount)
        }
    }
}

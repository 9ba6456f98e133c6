internal import Bytes
internal import Wire
internal import Detection
internal import System
internal import HTTP
internal import SeriesLog

/// Requests that waited for the log in Redis: their answers, once they are decided.
extension WorkerContext {
    /// The next request whose answer is decided, with its ticket.
    mutating func takeDecided() -> (ticket: Int32, request: WaitingRequest)? {
        while let ticket = redis?.machine.tickets.takeDecided() {
            if let request = waiting.take(ticket) { return (ticket, request) }
            redis?.machine.tickets.release(ticket)
        }
        return nil
    }

    /// The answer has been given, or there is nobody to give it to.
    mutating func release(_ ticket: Int32, _ request: WaitingRequest) {
        redis?.machine.tickets.release(ticket)
        waiting.reuse(request)
    }

    /// Appends the answer to a request that waited.
    mutating func answer(
        _ ticket: Int32, _ waiting: WaitingRequest, into output: inout ByteBuffer
    ) {
        if let failure = redis?.machine.tickets.failure(of: ticket) {
            sendUnavailable(failure, to: waiting.request, into: &output)
            return
        }
        switch waiting.kind {
        case .samples:
            let verdicts = redis?.machine.tickets.verdicts(of: ticket) ?? []
            Stored.count(waiting.batch, verdicts, shared, metrics, &redis)
            mirror(waiting.batch)
            answer.append(waiting.batch, verdicts, waiting.request)
            let head = ResponseHead(VerdictAnswer.status(waiting.request))
            send(head, to: waiting.request, into: &output)
        case .analysis: answerAnalysis(ticket, waiting, into: &output)
        case .stats:
            answerStats(firstSummary(ticket) ?? .empty, waiting.request, into: &output)
        case .devices: answerDevices(ticket, waiting, into: &output)
        case .anomalies: answerAnomalies(ticket, waiting, into: &output)
        }
    }

    /// A request whose client has gone: what was stored still counts.
    mutating func countUnanswered(_ ticket: Int32, _ waiting: WaitingRequest) {
        guard waiting.kind == .samples, let stored = redis?.machine.tickets[ticket],
            stored.failure == nil
        else { return }
        Stored.count(waiting.batch, stored.verdicts, shared, metrics, &redis)
        mirror(waiting.batch)
    }

    /// What this loop knows of the fleet and of the list of devices.
    mutating func fleetView() -> (fleet: SeriesSummary, devices: Int)? {
        guard let fleet = redis?.machine.fleetSummary(), let devices = redis?.machine.deviceCount
        else { return nil }
        return (fleet, devices)
    }

    private mutating func firstSummary(_ ticket: Int32) -> SeriesSummary? {
        redis?.machine.tickets[ticket].summaries.first ?? nil
    }

    private mutating func answerAnalysis(
        _ ticket: Int32, _ waiting: WaitingRequest, into output: inout ByteBuffer
    ) {
        let found = firstSummary(ticket)
        // Before the first sample the fleet is there, and empty; a device is not there.
        let summary = waiting.query.deviceID == nil ? found ?? .empty : found
        answerAnalysis(summary, waiting.request, into: &output)
    }

    private mutating func answerDevices(
        _ ticket: Int32, _ waiting: WaitingRequest, into output: inout ByteBuffer
    ) {
        var rows: [DeviceRow]?
        var total = 0
        if let listed = redis?.machine.tickets[ticket], let names = listed.names {
            total = listed.total
            // One that went between the list and the look at it is left out.
            rows = zip(names, listed.summaries).compactMap { name, summary in
                summary.map { DeviceRow(name: name, summary: $0) }
            }
        }
        answerDevices(
            rows, total: total, limit: waiting.query.limit ?? Query.defaultPage, waiting.request,
            into: &output)
    }

    private mutating func answerAnomalies(
        _ ticket: Int32, _ waiting: WaitingRequest, into output: inout ByteBuffer
    ) {
        let query = waiting.query
        let limit = query.limit ?? Query.defaultPage
        var listed = 0
        var last: FlaggedNote?
        answer.append("{\"anomalies\":[")
        for note in redis?.machine.tickets[ticket].flagged ?? [] where listed < limit {
            if query.alertsOnly, !note.isAlert { continue }
            if let device = query.deviceID, note.device != device { continue }
            // A note that was in flight on a cut connection may be in the list twice.
            if note == last { continue }
            if listed > 0 { answer.append(",") }
            answer.append(note.text.span)
            listed += 1
            last = note
        }
        answer.append("]}")
        send(ResponseHead(.ok), to: waiting.request, into: &output)
    }

    mutating func sendUnavailable(
        _ failure: StoreFailure, to request: PendingRequest, into output: inout ByteBuffer
    ) {
        var head = ResponseHead(.serviceUnavailable)
        head.retryAfterSeconds = 1
        sendProblem(head, "\(failure.detail)", to: request, into: &output)
    }

    // MARK: The seeds' readable keys

    /// Samples of one turn that are mirrored; the rest of a flood is left out, and counted.
    private static var mirrorLimit: Int { 256 }

    private mutating func mirror(_ batch: borrowing SampleBatch) {
        guard shared.configuration.redisMirror == .on else { return }
        for index in 0..<batch.samples.count {
            guard mirrored.count < WorkerContext.mirrorLimit else {
                redisMetrics?.add(batch.samples.count - index, .sideWritesDropped)
                return
            }
            let decoded = batch.samples[index]
            var key = ByteBuffer(limit: 256)
            key.append("metric:")
            key.append(number: decoded.sample.timestamp)
            var text = ByteBuffer(limit: 4096)
            text.append(decoded.sample, device: batch.name(decoded))
            mirrored.append(
                MirroredSample(key: Array(key.readable), text: Array(text.readable)))
        }
    }

    /// Writes what was stored in this turn under the seeds' keys; nobody waits for it.
    mutating func publishMirror() {
        guard !mirrored.isEmpty else { return }
        redis?.machine.mirror(samples: mirrored)
        mirrored.removeAll(keepingCapacity: true)
        var text = ByteBuffer(limit: 4096)
        text.appendAnalysis(
            redis?.machine.fleetSummary() ?? .empty, windowSize: shared.parameters.windowSize,
            unixSeconds: unixSeconds)
        redis?.machine.mirror(analysis: Array(text.readable))
    }
}

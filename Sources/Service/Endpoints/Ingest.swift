internal import Bytes
internal import Wire
internal import Detection
internal import System
internal import HTTP
internal import SeriesLog

/// Whether a request is answered, or waits for the log in Redis.
enum Progress {
    case answered
    case waiting
}

/// POST /ingest and POST /metrics: samples in, verdicts out.
extension WorkerContext {
    /// Takes a POST whose body is the first `byteCount` bytes of `input`.
    /// - Parameter token: whose request it is, should it have to wait.
    mutating func take(
        _ request: PendingRequest, body input: borrowing ByteBuffer, byteCount: Int,
        for token: Token, into output: inout ByteBuffer
    ) -> Progress {
        let body = input.readable.extracting(0..<byteCount)
        metrics.add(1, .ingestRequests)
        do throws(SampleError) {
            try batch.decode(body, now: Double(unixSeconds))
        } catch {
            countRejected(batch)
            sendProblem(ResponseHead(.badRequest), error.detail, to: request, into: &output)
            return .answered
        }
        countRejected(batch)
        if batch.samples.isEmpty {
            let detail = Rejection.detail(of: batch)
            sendProblem(ResponseHead(.badRequest), detail, to: request, into: &output)
            return .answered
        }
        guard let log = shared.memory else { return store(request, token, into: &output) }
        verdicts.removeAll(keepingCapacity: true)
        for index in 0..<batch.samples.count {
            let verdict = judge(batch.samples[index], log)
            verdicts.append(verdict)
        }
        Stored.count(batch, verdicts, shared, metrics, &redis)
        answer.append(batch, verdicts, request)
        send(ResponseHead(VerdictAnswer.status(request)), to: request, into: &output)
        if verdicts.capacity > 4096 { verdicts = [] }
        return .answered
    }

    /// Appends a sample to the fleet's series and to its own; the verdict is its own series'.
    private func judge(_ decoded: DecodedSample, _ log: MemoryLog) -> Verdict {
        let fleetVerdict = log.appendToFleet(decoded.sample, now: now)
        if decoded.nameLength == 0 { return fleetVerdict }
        return log.append(decoded.sample, device: batch.name(decoded), now: now)
    }

    /// Hands the samples to the log in Redis; the answer follows when they are stored.
    private mutating func store(
        _ request: PendingRequest, _ token: Token, into output: inout ByteBuffer
    ) -> Progress {
        let count = batch.samples.count
        guard let ticket = redis?.machine.openIfRoom(samples: count) else {
            redisMetrics?.add(1, .queueFull)
            sendUnavailable(.queueFull, to: request, into: &output)
            return .answered
        }
        redis?.machine.add(batch, ticket)
        let waiting = waiting.add(ticket)
        waiting.kind = .samples
        waiting.token = token
        waiting.request = request
        swap(&waiting.batch, &batch)
        redis?.machine.close(ticket)
        return .waiting
    }

    private func countRejected(_ batch: borrowing SampleBatch) {
        guard batch.rejected > 0 else { return }
        for fault in SampleError.Fault.allCases {
            metrics.addRejected(batch.rejectedByFault[Int(fault.rawValue)], fault)
        }
    }
}

extension LogMachine {
    /// Adds all samples of a request.
    fileprivate mutating func add(_ batch: borrowing SampleBatch, _ ticket: Int32) {
        for index in 0..<batch.samples.count {
            let decoded = batch.samples[index]
            add(decoded.sample, device: batch.name(decoded), ticket: ticket, position: index)
        }
    }
}

/// What becomes of samples besides their answer, once they are stored.
enum Stored {
    /// Counts them, and tells the lists of those that were flagged.
    static func count(
        _ batch: borrowing SampleBatch, _ verdicts: [Verdict], _ shared: SharedState,
        _ metrics: WorkerMetrics, _ redis: inout RedisLog?
    ) {
        metrics.add(batch.samples.count, .samples)
        for index in 0..<verdicts.count where verdicts[index].isFlagged {
            if verdicts[index].isAnomaly { metrics.add(1, .anomalies) }
            if verdicts[index].alert { metrics.add(1, .alerts) }
            let decoded = batch.samples[index]
            let device = batch.name(decoded)
            if let anomalies = shared.anomalies {
                anomalies.add(
                    FlaggedSample(
                        device: device.count == 0 ? nil : DeviceKey(device),
                        sample: decoded.sample, verdict: verdicts[index]))
            } else {
                var text = ByteBuffer(limit: 4096)
                text.append(flagged: decoded.sample, verdicts[index], device: device)
                let note = FlaggedNote(
                    device: Array(device), isAlert: verdicts[index].alert,
                    text: Array(text.readable))
                redis?.machine.publish(note)
            }
        }
    }
}

private enum Rejection {
    static func detail(of batch: borrowing SampleBatch) -> String {
        "no good sample among \(batch.rejected); the first: "
            + (batch.faults.first?.error.detail ?? "none")
    }
}

/// How a request with samples is answered.
enum VerdictAnswer {
    static func status(_ request: PendingRequest) -> HTTPStatus {
        request.path == .metrics ? .ok : .accepted
    }
}

extension Verdict {
    var isFlagged: Bool { isAnomaly || alert }
}

extension ByteBuffer {
    /// The answer to samples that are stored, with their verdicts in the same order.
    mutating func append(
        _ batch: borrowing SampleBatch, _ verdicts: [Verdict], _ request: PendingRequest
    ) {
        guard batch.isSingle else {
            appendMany(batch, verdicts, request.verdicts)
            return
        }
        let decoded = batch.samples[0]
        if request.path == .metrics {
            append("{\"status\":\"ok\",\"metric\":")
            append(decoded.sample, device: batch.name(decoded))
            append(",\"verdict\":{")
            append(verdicts[0], device: batch.name(decoded))
            append("}}")
        } else {
            append("{\"status\":\"accepted\",")
            append(verdicts[0], device: batch.name(decoded))
            append("}")
        }
    }

    private mutating func appendMany(
        _ batch: borrowing SampleBatch, _ verdicts: [Verdict], _ selection: VerdictSelection
    ) {
        var anomalies = 0
        var alerts = 0
        var listed = 0
        append("{\"status\":\"accepted\",\"verdicts\":[")
        for position in 0..<batch.samples.count {
            if verdicts[position].isAnomaly { anomalies += 1 }
            if verdicts[position].alert { alerts += 1 }
            guard lists(verdicts[position], selection) else { continue }
            let decoded = batch.samples[position]
            append(listed == 0 ? "{\"index\":" : ",{\"index\":")
            listed += 1
            append(integer: decoded.index)
            append(",")
            append(verdicts[position], device: batch.name(decoded))
            append("}")
        }
        append("],\"accepted\":")
        append(integer: batch.samples.count)
        append(",\"rejected\":")
        append(integer: batch.rejected)
        append(",\"anomalies\":")
        append(integer: anomalies)
        append(",\"alerts\":")
        append(integer: alerts)
        appendFaults(batch)
        append("}")
    }

    private func lists(_ verdict: Verdict, _ selection: VerdictSelection) -> Bool {
        switch selection {
        case .all: true
        case .flagged: verdict.isFlagged
        case .none: false
        }
    }

    private mutating func appendFaults(_ batch: borrowing SampleBatch) {
        append(",\"errors\":[")
        for (position, fault) in batch.faults.enumerated() {
            append(position == 0 ? "{\"index\":" : ",{\"index\":")
            append(integer: fault.index)
            append(",\"detail\":")
            append(jsonString: fault.error.detail)
            append("}")
        }
        append("]")
    }

    /// A flagged sample with its verdict, as GET /anomalies lists it.
    mutating func append(flagged sample: Sample, _ verdict: Verdict, device: Span<UInt8>) {
        append("{\"rps\":")
        append(number: sample.rps)
        append(",\"cpu\":")
        append(number: sample.cpu)
        append(",")
        append(verdict, device: device)
        append("}")
    }
}

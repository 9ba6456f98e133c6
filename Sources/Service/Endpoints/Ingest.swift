internal import Bytes
internal import Contract
internal import Detection
internal import HTTP
internal import SeriesLog

/// POST /ingest and POST /metrics: samples in, verdicts out.
extension WorkerContext {
    mutating func answer(
        _ request: PendingRequest, body: borrowing ByteBuffer, into output: inout ByteBuffer
    ) {
        answer(request, body: body, byteCount: body.count, into: &output)
    }

    /// Answers a POST whose body is the first `byteCount` bytes of `input`.
    mutating func answer(
        _ request: PendingRequest, body input: borrowing ByteBuffer, byteCount: Int,
        into output: inout ByteBuffer
    ) {
        let body = input.readable.extracting(0..<byteCount)
        metrics.add(1, .ingestRequests)
        do throws(SampleError) {
            try batch.decode(body, now: Double(unixSeconds))
        } catch {
            countRejected()
            sendProblem(ResponseHead(.badRequest), error.detail, to: request, into: &output)
            return
        }
        if batch.isSingle {
            answerSingle(request, into: &output)
        } else {
            answerBatch(request, into: &output)
        }
    }

    private mutating func answerSingle(
        _ request: PendingRequest, into output: inout ByteBuffer
    ) {
        let decoded = batch.samples[0]
        let verdict = accept(decoded)
        switch request.path {
        case .metrics:
            answer.append("{\"status\":\"ok\",\"metric\":")
            answer.append(sampleOf: decoded, in: batch)
            answer.append(",\"verdict\":{")
            answer.append(verdict, on: decoded, in: batch)
            answer.append("}}")
            send(ResponseHead(.ok), to: request, into: &output)
        default:
            answer.append("{\"status\":\"accepted\",")
            answer.append(verdict, on: decoded, in: batch)
            answer.append("}")
            send(ResponseHead(.accepted), to: request, into: &output)
        }
    }

    /// Appends a sample to its series and to the fleet's, and counts what came of it.
    private mutating func accept(_ decoded: DecodedSample) -> Verdict {
        let fleetVerdict = shared.log.appendToFleet(decoded.sample, now: now)
        let verdict =
            decoded.nameLength == 0
            ? fleetVerdict
            : shared.log.append(decoded.sample, device: batch.name(decoded), now: now)
        metrics.add(1, .samples)
        if verdict.isAnomaly || verdict.alert { noteFlagged(decoded, verdict) }
        return verdict
    }

    private mutating func noteFlagged(_ decoded: DecodedSample, _ verdict: Verdict) {
        if verdict.isAnomaly { metrics.add(1, .anomalies) }
        if verdict.alert { metrics.add(1, .alerts) }
        let device = decoded.nameLength == 0 ? nil : DeviceKey(batch.name(decoded))
        shared.anomalies.add(
            FlaggedSample(device: device, sample: decoded.sample, verdict: verdict))
    }

    private func countRejected() {
        guard batch.rejected > 0 else { return }
        for fault in SampleError.Fault.allCases {
            metrics.addRejected(batch.rejectedByFault[Int(fault.rawValue)], fault)
        }
    }

    private mutating func answerBatch(
        _ request: PendingRequest, into output: inout ByteBuffer
    ) {
        countRejected()
        guard !batch.samples.isEmpty else {
            let first = batch.faults.first
            sendProblem(
                ResponseHead(.badRequest),
                "no good sample among \(batch.rejected); the first: "
                    + (first?.error.detail ?? "none"),
                to: request, into: &output)
            return
        }
        var anomalies = 0
        var alerts = 0
        var listed = 0
        answer.append("{\"status\":\"accepted\",\"verdicts\":[")
        for position in 0..<batch.samples.count {
            let decoded = batch.samples[position]
            let verdict = accept(decoded)
            if verdict.isAnomaly { anomalies += 1 }
            if verdict.alert { alerts += 1 }
            guard lists(verdict, request.verdicts) else { continue }
            answer.append(listed == 0 ? "{\"index\":" : ",{\"index\":")
            listed += 1
            answer.append(integer: decoded.index)
            answer.append(",")
            answer.append(verdict, on: decoded, in: batch)
            answer.append("}")
        }
        answer.append("],\"accepted\":")
        answer.append(integer: batch.samples.count)
        answer.append(",\"rejected\":")
        answer.append(integer: batch.rejected)
        answer.append(",\"anomalies\":")
        answer.append(integer: anomalies)
        answer.append(",\"alerts\":")
        answer.append(integer: alerts)
        appendErrors()
        answer.append("}")
        let status: HTTPStatus = request.path == .metrics ? .ok : .accepted
        send(ResponseHead(status), to: request, into: &output)
    }

    private func lists(_ verdict: Verdict, _ selection: VerdictSelection) -> Bool {
        switch selection {
        case .all: true
        case .flagged: verdict.isAnomaly || verdict.alert
        case .none: false
        }
    }

    private mutating func appendErrors() {
        answer.append(",\"errors\":[")
        for (position, fault) in batch.faults.enumerated() {
            answer.append(position == 0 ? "{\"index\":" : ",{\"index\":")
            answer.append(integer: fault.index)
            answer.append(",\"detail\":")
            answer.append(jsonString: fault.error.detail)
            answer.append("}")
        }
        answer.append("]")
    }
}

extension ByteBuffer {
    /// Appends the members of a verdict on a sample of the batch.
    fileprivate mutating func append(
        _ verdict: Verdict, on decoded: DecodedSample, in batch: borrowing SampleBatch
    ) {
        append(verdict, device: batch.name(decoded))
    }

    /// Appends a sample of the batch as it is stored.
    fileprivate mutating func append(
        sampleOf decoded: DecodedSample, in batch: borrowing SampleBatch
    ) {
        append(decoded.sample, device: batch.name(decoded))
    }
}

package import Bytes
package import Detection

extension Verdict {
    /// Whether the sample is listed as unusual.
    package var isFlagged: Bool { isAnomaly || alert }
}

extension ByteBuffer {
    /// Appends the reply to a POST whose samples are stored and have their verdicts.
    package mutating func append(verdictsOf batch: borrowing SampleBatch, to request: Request) {
        guard batch.isSingle else {
            append(listOf: batch, request.selection)
            return
        }
        let decoded = batch.samples[0]
        guard batch.duplicates == 0 else {
            append(duplicate: decoded, of: batch, to: request)
            return
        }
        let verdict = batch.verdicts[0]
        if request.endpoint == .metrics {
            append("{\"status\":\"ok\",\"metric\":")
            append(decoded.sample, device: batch.name(decoded), isValue: decoded.isValue)
            append(",\"verdict\":{")
            append(verdict, device: batch.name(decoded))
            append("}}")
        } else {
            append("{\"status\":\"accepted\",")
            append(verdict, device: batch.name(decoded))
            append("}")
        }
    }

    /// The only sample was stored before, and had its verdict then.
    private mutating func append(
        duplicate decoded: DecodedSample, of batch: borrowing SampleBatch, to request: Request
    ) {
        if request.endpoint == .metrics {
            append("{\"status\":\"ok\",\"duplicate\":true,\"metric\":")
            append(decoded.sample, device: batch.name(decoded), isValue: decoded.isValue)
            append("}")
        } else {
            append("{\"status\":\"accepted\",\"duplicate\":true,\"accepted\":1,\"duplicates\":1}")
        }
    }

    private mutating func append(
        listOf batch: borrowing SampleBatch, _ selection: VerdictSelection
    ) {
        let verdicts = batch.verdicts
        var anomalies = 0
        var alerts = 0
        var listed = 0
        let duplicates = batch.duplicates
        append("{\"status\":\"accepted\",")
        if duplicates > 0 { append("\"duplicate\":true,") }
        append("\"verdicts\":[")
        for position in 0..<batch.samples.count {
            if verdicts[position].isAnomaly { anomalies += 1 }
            if verdicts[position].alert { alerts += 1 }
            guard lists(verdicts[position], selection) else { continue }
            if duplicates > 0, batch.isDuplicate(position) { continue }
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
        if duplicates > 0 {
            append(",\"duplicates\":")
            append(integer: duplicates)
        }
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

    /// Appends a flagged sample with its verdict, as GET /anomalies lists it.
    package mutating func append(flagged sample: Sample, _ verdict: Verdict, device: Span<UInt8>) {
        append("{\"rps\":")
        append(number: sample.rps)
        append(cpuOf: sample)
        append(",")
        append(verdict, device: device)
        append("}")
    }

    /// Appends the sample's cpu as a member that follows others, where it was measured.
    mutating func append(cpuOf sample: Sample) {
        guard sample.hasCPU else { return }
        append(",\"cpu\":")
        append(number: sample.cpu)
    }
}

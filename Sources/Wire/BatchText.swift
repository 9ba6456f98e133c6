package import Bytes
package import Detection

extension Verdict {
    /// Whether the sample is listed as unusual.
    package var isFlagged: Bool { isAnomaly || alert }
}

extension VerdictSelection {
    func lists(_ verdict: Verdict) -> Bool {
        switch self {
        case .all: true
        case .flagged: verdict.isFlagged
        case .none: false
        }
    }
}

extension SampleBatch {
    /// Verdicts that the reply lists, at most.
    package func listedCount(_ selection: VerdictSelection) -> Int {
        selection == .all ? samples.count : verdicts.count { selection.lists($0) }
    }
}

/// How far the list of a batch's verdicts has come.
package struct VerdictList {
    /// The next sample.
    package fileprivate(set) var position = 0
    fileprivate var listed = 0
    fileprivate var anomalies = 0
    fileprivate var alerts = 0

    package init() {}
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
        var list = VerdictList()
        append(beginningOfListOf: batch)
        append(next: batch.samples.count, of: batch, selection, &list)
        append(endOfListOf: batch, list)
    }

    package mutating func append(beginningOfListOf batch: borrowing SampleBatch) {
        append("{\"status\":\"accepted\",")
        if batch.duplicates > 0 { append("\"duplicate\":true,") }
        append("\"verdicts\":[")
    }

    /// Appends what is listed of the next samples, so many at most.
    package mutating func append(
        next count: Int, of batch: borrowing SampleBatch, _ selection: VerdictSelection,
        _ list: inout VerdictList
    ) {
        let verdicts = batch.verdicts
        let duplicates = batch.duplicates
        let end = min(list.position + count, batch.samples.count)
        for position in list.position..<end {
            if verdicts[position].isAnomaly { list.anomalies += 1 }
            if verdicts[position].alert { list.alerts += 1 }
            guard selection.lists(verdicts[position]) else { continue }
            if duplicates > 0, batch.isDuplicate(position) { continue }
            let decoded = batch.samples[position]
            append(list.listed == 0 ? "{\"index\":" : ",{\"index\":")
            list.listed += 1
            append(integer: decoded.index)
            append(",")
            append(verdicts[position], device: batch.name(decoded))
            append("}")
        }
        list.position = end
    }

    package mutating func append(endOfListOf batch: borrowing SampleBatch, _ list: VerdictList) {
        append("],\"accepted\":")
        append(integer: batch.samples.count)
        if batch.duplicates > 0 {
            append(",\"duplicates\":")
            append(integer: batch.duplicates)
        }
        append(",\"rejected\":")
        append(integer: batch.rejected)
        append(",\"anomalies\":")
        append(integer: list.anomalies)
        append(",\"alerts\":")
        append(integer: list.alerts)
        appendFaults(batch)
        append("}")
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

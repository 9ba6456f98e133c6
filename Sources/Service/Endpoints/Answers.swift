internal import Bytes
internal import Contract
internal import Detection
internal import HTTP
internal import SeriesLog

/// The GET endpoints: which one answers, and the short ones themselves.
extension WorkerContext {
    mutating func answerGet(
        _ request: PendingRequest, _ head: RequestHead, _ bytes: Span<UInt8>,
        into output: inout ByteBuffer
    ) {
        let query: Query
        do throws(QueryError) {
            query = try Query(head.query, bytes)
        } catch {
            sendProblem(ResponseHead(.badRequest), "\(error.detail)", to: request, into: &output)
            return
        }
        switch request.path {
        case .analyze: answerAnalyze(request, query, into: &output)
        case .stats: answerStats(request, into: &output)
        case .health:
            answer.append("{\"status\":\"healthy\"}")
            send(ResponseHead(.ok), to: request, into: &output)
        case .ready: answerReady(request, into: &output)
        case .devices: answerDevices(request, query, into: &output)
        case .anomalies: answerAnomalies(request, query, into: &output)
        case .metrics, .prometheus, .metricsPrometheus:
            answerMetrics(request, accepts: bytes.extracting(head.accept), into: &output)
        case .ingest, .unknown:
            sendProblem(ResponseHead(.notFound), "no such path", to: request, into: &output)
        }
    }

    private mutating func answerReady(
        _ request: PendingRequest, into output: inout ByteBuffer
    ) {
        guard !shared.isDraining else {
            var head = ResponseHead(.serviceUnavailable)
            head.retryAfterSeconds = 1
            sendProblem(head, "the process is stopping", to: request, into: &output)
            return
        }
        answer.append("{\"status\":\"ready\"}")
        send(ResponseHead(.ok), to: request, into: &output)
    }

    private mutating func answerAnalyze(
        _ request: PendingRequest, _ query: Query, into output: inout ByteBuffer
    ) {
        let summary: SeriesSummary
        if let device = query.deviceID {
            guard let known = shared.log.summary(device: device.span, now: now) else {
                sendProblem(
                    ResponseHead(.notFound), "device_id: no such device", to: request,
                    into: &output)
                return
            }
            summary = known
        } else {
            summary = shared.log.fleetSummary()
        }
        answer.appendAnalysis(
            summary, windowSize: shared.parameters.windowSize, unixSeconds: unixSeconds)
        send(ResponseHead(.ok), to: request, into: &output)
    }

    private mutating func answerStats(
        _ request: PendingRequest, into output: inout ByteBuffer
    ) {
        let summary = shared.log.fleetSummary()
        answer.append("{\"count\":")
        answer.append(integer: summary.windowCount)
        answer.append(",\"avg_cpu\":")
        answer.append(number: summary.cpuMean)
        answer.append(",\"avg_rps\":")
        answer.append(number: summary.mean)
        answer.append(",\"last_cpu\":")
        answer.append(number: summary.lastSample.cpu)
        answer.append(",\"last_rps\":")
        answer.append(number: summary.lastSample.rps)
        answer.append(",\"last_timestamp\":")
        answer.append(number: summary.lastSample.timestamp)
        answer.append(",\"z_score\":")
        answer.append(number: summary.lastVerdict.zScore)
        answer.append(",\"is_anomaly\":")
        answer.append(boolean: summary.lastVerdict.isAnomaly)
        answer.append("}")
        send(ResponseHead(.ok), to: request, into: &output)
    }

    private mutating func answerDevices(
        _ request: PendingRequest, _ query: Query, into output: inout ByteBuffer
    ) {
        let limit = query.limit ?? Query.defaultPage
        let page =
            if let after = query.after {
                shared.log.devices(after: after.span, limit: limit, now: now)
            } else {
                shared.log.devices(after: nil, limit: limit, now: now)
            }
        guard let page else {
            sendProblem(
                ResponseHead(.notFound), "after: no such device", to: request, into: &output)
            return
        }
        answer.append("{\"devices\":[")
        for (position, entry) in page.enumerated() {
            if position > 0 { answer.append(",") }
            appendDevice(entry)
        }
        answer.append("],\"total\":")
        answer.append(integer: shared.log.deviceCount)
        if page.count == limit, let last = page.last {
            answer.append(",\"next\":")
            answer.append(jsonString: last.key.bytes)
        }
        answer.append("}")
        send(ResponseHead(.ok), to: request, into: &output)
    }

    private mutating func appendDevice(_ entry: DeviceEntry) {
        let verdict = entry.summary.lastVerdict
        answer.append("{\"device_id\":")
        answer.append(jsonString: entry.key.bytes)
        answer.append(",\"last_timestamp\":")
        answer.append(number: verdict.timestamp)
        answer.append(",\"total_processed\":")
        answer.append(integer: verdict.sequence)
        answer.append(",\"rolling_avg\":")
        answer.append(number: entry.summary.mean)
        answer.append(",\"last_rps\":")
        answer.append(number: entry.summary.lastSample.rps)
        answer.append(",\"last_cpu\":")
        answer.append(number: entry.summary.lastSample.cpu)
        answer.append(",\"is_anomaly\":")
        answer.append(boolean: verdict.isAnomaly)
        answer.append(",\"alert\":")
        answer.append(boolean: verdict.alert)
        answer.append("}")
    }

    private mutating func answerAnomalies(
        _ request: PendingRequest, _ query: Query, into output: inout ByteBuffer
    ) {
        answer.append("{\"anomalies\":[")
        for (position, flagged) in shared.anomalies.newest(query).enumerated() {
            if position > 0 { answer.append(",") }
            answer.append("{\"rps\":")
            answer.append(number: flagged.sample.rps)
            answer.append(",\"cpu\":")
            answer.append(number: flagged.sample.cpu)
            answer.append(",")
            if let device = flagged.device {
                answer.append(flagged.verdict, device: device.bytes)
            } else {
                let unnamed: [UInt8] = []
                answer.append(flagged.verdict, device: unnamed.span)
            }
            answer.append("}")
        }
        answer.append("]}")
        send(ResponseHead(.ok), to: request, into: &output)
    }
}

extension ByteBuffer {
    /// The analysis of a series, in the words of both dialects that ask for it.
    fileprivate mutating func appendAnalysis(
        _ summary: SeriesSummary, windowSize: Int, unixSeconds: Int
    ) {
        let verdict = summary.lastVerdict
        append("{\"count\":")
        append(integer: summary.windowCount)
        append(",\"windowSize\":")
        append(integer: windowSize)
        append(",\"rollingAvg\":")
        append(number: summary.mean)
        append(",\"stdDev\":")
        append(number: summary.standardDeviation)
        append(",\"zScore\":")
        append(number: verdict.zScore)
        append(",\"isAnomaly\":")
        append(boolean: verdict.isAnomaly)
        append(",\"lastRps\":")
        append(number: summary.lastSample.rps)
        append(",\"lastCpu\":")
        append(number: summary.lastSample.cpu)
        append(",\"computedAt\":")
        append(integer: unixSeconds)
        append(",\"rolling_average\":")
        append(number: summary.mean)
        append(",\"mean\":")
        append(number: summary.mean)
        append(",\"std_dev\":")
        append(number: summary.standardDeviation)
        appendTotals(summary, windowSize: windowSize)
        append(",\"cpu\":{\"mean\":")
        append(number: summary.cpuMean)
        append(",\"std_dev\":")
        append(number: summary.cpuStandardDeviation)
        append(",\"z_score\":")
        append(number: verdict.cpuZScore)
        append("},\"score\":")
        append(number: verdict.score)
        append(",\"alert\":")
        append(boolean: verdict.alert)
        append(",\"alert_count\":")
        append(integer: summary.alerts)
        append("}")
    }

    private mutating func appendTotals(_ summary: SeriesSummary, windowSize: Int) {
        let total = summary.lastVerdict.sequence
        append(",\"anomaly_count\":")
        append(integer: summary.anomalies)
        append(",\"total_processed\":")
        append(integer: total)
        append(",\"anomaly_rate\":")
        append(number: total == 0 ? 0 : 100 * Double(summary.anomalies) / Double(total))
        append(",\"window_size\":")
        append(integer: windowSize)
    }
}

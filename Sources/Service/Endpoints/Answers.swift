internal import Bytes
internal import Wire
internal import Detection
internal import System
internal import HTTP
internal import SeriesLog

/// The GET endpoints: which one answers, and the short ones themselves.
extension WorkerContext {
    /// - Parameter token: whose request it is, should it have to wait.
    mutating func answerGet(
        _ request: PendingRequest, _ head: RequestHead, _ bytes: Span<UInt8>, for token: Token,
        into output: inout ByteBuffer
    ) -> Progress {
        let query: Query
        do throws(QueryError) {
            query = try Query(head.query, bytes)
        } catch {
            sendProblem(ResponseHead(.badRequest), "\(error.detail)", to: request, into: &output)
            return .answered
        }
        switch request.path {
        case .analyze: return look(.analysis, request, query, token, into: &output)
        case .stats: return look(.stats, request, query, token, into: &output)
        case .devices: return look(.devices, request, query, token, into: &output)
        case .anomalies: return look(.anomalies, request, query, token, into: &output)
        case .health:
            answer.append("{\"status\":\"healthy\"}")
            send(ResponseHead(.ok), to: request, into: &output)
        case .ready: answerReady(request, into: &output)
        case .metrics, .prometheus, .metricsPrometheus:
            answerMetrics(request, accepts: bytes.extracting(head.accept), into: &output)
        case .ingest, .unknown:
            sendProblem(ResponseHead(.notFound), "no such path", to: request, into: &output)
        }
        return .answered
    }

    private mutating func answerReady(
        _ request: PendingRequest, into output: inout ByteBuffer
    ) {
        let reason: StaticString? =
            shared.isDraining
            ? "the process is stopping" : shared.isStoreUp ? nil : StoreFailure.unreachable.detail
        if let reason {
            var head = ResponseHead(.serviceUnavailable)
            head.retryAfterSeconds = 1
            sendProblem(head, "\(reason)", to: request, into: &output)
            return
        }
        answer.append("{\"status\":\"ready\"}")
        send(ResponseHead(.ok), to: request, into: &output)
    }

    /// Answers a question about series or lists: at once from memory, or when Redis has told.
    private mutating func look(
        _ kind: WaitingRequest.Kind, _ request: PendingRequest, _ query: Query, _ token: Token,
        into output: inout ByteBuffer
    ) -> Progress {
        if let memory = shared.memory {
            answerFromMemory(kind, request, query, memory, into: &output)
            return .answered
        }
        guard let ticket = redis?.machine.openIfRoom(samples: 0) else {
            sendUnavailable(.queueFull, to: request, into: &output)
            return .answered
        }
        switch kind {
        case .samples: break
        case .analysis:
            let name = query.deviceID ?? []
            redis?.machine.refresh(name.span, ticket: ticket)
        case .stats:
            let unnamed: [UInt8] = []
            redis?.machine.refresh(unnamed.span, ticket: ticket)
        case .devices:
            redis?.machine.listDevices(
                after: query.after, limit: query.limit ?? Query.defaultPage, ticket: ticket)
        case .anomalies:
            let isFiltered = query.deviceID != nil || query.alertsOnly
            redis?.machine.listFlagged(
                count: isFiltered
                    ? RedisSettings.anomalyLimit : query.limit ?? Query.defaultPage,
                ticket: ticket)
        }
        let waiting = waiting.add(ticket)
        waiting.kind = kind
        waiting.token = token
        waiting.request = request
        waiting.query = query
        redis?.machine.close(ticket)
        return .waiting
    }

    // MARK: From memory

    private mutating func answerFromMemory(
        _ kind: WaitingRequest.Kind, _ request: PendingRequest, _ query: Query, _ log: MemoryLog,
        into output: inout ByteBuffer
    ) {
        switch kind {
        case .samples: break
        case .analysis:
            let summary =
                if let device = query.deviceID {
                    log.summary(device: device.span, now: now)
                } else { Optional(log.fleetSummary()) }
            answerAnalysis(summary, request, into: &output)
        case .stats: answerStats(log.fleetSummary(), request, into: &output)
        case .devices:
            let limit = query.limit ?? Query.defaultPage
            let page =
                if let after = query.after {
                    log.devices(after: after.span, limit: limit, now: now)
                } else {
                    log.devices(after: nil, limit: limit, now: now)
                }
            let rows = page?.map { DeviceRow(name: Array($0.key.bytes), summary: $0.summary) }
            answerDevices(rows, total: log.deviceCount, limit: limit, request, into: &output)
        case .anomalies: answerAnomaliesFromMemory(request, query, into: &output)
        }
    }

    private mutating func answerAnomaliesFromMemory(
        _ request: PendingRequest, _ query: Query, into output: inout ByteBuffer
    ) {
        answer.append("{\"anomalies\":[")
        for (position, flagged) in (shared.anomalies?.newest(query) ?? []).enumerated() {
            if position > 0 { answer.append(",") }
            let name = flagged.device.map { Array($0.bytes) } ?? []
            answer.append(flagged: flagged.sample, flagged.verdict, device: name.span)
        }
        answer.append("]}")
        send(ResponseHead(.ok), to: request, into: &output)
    }

    // MARK: Answers

    /// - Parameter summary: nil when the device that was asked for is unknown.
    mutating func answerAnalysis(
        _ summary: SeriesSummary?, _ request: PendingRequest, into output: inout ByteBuffer
    ) {
        guard let summary else {
            sendProblem(
                ResponseHead(.notFound), "device_id: no such device", to: request, into: &output)
            return
        }
        answer.appendAnalysis(
            summary, windowSize: shared.parameters.windowSize, unixSeconds: unixSeconds)
        send(ResponseHead(.ok), to: request, into: &output)
    }

    mutating func answerStats(
        _ summary: SeriesSummary, _ request: PendingRequest, into output: inout ByteBuffer
    ) {
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

    /// - Parameter rows: nil when the device to begin after is unknown.
    mutating func answerDevices(
        _ rows: [DeviceRow]?, total: Int, limit: Int, _ request: PendingRequest,
        into output: inout ByteBuffer
    ) {
        guard let rows else {
            sendProblem(
                ResponseHead(.notFound), "after: no such device", to: request, into: &output)
            return
        }
        answer.append("{\"devices\":[")
        for (position, row) in rows.enumerated() {
            if position > 0 { answer.append(",") }
            answer.append(row)
        }
        answer.append("],\"total\":")
        answer.append(integer: total)
        if rows.count == limit, let last = rows.last {
            answer.append(",\"next\":")
            answer.append(jsonString: last.name.span)
        }
        answer.append("}")
        send(ResponseHead(.ok), to: request, into: &output)
    }
}

/// A device in a listing.
struct DeviceRow {
    let name: [UInt8]
    let summary: SeriesSummary
}

extension ByteBuffer {
    fileprivate mutating func append(_ row: DeviceRow) {
        let verdict = row.summary.lastVerdict
        append("{\"device_id\":")
        append(jsonString: row.name.span)
        append(",\"last_timestamp\":")
        append(number: verdict.timestamp)
        append(",\"total_processed\":")
        append(integer: verdict.sequence)
        append(",\"rolling_avg\":")
        append(number: row.summary.mean)
        append(",\"last_rps\":")
        append(number: row.summary.lastSample.rps)
        append(",\"last_cpu\":")
        append(number: row.summary.lastSample.cpu)
        append(",\"is_anomaly\":")
        append(boolean: verdict.isAnomaly)
        append(",\"alert\":")
        append(boolean: verdict.alert)
        append("}")
    }
}

extension ByteBuffer {
    /// The analysis of a series, in the words of both dialects that ask for it.
    mutating func appendAnalysis(
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

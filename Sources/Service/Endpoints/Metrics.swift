internal import Bytes
internal import Wire
internal import Detection
internal import System
internal import HTTP
internal import SeriesLog
internal import Telemetry

/// GET /metrics and its two other names: everything a Prometheus scrapes (contract section 6).
extension WorkerContext {
    mutating func answerMetrics(
        _ request: PendingRequest, accepts: Span<UInt8>, into output: inout ByteBuffer
    ) {
        let isOpenMetrics = accepts.holds("application/openmetrics-text")
        var scrape = Scrape(shared, isOpenMetrics ? .openMetrics : .prometheusText)
        scrape.write(into: &answer)
        var head = ResponseHead(.ok)
        head.mediaType = isOpenMetrics ? .openMetrics : .prometheusText
        send(head, to: request, into: &output)
    }
}

extension Span<UInt8> {
    /// Whether `word` stands anywhere in the bytes.
    fileprivate func holds(_ word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        guard count >= length else { return false }
        for start in 0...count - length
        where spells(ByteRange(start, start + length), word, ignoringCase: true) {
            return true
        }
        return false
    }
}

/// One scrape: adds up what the workers counted and asks the process for the rest.
private struct Scrape: ~Copyable {
    private let shared: SharedState
    private var writer: ExpositionWriter

    init(_ shared: SharedState, _ format: ExpositionWriter.Format) {
        self.shared = shared
        writer = ExpositionWriter(format)
    }

    mutating func write(into output: inout ByteBuffer) {
        writeSamples(&output)
        writeRequests(&output)
        writeSeries(&output)
        writeRedis(&output)
        writeProcess(&output)
        writeMemory(&output)
        writer.finish(into: &output)
    }

    private func total(_ counter: WorkerMetrics.Counter) -> Double {
        Double(shared.metrics.reduce(0) { $0 + $1.value(counter) })
    }

    private mutating func single(
        _ name: String, _ kind: MetricKind, _ help: String, _ value: Double,
        _ output: inout ByteBuffer
    ) {
        writer.family(name, kind, help: help, into: &output)
        writer.sample(value, into: &output)
    }

    private mutating func writeSamples(_ output: inout ByteBuffer) {
        let anomalies = total(.anomalies)
        single(
            "ingest_requests_total", .counter, "POST requests with samples.",
            total(.ingestRequests), &output)
        single(
            "anomalies_total", .counter, "Samples with is_anomaly.", anomalies, &output)
        single(
            "anomalies_detected_total", .counter, "The same as anomalies_total, by another name.",
            anomalies, &output)
        single("alerts_total", .counter, "Samples with alert.", total(.alerts), &output)
        single("samples_total", .counter, "Samples accepted.", total(.samples), &output)
        writer.family(
            "samples_rejected_total", .counter, help: "Samples refused, by what was wrong.",
            into: &output)
        for fault in SampleError.Fault.allCases {
            let count = shared.metrics.reduce(0) { $0 + $1.rejected(fault) }
            writer.sample(Double(count), labels: "reason=\"\(fault.label)\"", into: &output)
        }
    }

    private mutating func writeRequests(_ output: inout ByteBuffer) {
        writer.family(
            "http_requests_total", .counter, help: "Requests answered.", into: &output)
        for (method, methodName) in WorkerMetrics.methods.enumerated() {
            for path in Path.allCases {
                for (status, code) in WorkerMetrics.statuses.enumerated() {
                    let count = shared.metrics.reduce(0) {
                        $0 + $1.requests(method: method, path: Int(path.rawValue), status: status)
                    }
                    guard count > 0 || Scrape.isAwaited(method, path, code) else { continue }
                    writer.sample(
                        Double(count),
                        labels: "method=\"\(methodName)\",route=\"\(path.pattern)\","
                            + "status=\"\(code.rawValue)\"",
                        into: &output)
                }
            }
        }
        writeDurations(&output)
        single(
            "http_requests_in_flight", .gauge, "Requests whose body is still arriving.",
            total(.inFlight), &output)
        single(
            "http_connections", .gauge, "Open client connections.", total(.connections), &output)
    }

    /// What clients ask for, with its success and what may refuse it, has a series from the start.
    /// A rate knows nothing of a counter's first value: a burst of refusals between two scrapes
    /// would never be seen if its series began with it.
    private static func isAwaited(_ method: Int, _ path: Path, _ code: HTTPStatus) -> Bool {
        let asked: HTTPMethod
        switch path {
        case .ingest, .metrics: asked = .post
        case .analyze, .stats, .devices, .anomalies: asked = .get
        case .health, .ready, .prometheus, .metricsPrometheus, .unknown: return false
        }
        guard method == WorkerMetrics.methodIndex(asked) else { return false }
        switch code {
        case .ok: return path != .ingest
        case .accepted: return path == .ingest
        case .tooManyRequests, .internalError, .serviceUnavailable: return true
        default: return false
        }
    }

    private mutating func writeDurations(_ output: inout ByteBuffer) {
        let bounds = DurationBuckets.upperBounds
        let counts = (0...bounds.count).map { bucket in
            shared.metrics.reduce(0) { $0 + $1.durations.count(inBucket: bucket) }
        }
        writer.family(
            "http_request_duration_seconds", .histogram,
            help: "From a request's arrival to its answer being ready to send.", into: &output)
        writer.histogram(
            upperBounds: bounds, counts: counts,
            sum: shared.metrics.reduce(0) { $0 + $1.durations.sumSeconds }, into: &output)
    }

    private mutating func writeSeries(_ output: inout ByteBuffer) {
        let fleet = shared.fleet
        single(
            "current_rps", .gauge, "rps of the fleet's last sample.", fleet.lastSample.rps, &output)
        single(
            "rolling_average_rps", .gauge, "Mean rps of the fleet's window.", fleet.mean, &output)
        single(
            "devices", .gauge, "Devices with a series.", Double(shared.deviceCount), &output)
        single(
            "devices_evicted_total", .counter, "Series dropped because MAX_DEVICES was reached.",
            Double(shared.memory?.evicted ?? 0), &output)
        single(
            "devices_expired_total", .counter, "Series dropped after SERIES_TTL without a sample.",
            Double(shared.memory?.expired ?? 0), &output)
    }

    private func total(_ counter: RedisMetrics.Counter) -> Double {
        Double(shared.redisMetrics.reduce(0) { $0 + $1.value(counter) })
    }

    private mutating func writeRedis(_ output: inout ByteBuffer) {
        guard !shared.redisMetrics.isEmpty else { return }
        single(
            "redis_up", .gauge, "1 while every loop reaches what it needs to store a sample.",
            shared.isStoreUp ? 1 : 0, &output)
        counts(
            "redis_commands_total", "Commands by how they ended.", "outcome",
            [
                ("ok", .commandsOK), ("error", .commandsFailed),
                ("redirected", .commandsRedirected), ("lost", .commandsLost),
            ], &output)
        counts(
            "redis_reads_total", "Streams read, by why.", "why",
            [
                ("load", .loads), ("check", .checks), ("catch_up_device", .deviceCatchUps),
                ("catch_up_fleet", .fleetCatchUps),
            ], &output)
        counts(
            "redis_settled_total", "Entries in flight on a cut connection, by what was found.",
            "outcome",
            [
                ("found", .settledFound), ("sent_again", .settledSentAgain),
                ("unknown", .settledUnknown),
            ], &output)
        counts(
            "redis_refused_requests_total", "Requests answered 503 because of Redis, by why.",
            "reason", [("timeout", .timedOut), ("queue_full", .queueFull)], &output)
        for (name, help, counter) in Scrape.redisCounters {
            single(name, .counter, help, total(counter), &output)
        }
        single(
            "redis_waiting_samples", .gauge, "Samples on their way into the log.",
            Double(shared.redisMetrics.reduce(0) { $0 + $1.value(.waiting) }), &output)
        writeFlights(&output)
    }

    private static let redisCounters: [(String, String, RedisMetrics.Counter)] = [
        ("redis_entries_read_total", "Entries of streams read.", .entriesRead),
        (
            "redis_entries_not_understood_total", "Entries that no version of this program wrote.",
            .entriesNotUnderstood
        ),
        ("redis_checkpoints_total", "Checkpoints written.", .checkpointsWritten),
        (
            "redis_checkpoints_refused_total", "Checkpoints of another build or other parameters.",
            .checkpointsRefused
        ),
        ("redis_gaps_total", "Parts of a series' log that were gone before they were read.", .gaps),
        ("redis_connections_lost_total", "Connections that were cut.", .connectionsLost),
        (
            "redis_side_writes_dropped_total", "Writes beside the series for which no room was.",
            .sideWritesDropped
        ),
    ]

    private mutating func counts(
        _ name: String, _ help: String, _ label: String,
        _ values: [(String, RedisMetrics.Counter)], _ output: inout ByteBuffer
    ) {
        writer.family(name, .counter, help: help, into: &output)
        for (value, counter) in values {
            writer.sample(total(counter), labels: "\(label)=\"\(value)\"", into: &output)
        }
    }

    private mutating func writeFlights(_ output: inout ByteBuffer) {
        let bounds = DurationBuckets.upperBounds
        writer.family(
            "redis_command_duration_seconds", .histogram,
            help: "From a pipeline's sending to its last reply.", into: &output)
        writer.histogram(
            upperBounds: bounds,
            counts: (0...bounds.count).map { bucket in
                shared.redisMetrics.reduce(0) { $0 + $1.durations.count(inBucket: bucket) }
            },
            sum: shared.redisMetrics.reduce(0) { $0 + $1.durations.sumSeconds }, into: &output)
        writer.family(
            "redis_batch_samples", .histogram, help: "Samples of one pipeline, in all its series.",
            into: &output)
        writer.histogram(
            upperBounds: RedisMetrics.batchBounds,
            counts: (0...RedisMetrics.batchBounds.count).map { bucket in
                shared.redisMetrics.reduce(0) { $0 + $1.pipelines(inBucket: bucket) }
            },
            sum: total(.pipelineSamples), into: &output)
    }

    private mutating func writeProcess(_ output: inout ByteBuffer) {
        let usage = ProcessUsage.read()
        single(
            "process_cpu_seconds_total", .counter, "Processor time used.",
            Clock.processProcessorTime().seconds, &output)
        single(
            "process_resident_memory_bytes", .gauge, "Resident memory.",
            Double(usage.residentBytes), &output)
        single(
            "process_open_fds", .gauge, "Open file descriptors.", Double(usage.openDescriptors),
            &output)
        single(
            "process_max_fds", .gauge, "Most file descriptors allowed.",
            Double(usage.descriptorLimit), &output)
        single("process_threads", .gauge, "Threads.", Double(usage.threads), &output)
        single(
            "process_start_time_seconds", .gauge, "Start, in Unix time.",
            shared.startedUnixSeconds, &output)
        writer.family("tidemark_build_info", .info, help: "The build; always 1.", into: &output)
        writer.sample(
            1, labels: "version=\"\(Build.version)\",swift=\"\(Build.swiftVersion)\"",
            suffix: "", into: &output)
    }

    private mutating func writeMemory(_ output: inout ByteBuffer) {
        let memory = AllocatorStatistics.read()
        single(
            "jemalloc_allocated_bytes", .gauge, "Memory in use by the program.",
            Double(memory.allocated), &output)
        single(
            "jemalloc_active_bytes", .gauge, "Memory in pages that are in use.",
            Double(memory.active), &output)
        single(
            "jemalloc_resident_bytes", .gauge, "Memory the allocator holds in RAM.",
            Double(memory.resident), &output)
        single(
            "jemalloc_mapped_bytes", .gauge, "Memory the allocator has mapped.",
            Double(memory.mapped), &output)
    }
}

internal import Push
internal import Store
internal import Detection
internal import Bytes
internal import HTTP
internal import System
internal import Telemetry
internal import Wire

/// One scrape: sums what the loops counted, and asks the process and the store for the rest.
struct Scrape: ~Copyable {
    private let shared: SharedState
    private var writer: ExpositionWriter

    init(_ shared: SharedState, _ format: ExpositionWriter.Format) {
        self.shared = shared
        writer = ExpositionWriter(format)
    }

    mutating func write(into output: inout ByteBuffer) {
        writeSamples(into: &output)
        writeRequests(into: &output)
        writeSeries(into: &output)
        writeNotifications(into: &output)
        shared.store.write(&writer, into: &output)
        writeProcess(into: &output)
        writeMemory(into: &output)
        writer.finish(into: &output)
    }

    private func total(_ counter: RequestMetrics.Counter) -> Double {
        Double(shared.metrics.reduce(0) { $0 + $1.value(counter) })
    }

    /// A number that the loops count, as it is scraped.
    private struct Counted {
        let name: String
        let counter: RequestMetrics.Counter
        var kind = MetricKind.counter
        let help: String
    }

    private static let ofSamples = [
        Counted(
            name: "ingest_requests_total", counter: .ingestRequests,
            help: "POST requests with samples."),
        Counted(name: "anomalies_total", counter: .anomalies, help: "Samples with is_anomaly."),
        Counted(
            name: "anomalies_detected_total", counter: .anomalies,
            help: "The same as anomalies_total, by another name."),
        Counted(name: "alerts_total", counter: .alerts, help: "Samples with alert."),
        Counted(name: "samples_total", counter: .samples, help: "Samples accepted."),
        Counted(
            name: "samples_duplicate_total", counter: .duplicates,
            help: "Samples of requests sent again with their Idempotency-Key, stored before."),
        Counted(
            name: "lines_ignored_total", counter: .linesIgnored,
            help: "Lines of the line protocol that hold neither rps nor value."),
        Counted(
            name: "remote_write_unpaired_total", counter: .remoteUnpaired,
            help: "Samples of REMOTE_WRITE_CPU without one of REMOTE_WRITE_RPS at the same time."),
        Counted(
            name: "remote_write_ignored_total", counter: .remoteIgnored,
            help: "Samples of Prometheus of other metrics than those of a sample."),
    ]

    private static let ofConnections = [
        Counted(
            name: "http_requests_in_flight", counter: .inFlight, kind: .gauge,
            help: "Requests whose body is still arriving."),
        Counted(
            name: "http_connections", counter: .connections, kind: .gauge,
            help: "Open client connections."),
        Counted(
            name: "connections_aged_total", counter: .agedConnections,
            help: "Connections whose last answer came because of MAX_CONNECTION_AGE."),
        Counted(
            name: "connections_crowded_total", counter: .crowdedConnections,
            help: "Idle connections closed to make room for others, because of MAX_CONNECTIONS."),
        Counted(
            name: "connections_slow_total", counter: .slowConnections,
            help:
                "Connections closed because their clients did not read, beyond MAX_BUFFERED_BYTES."),
        Counted(
            name: "auth_failures_total", counter: .wrongTokens,
            help: "Requests with a token that is not one of ours."),
    ]

    private mutating func write(_ rows: [Counted], into output: inout ByteBuffer) {
        for row in rows {
            writer.single(
                row.name, row.kind, help: row.help, value: total(row.counter), into: &output)
        }
    }

    private mutating func writeSamples(into output: inout ByteBuffer) {
        write(Scrape.ofSamples, into: &output)
        writer.single(
            "idempotency_oldest_seconds", .gauge,
            help: "Age of the oldest request remembered by its Idempotency-Key; 0 without one.",
            value: oldestKeySeconds(), into: &output)
        writer.family(
            "samples_rejected_total", .counter, help: "Samples refused, by what was wrong.",
            into: &output)
        for fault in SampleError.Fault.allCases {
            let count = shared.metrics.reduce(0) { $0 + $1.rejected(fault) }
            writer.sample(Double(count), labels: "reason=\"\(fault.label)\"", into: &output)
        }
    }

    private func oldestKeySeconds() -> Double {
        guard let time = shared.store.oldestKeyTime else { return 0 }
        return max(0, (Double(Clock.unixNanoseconds()) * 1e-9).rounded(.down) - Double(time))
    }

    private mutating func writeRequests(into output: inout ByteBuffer) {
        writer.family(
            "http_requests_total", .counter, help: "Requests answered.", into: &output)
        for (method, methodName) in RequestMetrics.methods.enumerated() {
            for endpoint in Endpoint.allCases {
                for (status, code) in RequestMetrics.statuses.enumerated() {
                    let count = shared.metrics.reduce(0) {
                        $0 + $1.requests(method: method, endpoint: endpoint, status: status)
                    }
                    guard
                        count > 0
                            || Scrape.isAwaited(
                                method: method, endpoint: endpoint, status: code)
                    else { continue }
                    writer.sample(
                        Double(count),
                        labels: "method=\"\(methodName)\",route=\"\(endpoint.traits.pattern)\","
                            + "status=\"\(code.rawValue)\"",
                        into: &output)
                }
            }
        }
        writeDurations(into: &output)
        write(Scrape.ofConnections, into: &output)
    }

    /// What clients ask for, with its success and what may refuse it, has a series from the start.
    /// A rate knows nothing of a counter's first value: a burst of refusals between two scrapes
    /// would never be seen if its series began with it.
    private static func isAwaited(
        method: Int, endpoint: Endpoint, status code: HTTPStatus
    ) -> Bool {
        let traits = endpoint.traits
        // Of a path that takes POSTs, these are what clients come for.
        let asked: HTTPMethod = traits.postStatus == nil ? .get : .post
        guard method == RequestMetrics.methodIndex(asked), endpoint != .unmatched,
            asked == .post || !traits.isProbe
        else { return false }
        switch code {
        case .tooManyRequests, .internalError, .serviceUnavailable: return true
        default: return code == traits.postStatus ?? .ok
        }
    }

    private mutating func writeDurations(into output: inout ByteBuffer) {
        writer.durations(
            "http_request_duration_seconds",
            help: "From a request's arrival to its answer being ready to send.",
            shared.metrics.map(\.durations), into: &output)
    }

    private mutating func writeSeries(into output: inout ByteBuffer) {
        let fleet = shared.store.fleet
        writer.single(
            "current_rps", .gauge, help: "rps of the fleet's last sample.",
            value: fleet.lastSample.rps,
            into: &output)
        writer.single(
            "rolling_average_rps", .gauge, help: "Mean rps of the fleet's window.",
            value: fleet.mean,
            into: &output)
        let incidents = shared.store.incidents
        writer.single(
            "incidents_open", .gauge,
            help: "Incidents that are open, the same on every replica: take the maximum.",
            value: Double(incidents.openCount), into: &output)
        writer.family(
            "incidents_opened_total", .counter,
            help: "Incidents that this process saw begin, by the view that began them.",
            into: &output)
        for reason in Reason.allCases where reason != .none {
            writer.sample(
                Double(incidents.opened(reason)), labels: "reason=\"\(reason.word)\"",
                into: &output)
        }
        writer.family(
            "incident_feedback_total", .counter,
            help: "What people told this process of incidents: real, or false alarms.",
            into: &output)
        let feedback = incidents.feedback
        writer.sample(Double(feedback.real), labels: "real=\"true\"", into: &output)
        writer.sample(Double(feedback.other), labels: "real=\"false\"", into: &output)
        writer.family(
            "incidents_judged", .gauge,
            help: "Incidents that are kept and that people called real, or a false alarm, the same "
                + "on every replica: the precision of real use.",
            into: &output)
        let judged = incidents.judged
        writer.sample(Double(judged.real), labels: "real=\"true\"", into: &output)
        writer.sample(Double(judged.other), labels: "real=\"false\"", into: &output)
        writer.single(
            "devices", .gauge, help: "Devices with a series.",
            value: Double(shared.store.deviceCount),
            into: &output)
    }

    private mutating func writeNotifications(into output: inout ByteBuffer) {
        let metrics = shared.pushMetrics
        writer.family(
            "notifications_total", .counter,
            help: "What became of telling others of incidents: sent, failed (it is sent again), "
                + "refused, dropped.",
            into: &output)
        for kind in PushKind.allCases {
            for outcome in PushMetrics.Outcome.allCases {
                writer.sample(
                    Double(metrics.count(kind, outcome)),
                    labels: "target=\"\(kind.word)\",outcome=\"\(outcome.word)\"", into: &output)
            }
        }
        writer.family(
            "notifications_waiting", .gauge,
            help: "Incidents, or events of them, that a target is still to be told of.",
            into: &output)
        for kind in PushKind.allCases {
            writer.sample(
                Double(metrics.waiting(kind)), labels: "target=\"\(kind.word)\"", into: &output)
        }
    }

    private mutating func writeProcess(into output: inout ByteBuffer) {
        let usage = ProcessUsage.read()
        writer.single(
            "process_cpu_seconds_total", .counter, help: "Processor time used.",
            value: Clock.processProcessorTime().seconds, into: &output)
        writer.single(
            "process_resident_memory_bytes", .gauge, help: "Resident memory.",
            value: Double(usage.residentBytes), into: &output)
        writer.single(
            "process_open_fds", .gauge, help: "Open file descriptors.",
            value: Double(usage.openDescriptors),
            into: &output)
        writer.single(
            "process_max_fds", .gauge, help: "Most file descriptors allowed.",
            value: Double(usage.descriptorLimit), into: &output)
        writer.single(
            "process_threads", .gauge, help: "Threads.", value: Double(usage.threads), into: &output
        )
        writer.single(
            "process_start_time_seconds", .gauge, help: "Start, in Unix time.",
            value: shared.startedUnixSeconds, into: &output)
        writer.single(
            "log_lines_lost_total", .counter,
            help: "Lines of the log that standard error did not take at once.",
            value: Double(Log.lostLines), into: &output)
        writer.family("tidemark_build_info", .info, help: "The build; always 1.", into: &output)
        writer.sample(
            1, labels: "version=\"\(Build.version)\",swift=\"\(Build.swiftVersion)\"",
            suffix: "", into: &output)
    }

    private mutating func writeMemory(into output: inout ByteBuffer) {
        let memory = AllocatorStatistics.read()
        writer.single(
            "jemalloc_allocated_bytes", .gauge, help: "Memory in use by the program.",
            value: Double(memory.allocated), into: &output)
        writer.single(
            "jemalloc_active_bytes", .gauge, help: "Memory in pages that are in use.",
            value: Double(memory.active), into: &output)
        writer.single(
            "jemalloc_resident_bytes", .gauge, help: "Memory the allocator holds in RAM.",
            value: Double(memory.resident), into: &output)
        writer.single(
            "jemalloc_mapped_bytes", .gauge, help: "Memory the allocator has mapped.",
            value: Double(memory.mapped), into: &output)
    }
}

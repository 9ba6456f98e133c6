internal import Store
internal import Detection
internal import Bytes
internal import HTTP
internal import System
internal import Telemetry
internal import Wire

/// One scrape (contract section 6): adds up what the loops counted and asks the process for the rest.
struct Scrape: ~Copyable {
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
        shared.store.write(&writer, into: &output)
        writeProcess(&output)
        writeMemory(&output)
        writer.finish(into: &output)
    }

    private func total(_ counter: RequestMetrics.Counter) -> Double {
        Double(shared.metrics.reduce(0) { $0 + $1.value(counter) })
    }

    private mutating func single(
        _ name: String, _ kind: MetricKind, _ help: String, _ value: Double,
        _ output: inout ByteBuffer
    ) {
        writer.single(name, kind, help: help, value: value, into: &output)
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
        for (method, methodName) in RequestMetrics.methods.enumerated() {
            for endpoint in Endpoint.allCases {
                for (status, code) in RequestMetrics.statuses.enumerated() {
                    let count = shared.metrics.reduce(0) {
                        $0 + $1.requests(method: method, endpoint: endpoint, status: status)
                    }
                    guard count > 0 || Scrape.isAwaited(method, endpoint, code) else { continue }
                    writer.sample(
                        Double(count),
                        labels: "method=\"\(methodName)\",route=\"\(endpoint.traits.pattern)\","
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
    private static func isAwaited(
        _ method: Int, _ endpoint: Wire.Endpoint, _ code: HTTPStatus
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
        let fleet = shared.store.fleet
        single(
            "current_rps", .gauge, "rps of the fleet's last sample.", fleet.lastSample.rps, &output)
        single(
            "rolling_average_rps", .gauge, "Mean rps of the fleet's window.", fleet.mean, &output)
        single(
            "devices", .gauge, "Devices with a series.", Double(shared.store.deviceCount), &output)
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

internal import Bytes
internal import Contract
internal import Detection
internal import EventLoop
internal import HTTP
internal import SeriesLog
internal import Synchronization

/// What all workers of the process share.
final class SharedState: Sendable {
    let configuration: Configuration
    let parameters: FoldParameters
    let limits: HTTPLimits
    let log: MemoryLog
    let anomalies: RecentAnomalies
    let quota: ClientQuota
    let startedUnixSeconds: Double
    /// One per worker, in the workers' order.
    let metrics: [WorkerMetrics]
    let openConnections = Atomic<Int>(0)
    private let draining = Atomic<Bool>(false)

    init(_ configuration: Configuration, workers: Int, hashSeed: UInt64) {
        self.configuration = configuration
        var parameters = FoldParameters()
        parameters.windowSize = configuration.windowSize
        parameters.zThreshold = configuration.zThreshold
        parameters.minimumSamples = configuration.minimumSamples
        parameters.alertThreshold = configuration.alertThreshold
        self.parameters = parameters
        var limits = HTTPLimits()
        limits.bodyBytes = configuration.bodyLimitBytes
        self.limits = limits
        log = MemoryLog(
            parameters, deviceLimit: configuration.deviceLimit,
            timeToLive: configuration.seriesTimeToLive, seed: hashSeed)
        anomalies = RecentAnomalies()
        quota = ClientQuota(requestsPerSecond: configuration.clientQuota)
        startedUnixSeconds = Double(Clock.unixNanoseconds()) * 1e-9
        metrics = (0..<workers).map { _ in WorkerMetrics() }
    }

    /// Whether the process is stopping: not ready, and every answer is a connection's last.
    var isDraining: Bool { draining.load(ordering: .relaxed) }
    func startDraining() { draining.store(true, ordering: .relaxed) }
}

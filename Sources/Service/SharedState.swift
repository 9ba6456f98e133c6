internal import Bytes
internal import Wire
internal import Detection
internal import System
internal import HTTP
internal import SeriesLog
internal import Synchronization

/// What all workers of the process share.
final class SharedState: Sendable {
    let configuration: Configuration
    let parameters: FoldParameters
    let limits: HTTPLimits
    /// The log of this process, and what was flagged; nil when series live in Redis.
    let memory: MemoryLog?
    let anomalies: RecentAnomalies?
    let redisSettings: RedisSettings?
    /// One per worker, in the workers' order; none without Redis.
    let redisMetrics: [RedisMetrics]
    /// The fleet as one of the workers last saw it in Redis, and the devices it counted there.
    private let seenFleet = Mutex(SeriesSummary.empty)
    let seenDevices = Atomic<Int>(0)
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
        switch configuration.store {
        case .memory:
            memory = MemoryLog(
                parameters, deviceLimit: configuration.deviceLimit,
                timeToLive: configuration.seriesTimeToLive, seed: hashSeed)
            anomalies = RecentAnomalies()
            redisSettings = nil
            redisMetrics = []
        case .redis(let location):
            memory = nil
            anomalies = nil
            redisSettings = RedisSettings(location, configuration, workers: workers)
            redisMetrics = (0..<workers).map { _ in RedisMetrics() }
        }
        quota = ClientQuota(requestsPerSecond: configuration.clientQuota)
        startedUnixSeconds = Double(Clock.unixNanoseconds()) * 1e-9
        metrics = (0..<workers).map { _ in WorkerMetrics() }
    }

    /// Whether the process is stopping: not ready, and every answer is a connection's last.
    var isDraining: Bool { draining.load(ordering: .relaxed) }
    func startDraining() { draining.store(true, ordering: .relaxed) }

    /// Whether samples can be stored, by every worker.
    var isStoreUp: Bool { redisMetrics.allSatisfy { $0.value(.isUp) == 1 } }

    var fleet: SeriesSummary { memory?.fleetSummary() ?? seenFleet.withLock { $0 } }
    func seeFleet(_ summary: SeriesSummary) { seenFleet.withLock { $0 = summary } }
    var deviceCount: Int { memory?.deviceCount ?? seenDevices.load(ordering: .relaxed) }
}

extension RedisSettings {
    fileprivate init(_ location: RedisLocation, _ configuration: Configuration, workers: Int) {
        self.init()
        servers = location.servers.map { NodeAddress(host: $0.host, port: $0.port) }
        isCluster = location.isCluster
        user = location.user
        password = location.password
        database = location.database
        timeout = configuration.redisTimeout
        timeToLive = configuration.seriesTimeToLive
        checkpointInterval = configuration.checkpointInterval
        streamLength = configuration.streamLength
        replicas = configuration.redisReplicas
        deviceLimit = configuration.deviceLimit
        // Each loop keeps folds of its own; together no more than one store would.
        cacheLimit = max(1, configuration.deviceLimit / workers)
    }
}

internal import Bytes
package import Detection
internal import Options
internal import Redis
internal import Synchronization
internal import Telemetry
package import Wire

/// What all loops of a process share of the log in Redis: settings, counts, and what one of them
/// last saw of the fleet and the list of devices.
package final class SharedRedis: SharedStore {
    let parameters: FoldParameters
    let settings: RedisSettings
    /// Whether the readable keys of the five services are written too.
    let mirrors: Bool
    /// One per loop, in the loops' order.
    let metrics: [RedisMetrics]
    private let seenFleet = Mutex(SeriesSummary.empty)
    private let seenDevices = Atomic<Int>(0)

    package init(
        at location: RedisLocation, _ configuration: Configuration, _ parameters: FoldParameters,
        loops: Int
    ) {
        self.parameters = parameters
        settings = RedisSettings(location, configuration, loops: loops)
        mirrors = configuration.redisMirror == .on
        metrics = (0..<loops).map { _ in RedisMetrics() }
    }

    package var summary: String {
        let servers = settings.server.servers.map(\.description).joined(separator: ",")
        return "\(settings.isCluster ? "redis-cluster" : "redis") at \(servers)"
    }

    package var failure: StoreFailure? { isUp ? nil : .unreachable }
    package var fleet: SeriesSummary { seenFleet.withLock { $0 } }
    package var oldestKeyTime: Int? { nil }
    package var deviceCount: Int { seenDevices.load(ordering: .relaxed) }

    /// Whether every loop can store samples.
    var isUp: Bool { metrics.allSatisfy { $0.value(.isUp) == 1 } }

    /// Takes over what a loop has seen.
    func see(_ fleet: SeriesSummary, devices: Int) {
        seenFleet.withLock { $0 = fleet }
        seenDevices.store(devices, ordering: .relaxed)
    }
}

extension RedisSettings {
    fileprivate init(_ location: RedisLocation, _ configuration: Configuration, loops: Int) {
        self.init()
        server.servers = location.servers.map { NodeAddress(host: $0.host, port: $0.port) }
        server.isCluster = location.isCluster
        server.user = location.user
        server.password = location.password
        server.database = location.database
        server.timeout = configuration.redisTimeout
        timeToLive = configuration.seriesTimeToLive
        checkpointInterval = configuration.checkpointInterval
        streamLength = configuration.streamLength
        replicas = configuration.redisReplicas
        deviceLimit = configuration.deviceLimit
        // Each loop keeps folds of its own; together no more than one store would.
        cacheLimit = max(1, configuration.deviceLimit / loops)
    }
}

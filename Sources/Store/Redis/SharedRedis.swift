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
    let metrics = RedisMetrics()
    /// From the other loops to the one that keeps the logs.
    let requests = RequestQueue()
    /// From that one to each of the others, by loop.
    let answers: [RequestQueue]
    private let otherLoops = Atomic<Int>(0)
    private let seenFleet = Mutex(SeriesSummary.empty)
    /// Until the keeper has told otherwise, nothing can be stored.
    private let seenFailure = Mutex<StoreFailure?>(.unreachable)
    private let seenDevices = Atomic<Int>(0)

    package init(
        at location: RedisLocation, _ configuration: Configuration, _ parameters: FoldParameters,
        loops: Int
    ) {
        self.parameters = parameters
        settings = RedisSettings(location, configuration)
        mirrors = configuration.redisMirror == .on
        answers = (0..<loops).map { _ in RequestQueue() }
    }

    package var summary: String {
        let servers = settings.server.servers.map(\.description).joined(separator: ",")
        return "\(settings.isCluster ? "redis-cluster" : "redis") at \(servers)"
    }

    package var failure: StoreFailure? { seenFailure.withLock { $0 } }
    package var fleet: SeriesSummary { seenFleet.withLock { $0 } }
    package var oldestKeyTime: Int? {
        let time = metrics.value(.oldestKey)
        return time == 0 ? nil : time
    }
    package var deviceCount: Int { seenDevices.load(ordering: .relaxed) }

    /// Whether samples can be stored.
    var isUp: Bool { metrics.value(.isUp) == 1 }

    /// Takes over whether samples can be stored.
    func see(failure: StoreFailure?) {
        seenFailure.withLock { if $0 != failure { $0 = failure } }
    }

    /// Takes over what the keeper has seen.
    func see(_ fleet: SeriesSummary, devices: Int) {
        seenFleet.withLock { $0 = fleet }
        seenDevices.store(devices, ordering: .relaxed)
    }

    // MARK: Loops

    /// Whether another loop still needs the one that keeps the logs.
    var hasOtherLoops: Bool { otherLoops.load(ordering: .acquiring) > 0 }

    /// A loop that needs the keeper begins.
    func join() { otherLoops.add(1, ordering: .acquiringAndReleasing) }

    /// It has ended; the keeper may be waiting for that.
    func leave() {
        otherLoops.subtract(1, ordering: .acquiringAndReleasing)
        requests.wake()
    }
}

extension RedisSettings {
    fileprivate init(_ location: RedisLocation, _ configuration: Configuration) {
        self.init()
        server.servers = location.servers.map { NodeAddress(host: $0.host, port: $0.port) }
        server.isCluster = location.isCluster
        server.user = location.user
        server.password = location.password
        server.database = location.database
        server.timeout = configuration.redisTimeout
        timeToLive = configuration.seriesTimeToLive
        historyBytes = configuration.redisHistoryBytes
        replicas = configuration.redisReplicas
        deviceLimit = configuration.deviceLimit
        keyLimit = configuration.keyLimit
    }
}

internal import Bytes
package import Detection
internal import Options
internal import Redis
package import System
internal import Telemetry
package import Wire

/// What all loops of a process share of the log in Redis: settings, counts, and what one of them
/// last saw of the fleet and the list of devices.
package final class SharedRedis: SharedLogs {
    let parameters: FoldParameters
    let settings: RedisSettings
    /// Whether the readable keys of the five services are written too.
    let mirrors: Bool
    let metrics = RedisMetrics()
    package let exchange: LoopExchange
    package let reader: HistoryReader

    /// - Throws: when the thread that reads the past cannot be started.
    package init(
        at location: RedisLocation, _ configuration: Configuration, _ parameters: FoldParameters,
        loops: Int
    ) throws(SystemError) {
        self.parameters = parameters
        settings = RedisSettings(location, configuration)
        mirrors = configuration.redisMirror == .on
        let exchange = LoopExchange(loops: loops, timeToLive: settings.timeToLive)
        self.exchange = exchange
        exchange.incidents.claims.share { exchange.requests.wake() }
        reader = try HistoryReader(
            parameters, timeToLive: Int(configuration.seriesTimeToLive.milliseconds))
    }

    package var summary: String {
        let servers = settings.server.servers.map(\.description).joined(separator: ",")
        return "\(settings.isCluster ? "redis-cluster" : "redis") at \(servers)"
    }

    package var oldestKeyTime: Int? {
        let time = metrics.value(.oldestKey)
        return time == 0 ? nil : time
    }

    /// Whether samples can be stored.
    var isUp: Bool { metrics.value(.isUp) == 1 }
}

extension RedisSettings {
    init(_ location: RedisLocation, _ configuration: Configuration) {
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
        strictness = configuration.replicaStrictness
        server.needsReplicas = configuration.redisReplicas > 0
        deviceLimit = configuration.deviceLimit
        keyLimit = configuration.keyLimit
    }
}

package import Bytes
package import Redis
package import SeriesLog
internal import Options
internal import TLS
package import Wire

/// What becomes of a write that fewer replicas have than are wanted.
package typealias ReplicaStrictness = Configuration.Strictness

/// How the log in Redis is kept, and where.
package struct RedisSettings: Sendable {
    /// Where the servers are; its `timeout` is how long a request waits before it is refused.
    package var server = ServerSettings()
    /// A series ends when its next sample comes so much later.
    package var timeToLive = TimeSpan.seconds(86_400)
    /// Bytes of a log that Redis keeps; nil to let it follow from the number of devices.
    package var historyBytes: Int?
    /// Requests whose keys are remembered.
    package var keyLimit = 1_000_000
    /// Replicas that must have an entry before it counts as stored.
    package var replicas = 1
    package var strictness = ReplicaStrictness.off
    /// Devices that are known.
    package var deviceLimit = 1_000_000

    /// How each log is kept where nothing above says otherwise.
    package var log = LogSettings()

    var isCluster: Bool { server.isCluster }
    var timeout: TimeSpan { server.timeout }

    package init() {}

    /// - Parameter secureContext: of TLS to its servers; nil for none.
    init(
        _ location: RedisLocation, _ configuration: Configuration,
        secureContext: TLSContext?
    ) {
        let servers = location.servers.map { NodeAddress(host: $0.host, port: $0.port) }
        if location.master.isEmpty {
            server.servers = servers
        } else {
            // The server has the master's name, wherever it is.
            server.servers = [NodeAddress(host: location.master, port: 0)]
            server.sentinels = servers
            server.sentinelUser = configuration.sentinelUser
            server.sentinelPassword = configuration.sentinelPassword
        }
        server.isCluster = location.isCluster
        server.user = location.user
        server.password = location.password
        server.database = location.database
        server.timeout = configuration.redisTimeout
        server.secureContext = secureContext
        server.serverName = configuration.redisServerName
        server.needsReplicas = configuration.redisReplicas > 0
        timeToLive = configuration.seriesTimeToLive
        historyBytes = configuration.redisHistoryBytes
        replicas = configuration.redisReplicas
        strictness = configuration.replicaStrictness
        deviceLimit = configuration.deviceLimit
        keyLimit = configuration.keyLimit
    }

    /// The TLS that the location and the settings ask for; nil for none.
    static func secureContext(
        _ location: RedisLocation, _ configuration: Configuration
    ) throws(TLSError) -> TLSContext? {
        guard location.isSecure else { return nil }
        let own = configuration.redisAuthorities
        let trust = TLSContext.Trust.authorities(
            file: own.isEmpty ? configuration.authoritiesFile : own)
        guard !configuration.redisCertificate.isEmpty else {
            return try TLSContext(trusting: trust)
        }
        return try TLSContext(
            trusting: trust, certificate: configuration.redisCertificate,
            key: configuration.redisKey)
    }

    /// Samples that are not stored yet, some 14 MB of them: room for the largest batch twice.
    package static let queueLimit = 262_144
    /// Commands beside the logs in one pipeline: some milliseconds of Redis' time.
    static let pipelineExtraLimit = 1024
}

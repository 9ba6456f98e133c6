package import Bytes
package import Redis
package import SeriesLog
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

    /// Samples that are not stored yet, some 14 MB of them: room for the largest batch twice.
    package static let queueLimit = 262_144
    /// Commands beside the logs in one pipeline: some milliseconds of Redis' time.
    static let pipelineExtraLimit = 1024
}

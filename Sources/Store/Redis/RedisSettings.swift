package import Bytes
package import Redis

/// How the log in Redis is kept, and where.
package struct RedisSettings: Sendable {
    /// Where the servers are; its `timeout` is how long a request waits before it is refused.
    package var server = ServerSettings()
    /// How long a series without samples is kept.
    package var timeToLive = TimeSpan.seconds(86_400)
    /// A checkpoint goes into the log every so many entries.
    package var checkpointInterval = 64
    /// Entries that are kept before the one a checkpoint is as of; two intervals or more, for those
    /// whose verdicts are wanted by a loop that is behind.
    package var streamLength = 128
    /// Replicas that must have an entry before it counts as stored, or as many as there are.
    package var replicas = 1
    /// Devices that are listed and kept.
    package var deviceLimit = 1_000_000
    /// Folds that one loop keeps in memory.
    package var cacheLimit = 1_000_000

    var isCluster: Bool { server.isCluster }
    var timeout: TimeSpan { server.timeout }

    package init() {}

    /// Samples one loop holds that are not yet stored, some 14 MB of them: room for the largest
    /// batch, each of whose samples counts in its device's series and in the fleet's.
    package static let queueLimit = 262_144
    /// Samples of one entry: bounds what a reader of the stream must take in at once.
    static let entrySampleLimit = 1024
    /// Entries of one pipeline: some milliseconds of Redis' time, so that others get their turn.
    static let pipelineEntryLimit = 1024
    /// Flagged samples kept for GET /anomalies.
    package static let anomalyLimit = 4096
}

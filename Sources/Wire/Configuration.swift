package import Bytes

/// Everything an operator can set, with its default. `Settings` lists the names and ranges.
package struct Configuration: Sendable, Equatable {
    package enum Switch: String, Sendable, CaseIterable {
        case off, on
    }
    /// When what is stored in a file counts as stored.
    package enum Sync: String, Sendable, CaseIterable {
        /// When the kernel has it: the process may be killed.
        case normal
        /// When the disk has it: the power may fail.
        case full
    }
    /// Whether a sample is refused that fewer replicas of Redis have than are wanted.
    package enum Strictness: String, Sendable, CaseIterable {
        case off, on
        /// From when as many have been seen once.
        case auto
    }
    package enum LogFormat: String, Sendable, CaseIterable {
        case json, text
    }
    package enum LogLevel: String, Sendable, CaseIterable, Comparable {
        case debug, info, warning, error

        package static func < (left: LogLevel, right: LogLevel) -> Bool {
            left.rank < right.rank
        }
        private var rank: Int {
            switch self {
            case .debug: 0
            case .info: 1
            case .warning: 2
            case .error: 3
            }
        }
    }

    package var port = 8080
    package var adminPort = 9091
    /// Event loops, each on a thread of its own; 0 stands for one per processor.
    package var threads = 0
    package var store = StoreLocation.memory
    package var sync = Sync.normal

    /// Samples of all series together that are kept with their verdicts, in memory.
    package var historySamples = 100_000
    /// How long a file keeps samples; 0 is not longer than the service itself needs them.
    package var retention = TimeSpan.seconds(30 * 86_400)
    /// Bytes of the file from which the oldest samples go before; nil for none.
    package var fileByteLimit: Int?

    package var windowSize = 50
    /// Standard deviations from which `is_anomaly` is true.
    package var zThreshold = 2.0
    /// Samples a series must have before `is_anomaly` can be true.
    package var minimumSamples = 10
    /// Score from which `alert` can be true.
    package var alertThreshold = 8.0

    /// How long a series without samples is kept.
    package var seriesTimeToLive = TimeSpan.seconds(86_400)
    package var deviceLimit = 1_000_000

    /// Requests with an Idempotency-Key that are remembered; nil for the store's default.
    package var idempotencyKeys: Int?
    /// The same as a number. A process that keeps its series in memory loses both when it ends, so
    /// it needs to remember less.
    package var keyLimit: Int {
        idempotencyKeys
            ?? (store == .memory ? Configuration.memoryKeys : Configuration.redisKeys)
    }
    static let memoryKeys = 65_536
    package static let redisKeys = 1_000_000

    package var bodyLimitBytes = 8 * 1024 * 1024
    package var connectionLimit = 65_536
    /// Connections of one client address; 0 is without limit.
    package var clientConnectionLimit = 0
    /// Memory for requests that are still arriving, over all connections.
    package var bufferLimitBytes = 1024 * 1024 * 1024
    /// Requests per second one client address may make; 0 is without limit.
    package var clientQuota = 0
    package var idleTimeout = TimeSpan.seconds(310)
    /// How long a connection is used for new requests; 0 is without limit.
    package var connectionAge = TimeSpan.seconds(600)
    package var headTimeout = TimeSpan.seconds(10)
    package var bodyTimeout = TimeSpan.seconds(30)
    /// Of the service's own TLS; empty for none.
    package var certificateFile = ""
    package var keyFile = ""
    package var drainTimeout = TimeSpan.seconds(20)

    /// How long a request waits for Redis before it is refused.
    package var redisTimeout = TimeSpan.milliseconds(500)
    /// Whether the readable keys of the five services are written too.
    package var redisMirror = Switch.off
    /// Replicas of Redis that must have a sample before its 2xx.
    package var redisReplicas = 1
    /// Who we are to the sentinels; empty for nobody.
    package var sentinelUser = ""
    package var sentinelPassword = ""
    /// Of TLS to Redis: authorities (empty for TLS_CA_FILE), and the client's own certificate.
    package var redisAuthorities = ""
    package var redisCertificate = ""
    package var redisKey = ""
    /// What its certificates are made out to, where that is not the host of STORE.
    package var redisServerName = ""
    /// nil for what follows from their number.
    package var redisStrictness: Strictness?
    /// One replica that is away is usual; who wants two has decided.
    package var replicaStrictness: Strictness {
        redisStrictness ?? (redisReplicas > 1 ? .auto : .off)
    }
    /// Bytes of a log that Redis keeps; nil to let it follow from the number of devices.
    package var redisHistoryBytes: Int?

    /// How samples of Prometheus are read.
    package var remoteWrite = RemoteWrite.Names()
    /// Tokens of which every POST must carry one; none lets everybody in.
    package var authTokens: [String] = []
    /// A file with further ones, a line each; empty for none. So below.
    package var authTokenFile = ""
    /// Tokens of which every GET must carry one, or one of those above.
    package var readTokens: [String] = []
    package var readTokenFile = ""
    /// Origins whose pages may send requests; `*` for all.
    package var corsOrigins: [String] = []
    /// Where clients reach the service; empty when that is not known.
    package var externalURL = ""
    /// Alertmanagers that are told of incidents.
    package var alertmanagerURLs: [String] = []
    package var alertmanagerTokenFile = ""
    /// What is told of each incident's begin and end; empty for none.
    package var webhookURL = ""
    package var webhookTokenFile = ""
    /// With which it is signed; empty for none.
    package var webhookSecret = ""
    /// Certificates of the authorities that https servers are trusted by.
    package var authoritiesFile = "/etc/ssl/certs/ca-certificates.crt"
    /// Address ranges of proxies that are believed about whom they speak for.
    package var trustedProxies: [String] = []
    /// `*` for all addresses of the machine.
    package var bindAddress = "*"
    package var logLevel = LogLevel.info
    package var logFormat = LogFormat.json

    package init() {}

    /// Checks what no setting can check alone.
    func checkRelations() throws(ConfigurationError) {
        guard remoteWrite.cpu == nil || remoteWrite.rps != nil else {
            throw ConfigurationError(
                "REMOTE_WRITE_CPU: is allowed with REMOTE_WRITE_RPS alone: a sample needs a load")
        }
        guard certificateFile.isEmpty == keyFile.isEmpty else {
            throw ConfigurationError("TLS_CERT and TLS_KEY: both are needed, or none")
        }
        guard redisCertificate.isEmpty == redisKey.isEmpty else {
            throw ConfigurationError("REDIS_CERT and REDIS_KEY: both are needed, or none")
        }
        guard redisMirror == .off || store.isRedis else {
            throw ConfigurationError(
                "REDIS_MIRROR: \"on\" is not allowed with STORE memory or file; allowed is off, "
                    + "or STORE redis://...")
        }
    }
}

extension TimeSpan {
    /// Each time another greatest age of a connection, up to a fifth shorter or longer; nil when
    /// there is none.
    package func spread(using random: inout some RandomNumberGenerator) -> TimeSpan? {
        guard nanoseconds > 0 else { return nil }
        let fifth = nanoseconds / 5
        return TimeSpan(nanoseconds: nanoseconds + .random(in: -fifth...fifth, using: &random))
    }
}

/// Why the program does not start: one line that names the setting and what it allows.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

internal import Bytes
internal import Options

/// One setting: its name in the environment, what it allows, and where its value goes.
///
/// The flag has the same name: `WINDOW_SIZE` is `--window-size`.
package struct Setting: Sendable {
    package let name: String
    package let defaultText: String
    package let allowed: String
    package let meaning: String
    /// Puts a value into the configuration; false when it isn't one of the allowed.
    fileprivate let apply: @Sendable (String, inout Configuration) -> Bool

    package var flag: String {
        "--" + name.lowercased().split(separator: "_").joined(separator: "-")
    }
}

/// All settings: the one table behind reading, checking and `--help`.
package enum Settings {
    package static let all: [Setting] =
        serving + judging + limits + redis + access + remoteWrite + push + operation

    /// Room for the log itself, and for some samples.
    private static let leastFile = 128 << 20

    static let alertThresholds = 0.1...1_000.0

    /// Where `tidemark check` looks too.
    static let port = integer(
        "PORT", \.port, default: 8080, in: 0...65_535,
        means: "port to serve on; 0 takes any free one")

    /// Where `tidemark check` looks, too.
    static let bind = Setting(
        name: "BIND", defaultText: "*", allowed: "* or an IPv4 or IPv6 address",
        meaning: "address of this machine to serve on; * is all",
        apply: { text, configuration in
            // What is no address is told when the service opens it.
            configuration.bindAddress = text
            return !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        })

    private static let serving: [Setting] = [
        port,
        bind,
        integer(
            "ADMIN_PORT", \.adminPort, default: 9091, in: 0...65_535,
            means: "reserved for profiles on loopback; nothing listens there yet"),
        integer(
            "THREADS", \.threads, default: 0, in: 0...256,
            means: "event loops; 0 is one per processor"),
        Setting(
            name: "STORE", defaultText: "memory", allowed: StoreLocation.allowed,
            meaning: "where series live; memory goes with this process",
            apply: { text, configuration in
                guard let location = StoreLocation(text) else { return false }
                configuration.store = location
                return true
            }),
        choice(
            "SYNC", \.sync, default: .normal,
            means: "with STORE file, what is stored survives a killed process; full: a power cut"),
        integer(
            "HISTORY_SAMPLES", \.historySamples, default: 100_000, in: 0...100_000_000,
            means: "with STORE memory, samples that are kept for /series, some 180 bytes each"),
        optionalDuration(
            "RETENTION", \.retention, default: "30d", in: .seconds(60)...(.seconds(86_400 * 3650)),
            means: "how long a file keeps samples for /series; 0 is off"),
        Setting(
            name: "MAX_FILE_BYTES", defaultText: "none",
            allowed: "none, or \(leastFile) or more",
            meaning: "size of the file from which the oldest samples go before RETENTION",
            apply: { text, configuration in
                guard text != "none" else {
                    configuration.fileByteLimit = nil
                    return true
                }
                guard let bytes = Int(text), bytes >= leastFile else { return false }
                configuration.fileByteLimit = bytes
                return true
            }),
    ]

    private static let judging: [Setting] = [
        integer(
            "WINDOW_SIZE", \.windowSize, default: 50, in: 2...10_000,
            means: "samples in the rolling window"),
        decimal(
            "Z_THRESHOLD", \.zThreshold, default: 2, in: 0.1...1_000_000,
            means: "standard deviations from which a sample is an anomaly"),
        integer(
            "MIN_SAMPLES", \.minimumSamples, default: 10, in: 1...10_000,
            means: "samples a series needs before one can be an anomaly"),
        decimal(
            "ALERT_THRESHOLD", \.alertThreshold, default: 8, in: alertThresholds,
            means: "score from which a sample alerts"),
    ]

    private static let limits: [Setting] = [
        duration(
            "SERIES_TTL", \.seriesTimeToLive, default: "24h",
            in: .seconds(1)...(.seconds(86_400 * 365)),
            means: "how long a series without samples is kept"),
        integer(
            "MAX_DEVICES", \.deviceLimit, default: 1_000_000, in: 1...100_000_000,
            means: "series kept, with a file in memory; beyond it the one idle longest goes"),
        idempotencyKeys,
        integer(
            "MAX_BODY_BYTES", \.bodyLimitBytes, default: 8_388_608, in: 64...1_073_741_824,
            means: "largest body"),
        integer(
            "MAX_CONNECTIONS", \.connectionLimit, default: 65_536, in: 1...10_000_000,
            means: "connections open at once; for one more the idlest goes; while all are busy it "
                + "gets probes answered, else 503"),
        integer(
            "MAX_CONNECTIONS_PER_CLIENT", \.clientConnectionLimit, default: 0, in: 0...10_000_000,
            means: "of them from one address; 0 is without limit; TRUSTED_PROXIES never count"),
        integer(
            "MAX_BUFFERED_BYTES", \.bufferLimitBytes, default: 1_073_741_824,
            in: 1_048_576...1_099_511_627_776,
            means: "memory for requests still arriving and replies not read yet, all connections "
                + "together; beyond it 503, or the slowest reader is closed"),
        integer(
            "CLIENT_QUOTA", \.clientQuota, default: 0, in: 0...10_000_000,
            means: "requests per second of one client address; 0 is without limit"),
        duration(
            "IDLE_TIMEOUT", \.idleTimeout, default: "310s", in: timeoutRange,
            means: "a connection without a request is closed after this, as Keep-Alive tells it"),
        connectionAge,
        duration(
            "HEAD_TIMEOUT", \.headTimeout, default: "10s", in: timeoutRange,
            means: "a request's head must be complete"),
        duration(
            "BODY_TIMEOUT", \.bodyTimeout, default: "30s", in: timeoutRange,
            means: "a request's body may rest so long; one of 1 KB/s or more is not cut"),
        duration(
            "DRAIN_TIMEOUT", \.drainTimeout, default: "20s", in: timeoutRange,
            means: "open requests are finished for so long when stopping"),
    ]

    private static let keyRange = 0...16_000_000

    private static let idempotencyKeys = Setting(
        name: "IDEMPOTENCY_KEYS",
        defaultText: "\(Configuration.memoryKeys) with STORE memory, else "
            + "\(Configuration.redisKeys)",
        allowed: "\(keyRange.lowerBound) to \(keyRange.upperBound)",
        meaning: "requests with an Idempotency-Key that are remembered, one for each "
            + "\(RequestKey.pieceSamples) samples; 0 is off"
    ) { text, configuration in
        guard let value = Int(text), keyRange.contains(value) else { return false }
        configuration.idempotencyKeys = value
        return true
    }

    private static let connectionAge = optionalDuration(
        "MAX_CONNECTION_AGE", \.connectionAge, default: "10m",
        in: .milliseconds(10)...(.seconds(86_400 * 365)),
        means: "after this, 20% more or less by chance, a connection's next answer is its last; "
            + "0 is off")

    private static let redis: [Setting] = [
        duration(
            "REDIS_TIMEOUT", \.redisTimeout, default: "500ms",
            in: .milliseconds(10)...(.seconds(60)),
            means: "a request waits for Redis so long, then it is answered 503"),
        integer(
            "REDIS_REPLICAS", \.redisReplicas, default: 1, in: 0...16,
            means: "replicas that must have a sample before its 2xx"),
        Setting(
            name: "REDIS_REPLICAS_STRICT",
            defaultText: "auto with two REDIS_REPLICAS or more, else off",
            allowed: Configuration.Strictness.allCases.map(\.rawValue).joined(separator: ", "),
            meaning: "with fewer replicas: 503 (on), or 2xx and a line (off); auto is on from when "
                + "as many have been seen once",
            apply: { text, configuration in
                configuration.redisStrictness = Configuration.Strictness(rawValue: text)
                return configuration.redisStrictness != nil
            }),
        Setting(
            name: "REDIS_HISTORY", defaultText: "auto",
            allowed: "auto, or 1048576 to 67108864",
            meaning: "bytes of a log that Redis keeps; auto is 1 to 64 MiB, by the devices",
            apply: { text, configuration in
                guard text != "auto" else {
                    configuration.redisHistoryBytes = nil
                    return true
                }
                guard let bytes = Int(text), (1_048_576...67_108_864).contains(bytes)
                else { return false }
                configuration.redisHistoryBytes = bytes
                return true
            }),
        text(
            "REDIS_SENTINEL_USER", \.sentinelUser, allowed: "empty, or a name",
            means: "who the service is to sentinels"),
        text(
            "REDIS_SENTINEL_PASSWORD", \.sentinelPassword, allowed: "empty, or a password",
            means: "its password there; that of STORE is the master's"),
        text(
            "REDIS_CA", \.redisAuthorities,
            means: "authorities by which rediss:// servers are trusted; empty: TLS_CA_FILE"),
        text(
            "REDIS_CERT", \.redisCertificate,
            means: "certificate that is shown to rediss:// servers, with REDIS_KEY"),
        text("REDIS_KEY", \.redisKey, means: "its private key"),
        text(
            "REDIS_SERVER_NAME", \.redisServerName, allowed: "empty, or a name",
            means: "what the certificates of rediss:// servers are made out to; empty: the host"),
        choice(
            "REDIS_MIRROR", \.redisMirror, default: .off,
            means: "also write last_metric, last_analysis, metrics and metric:<timestamp>"),
    ]

    private static let operation: [Setting] = [
        choice("LOG_LEVEL", \.logLevel, default: .info, means: "least serious line that is logged"),
        choice("LOG_FORMAT", \.logFormat, default: .json, means: "form of a log line"),
    ]

    private static let remoteWrite: [Setting] = [
        metric(
            "REMOTE_WRITE_RPS", \.rps,
            means: "metric of Prometheus that is rps; empty: each series is a device of its own"),
        metric(
            "REMOTE_WRITE_CPU", \.cpu,
            means: "metric of Prometheus that is cpu, joined by device and time"),
        Setting(
            name: "REMOTE_WRITE_DEVICE", defaultText: "instance", allowed: metricRule,
            meaning: "label of Prometheus that names the device",
            apply: { text, configuration in
                configuration.remoteWrite.device = text
                return isMetric(text)
            }),
    ]

    private static let metricRule = "letters, digits, _ and :, no digit first"

    private static func isMetric(_ text: String) -> Bool {
        guard let first = text.first, !first.isNumber else { return false }
        return text.allSatisfy {
            $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":")
        }
    }

    private static func metric(
        _ name: String, _ path: any WritableKeyPath<RemoteWrite.Names, String?> & Sendable,
        means meaning: String
    ) -> Setting {
        Setting(
            name: name, defaultText: "", allowed: "empty, or \(metricRule)", meaning: meaning
        ) { text, configuration in
            configuration.remoteWrite[keyPath: path] = text.isEmpty ? nil : text
            return text.isEmpty || isMetric(text)
        }
    }

    /// Whether `tidemark check` asks with TLS, too.
    static let certificate = text(
        "TLS_CERT", \.certificateFile,
        means: "certificate with its chain (PEM): the service speaks HTTPS; read again on change")

    private static let access: [Setting] = [
        certificate,
        text("TLS_KEY", \.keyFile, means: "its private key (PEM)"),
        words(
            "AUTH_TOKEN", \.authTokens, allowed: AccessToken.allowed,
            isAllowed: AccessToken.isValid,
            means: "tokens of which every POST must carry one (Bearer); empty is off"),
        text(
            "AUTH_TOKEN_FILE", \.authTokenFile,
            means: "file with such tokens, a line each, read again when it changes"),
        words(
            "READ_TOKEN", \.readTokens, allowed: AccessToken.allowed,
            isAllowed: AccessToken.isValid,
            means:
                "tokens of which every GET but /health and /ready must carry one, or an AUTH_TOKEN"),
        text(
            "READ_TOKEN_FILE", \.readTokenFile,
            means: "file with such tokens, a line each, read again when it changes"),
        words(
            "CORS_ORIGINS", \.corsOrigins,
            allowed: "* or origins such as https://example.org, separated by white space",
            isAllowed: { $0 == "*" || WebOrigin(url: $0)?.text == $0 },
            means: "origins whose pages may send requests; other pages' POST is refused"),
        Setting(
            name: "EXTERNAL_URL", defaultText: "",
            allowed: "empty, or http(s)://host[:port][/path]",
            meaning: "where clients reach the service; pages of its origin are its own",
            apply: { text, configuration in
                configuration.externalURL = text
                return text.isEmpty || WebOrigin(url: text) != nil
            }),
        words(
            "TRUSTED_PROXIES", \.trustedProxies,
            allowed: "address ranges such as 10.0.0.0/8, separated by white space",
            isAllowed: { $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } },
            means: "proxies whose X-Forwarded-For or PROXY header names the client"),
    ]

    private static let push: [Setting] = [
        words(
            "ALERTMANAGER_URL", \.alertmanagerURLs,
            allowed: "http(s)://host[:port][/path], "
                + "several separated by white space",
            isAllowed: { (try? ServiceURL($0, flag: "")) != nil },
            means: "Alertmanagers that are told of incidents; empty is none"),
        text(
            "ALERTMANAGER_TOKEN_FILE", \.alertmanagerTokenFile,
            means: "file with a token for them (Bearer), read for each request"),
        Setting(
            name: "WEBHOOK_URL", defaultText: "",
            allowed: "empty, or http(s)://host[:port][/path][?query]",
            meaning: "is told of each incident when it opens and when it closes",
            apply: { text, configuration in
                configuration.webhookURL = text
                return text.isEmpty
                    || (try? ServiceURL(text, flag: "", allowsQuery: true)) != nil
            }),
        text(
            "WEBHOOK_TOKEN_FILE", \.webhookTokenFile,
            means: "file with a token for it (Bearer), read for each request"),
        text(
            "WEBHOOK_SECRET", \.webhookSecret, allowed: "empty, or any text",
            means: "signs what the webhook is told (X-Tidemark-Signature, HMAC-SHA-256)"),
        Setting(
            name: "TLS_CA_FILE", defaultText: Configuration().authoritiesFile,
            allowed: "a path",
            meaning: "certificates of the authorities by which https servers are trusted",
            apply: { text, configuration in
                configuration.authoritiesFile = text
                return !text.isEmpty
            }),
    ]

    private static let timeoutRange: ClosedRange<TimeSpan> = .milliseconds(10)...(.seconds(86_400))

    private static func integer(
        _ name: String, _ path: any WritableKeyPath<Configuration, Int> & Sendable,
        default value: Int,
        in range: ClosedRange<Int>, means meaning: String
    ) -> Setting {
        Setting(
            name: name, defaultText: String(value),
            allowed: "\(range.lowerBound) to \(range.upperBound)", meaning: meaning
        ) { text, configuration in
            guard let value = Int(text), range.contains(value) else { return false }
            configuration[keyPath: path] = value
            return true
        }
    }

    private static func text(
        _ name: String, _ path: any WritableKeyPath<Configuration, String> & Sendable,
        allowed: String = "a path, or empty", means meaning: String
    ) -> Setting {
        Setting(name: name, defaultText: "", allowed: allowed, meaning: meaning) {
            text, configuration in
            configuration[keyPath: path] = text
            return true
        }
    }

    /// Words that are separated by white space. A text of white space alone is refused: what was
    /// meant to be a token must not let everybody in.
    private static func words(
        _ name: String, _ path: any WritableKeyPath<Configuration, [String]> & Sendable,
        allowed: String, isAllowed: @escaping @Sendable (String) -> Bool, means meaning: String
    ) -> Setting {
        Setting(name: name, defaultText: "", allowed: allowed, meaning: meaning) {
            text, configuration in
            let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
            configuration[keyPath: path] = words
            return words.isEmpty == text.isEmpty && words.allSatisfy(isAllowed)
        }
    }

    private static func decimal(
        _ name: String, _ path: any WritableKeyPath<Configuration, Double> & Sendable,
        default value: Int,
        in range: ClosedRange<Double>, means meaning: String
    ) -> Setting {
        Setting(
            name: name, defaultText: String(value),
            allowed: "\(range.lowerBound) to \(range.upperBound)", meaning: meaning
        ) { text, configuration in
            guard let value = Double(text), range.contains(value) else { return false }
            configuration[keyPath: path] = value
            return true
        }
    }

    private static func duration(
        _ name: String, _ path: any WritableKeyPath<Configuration, TimeSpan> & Sendable,
        default defaultText: String, in range: ClosedRange<TimeSpan>, means meaning: String
    ) -> Setting {
        Setting(
            name: name, defaultText: defaultText,
            allowed: "\(Duration.text(range.lowerBound)) to \(Duration.text(range.upperBound)), "
                + Duration.form,
            meaning: meaning
        ) { text, configuration in
            guard let value = Duration.parse(text), range.contains(value) else { return false }
            configuration[keyPath: path] = value
            return true
        }
    }

    /// A time, or 0 for none.
    private static func optionalDuration(
        _ name: String, _ path: any WritableKeyPath<Configuration, TimeSpan> & Sendable,
        default defaultText: String, in range: ClosedRange<TimeSpan>, means meaning: String
    ) -> Setting {
        Setting(
            name: name, defaultText: defaultText,
            allowed: "0, or \(Duration.text(range.lowerBound)) to "
                + "\(Duration.text(range.upperBound)), \(Duration.form)",
            meaning: meaning
        ) { text, configuration in
            guard let value = text == "0" ? .seconds(0) : Duration.parse(text),
                value == .seconds(0) || range.contains(value)
            else { return false }
            configuration[keyPath: path] = value
            return true
        }
    }

    private static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ path: any WritableKeyPath<Configuration, Choice> & Sendable,
        default value: Choice,
        means meaning: String
    ) -> Setting {
        Setting(
            name: name, defaultText: value.rawValue,
            allowed: Choice.allCases.map(\.rawValue).joined(separator: ", "), meaning: meaning
        ) { text, configuration in
            guard let value = Choice(rawValue: text) else { return false }
            configuration[keyPath: path] = value
            return true
        }
    }
}

extension Setting {
    /// Puts the text into the configuration.
    /// - Throws: one line that names where the text came from and what is allowed there.
    package func set(_ text: String, in configuration: inout Configuration, source: String)
        throws(ConfigurationError)
    {
        guard apply(text, &configuration) else {
            // Neither a token nor a password belongs in a log.
            let isSecret =
                name.hasSuffix("_TOKEN") || name.hasPrefix("WEBHOOK") || text.contains("@")
            let shown = isSecret ? "the value" : "\"\(text.prefix(80))\""
            throw ConfigurationError("\(source): \(shown) is not allowed; allowed is \(allowed)")
        }
    }
}

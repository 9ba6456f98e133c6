package import Bytes

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

/// The settings of contract section 7: the one table behind reading, checking and `--help`.
package enum Settings {
    package static let all: [Setting] = serving + judging + limits + redis + operation

    /// Where `tidemark check` looks too.
    static let port = integer(
        "PORT", \.port, 8080, 0...65_535, "port to serve on; 0 takes any free one")

    private static let serving: [Setting] = [
        port,
        integer(
            "ADMIN_PORT", \.adminPort, 9091, 0...65_535,
            "reserved for profiles on loopback; nothing listens there yet"),
        integer("THREADS", \.threads, 0, 0...256, "event loops; 0 is one per processor"),
        Setting(
            name: "STORE", defaultText: "memory", allowed: StoreLocation.allowed,
            meaning: "where series live; memory is a table in this process",
            apply: { text, configuration in
                guard let location = StoreLocation(text) else { return false }
                configuration.store = location
                return true
            }),
    ]

    private static let judging: [Setting] = [
        integer("WINDOW_SIZE", \.windowSize, 50, 2...10_000, "samples in the rolling window"),
        decimal(
            "Z_THRESHOLD", \.zThreshold, 2, 0.1...1_000_000,
            "standard deviations from which a sample is an anomaly"),
        integer(
            "MIN_SAMPLES", \.minimumSamples, 10, 1...10_000,
            "samples a series needs before one can be an anomaly"),
        decimal(
            "ALERT_THRESHOLD", \.alertThreshold, 8, 0.1...1_000, "score from which a sample alerts"),
    ]

    private static let limits: [Setting] = [
        duration(
            "SERIES_TTL", \.seriesTimeToLive, "24h", .seconds(1)...(.seconds(86_400 * 365)),
            "how long a series without samples is kept"),
        integer(
            "MAX_DEVICES", \.deviceLimit, 1_000_000, 1...100_000_000,
            "series kept; beyond it the one idle longest goes"),
        integer(
            "MAX_BODY_BYTES", \.bodyLimitBytes, 8_388_608, 64...1_073_741_824, "largest body"),
        integer(
            "MAX_CONNECTIONS", \.connectionLimit, 65_536, 1...10_000_000,
            "connections open at once; more wait in the kernel's queue"),
        integer(
            "MAX_BUFFERED_BYTES", \.bufferLimitBytes, 1_073_741_824, 1_048_576...1_099_511_627_776,
            "memory for requests still arriving, all connections together; beyond it 503"),
        integer(
            "CLIENT_QUOTA", \.clientQuota, 0, 0...10_000_000,
            "requests per second of one client address; 0 is without limit"),
        duration(
            "IDLE_TIMEOUT", \.idleTimeout, "60s", timeoutRange,
            "a connection without a request is closed after this"),
        duration(
            "HEAD_TIMEOUT", \.headTimeout, "10s", timeoutRange, "a request's head must be complete"),
        duration(
            "BODY_TIMEOUT", \.bodyTimeout, "30s", timeoutRange, "a request's body must be complete"),
        duration(
            "DRAIN_TIMEOUT", \.drainTimeout, "20s", timeoutRange,
            "open requests are finished for so long when stopping"),
    ]

    private static let redis: [Setting] = [
        duration(
            "REDIS_TIMEOUT", \.redisTimeout, "500ms", .milliseconds(10)...(.seconds(60)),
            "a request waits for Redis so long, then it is answered 503"),
        integer(
            "REDIS_REPLICAS", \.redisReplicas, 1, 0...16,
            "replicas that must have a sample before its 2xx, or as many as are attached"),
        integer(
            "REDIS_CHECKPOINT_INTERVAL", \.checkpointInterval, 64, 1...100_000,
            "entries of a series between two checkpoints"),
        integer(
            "REDIS_STREAM_LENGTH", \.streamLength, 128, 2...1_000_000_000,
            "entries of a series kept at least, two intervals or more"),
        choice(
            "REDIS_MIRROR", \.redisMirror, .off,
            "also write last_metric, last_analysis, metrics and metric:<timestamp>"),
    ]

    private static let operation: [Setting] = [
        Setting(
            name: "AUTH_TOKEN", defaultText: "", allowed: "up to 1024 visible ASCII characters",
            meaning: "bearer token that every POST must carry; empty is off",
            apply: { text, configuration in
                configuration.authToken = text
                return text.utf8.count <= 1024 && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
            }),
        choice("LOG_LEVEL", \.logLevel, .info, "least serious line that is logged"),
        choice("LOG_FORMAT", \.logFormat, .json, "form of a log line"),
    ]

    private static let timeoutRange: ClosedRange<TimeSpan> = .milliseconds(10)...(.seconds(86_400))

    private static func integer(
        _ name: String, _ path: any WritableKeyPath<Configuration, Int> & Sendable, _ value: Int,
        _ range: ClosedRange<Int>, _ meaning: String
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

    private static func decimal(
        _ name: String, _ path: any WritableKeyPath<Configuration, Double> & Sendable, _ value: Int,
        _ range: ClosedRange<Double>, _ meaning: String
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
        _ defaultText: String, _ range: ClosedRange<TimeSpan>, _ meaning: String
    ) -> Setting {
        Setting(
            name: name, defaultText: defaultText,
            allowed: "\(durationText(range.lowerBound)) to \(durationText(range.upperBound)), "
                + "a number with ms, s, m or h",
            meaning: meaning
        ) { text, configuration in
            guard let value = parseDuration(text), range.contains(value) else { return false }
            configuration[keyPath: path] = value
            return true
        }
    }

    private static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ path: any WritableKeyPath<Configuration, Choice> & Sendable,
        _ value: Choice,
        _ meaning: String
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
            let isSecret = name == "AUTH_TOKEN" || text.contains("@")
            let shown = isSecret ? "the value" : "\"\(text.prefix(80))\""
            throw ConfigurationError("\(source): \(shown) is not allowed; allowed is \(allowed)")
        }
    }
}

/// A length of time such as `500ms`, `60s`, `5m` or `24h`; nil when it is none.
package func parseDuration(_ text: String) -> TimeSpan? {
    let units: [(suffix: String, nanoseconds: Double)] = [
        ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12),
    ]
    for unit in units where text.hasSuffix(unit.suffix) {
        let number = text.dropLast(unit.suffix.count)
        guard number.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }),
            let value = Double(number), value * unit.nanoseconds < 9e18
        else { return nil }
        return TimeSpan(nanoseconds: Int64(value * unit.nanoseconds))
    }
    return nil
}

/// A length of time as `parseDuration` reads it.
package func durationText(_ span: TimeSpan) -> String {
    let milliseconds = span.nanoseconds / 1_000_000
    if milliseconds % 3_600_000 == 0 { return "\(milliseconds / 3_600_000)h" }
    if milliseconds % 1000 == 0 { return "\(milliseconds / 1000)s" }
    return "\(milliseconds)ms"
}

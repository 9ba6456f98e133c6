internal import Bytes
internal import HTTPClient
internal import System
package import Options
package import Signals
package import TLS

/// What a run is to do, as the command line says.
package struct Plan: Sendable {
    package var addresses: [Address]
    package var load: Load
    package var spacing: Spacing
    package var scenario: Scenario
    package var warmUpSeconds: Double
    package var connections: Int
    /// Connections opened per second; 0 opens all at once.
    package var connectionsPerSecond: Double
    package var threads: Int
    /// Whether a connection serves more than one request.
    package var keepsAlive: Bool
    package var timeoutSeconds: Double
    /// How often a request is sent again at most.
    package var retries: Int
    /// Whether requests that store something have an Idempotency-Key.
    package var usesKeys: Bool
    package var seed: UInt64
    package var token: String
    package var suite: Suite?
    package var allowsLate: Bool
    /// Statuses of good answers; nil for 200 to 299.
    package var expectedStatuses: Set<Int>?
    /// Whom https connections trust.
    package var trust: TLSContext.Trust
    package var abortRules: [AbortRule]
    /// What reports call it; the preset's name unless said otherwise.
    package var name: String?

    package static let connectionLimit = 20_000
    private static let retryLimit = 10

    package init(_ options: inout Options) throws(OptionError) {
        let preset = try Preset.named(options.text("--preset"))
        addresses = try Address.list(&options)
        load = try Load(&options, standard: preset?.curve)
        spacing = try options.choice("--spacing", .even)
        scenario = try Scenario(
            &options, standardMix: preset?.mix ?? Scenario.standardMix, readFile: Plan.readFile)
        warmUpSeconds = try options.seconds("--warmup", 0, in: 0...3600)
        connections = try options.integer(
            "--connections", preset?.connections ?? 64, in: 1...Plan.connectionLimit)
        connectionsPerSecond =
            try options.decimal("--connect-rate", in: 0.1...1_000_000)
            ?? preset?.connectionsPerSecond ?? 0
        threads = min(connections, try options.integer("--threads", 1, in: 1...256))
        keepsAlive = try options.choice("--keep-alive", OnOff.on) == .on
        timeoutSeconds = try options.seconds("--timeout", 10, in: 0.01...600)
        retries = try options.integer("--retries", 0, in: 0...Plan.retryLimit)
        usesKeys = try options.choice("--keys", retries > 0 ? OnOff.on : OnOff.off) == .on
        guard usesKeys || retries == 0 else {
            throw OptionError(
                "--keys: off is not allowed with --retries: without a key a retry may be stored "
                    + "twice")
        }
        seed = UInt64(try options.integer("--seed", 1, in: 0...Int.max))
        // A command line is for everybody to read, an environment is not.
        token = options.text("--token") ?? environmentVariable("TOKEN") ?? ""
        name = options.text("--name") ?? preset?.name
        allowsLate = options.isSet("--allow-late")
        suite = try Plan.suite(options.text("--labelled"))
        expectedStatuses = try Plan.statuses(options.text("--expect"))
        trust = try Plan.trust(&options)
        abortRules = try AbortRule.list(&options)
        guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw OptionError("--token: allowed is visible ASCII")
        }
    }

    private enum OnOff: String, CaseIterable { case on, off }

    private static func suite(_ name: String?) throws(OptionError) -> Suite? {
        guard let name else { return nil }
        guard let suite = Suite.named(name) else {
            let names = Suite.all.map(\.name).joined(separator: " or ")
            throw OptionError("--labelled: \"\(name)\" is not allowed; allowed is \(names)")
        }
        return suite
    }

    private static func readFile(_ path: String) throws(OptionError) -> [UInt8] {
        do throws(FileError) { return try Files.read(path) } catch {
            throw OptionError(error.description)
        }
    }

    private static func statuses(_ text: String?) throws(OptionError) -> Set<Int>? {
        guard let text else { return nil }
        var statuses: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard part.count == 3, let status = Int(part), (100...599).contains(status) else {
                throw OptionError(
                    "--expect: \"\(text)\" is not allowed; allowed are statuses, 100 to 599, by "
                        + "commas")
            }
            statuses.insert(status)
        }
        return statuses
    }

    private static func trust(_ options: inout Options) throws(OptionError) -> TLSContext.Trust {
        let file = options.text("--ca")
        guard options.isSet("--insecure") else {
            let standard = environmentVariable("TLS_CA_FILE") ?? TLSContext.systemAuthorities
            return .authorities(file: file ?? standard)
        }
        guard file == nil else { throw OptionError("--ca, --insecure: one of them") }
        return .anybody
    }

    /// How long after the plan's end its requests are waited for: a time-out for each attempt, and
    /// the waits between them.
    var settlingSeconds: Double {
        timeoutSeconds * Double(retries + 1) + RetryPause.longest.seconds * Double(retries)
    }

    /// The longest latency that a request of this plan can have, in nanoseconds: it may have waited
    /// since the plan's beginning, and then until all is settled.
    package var latencyLimitNanoseconds: Int {
        let seconds = warmUpSeconds + load.seconds + settlingSeconds
        return max(60_000_000_000, Int(seconds.rounded(.up)) * 1_000_000_000)
    }

    /// More steps than this are not told apart: each has a histogram in each thread.
    package static let stepLimit = 64

    /// Steps of the plan that are told apart; 0 where there is one alone, or too many.
    package var stepCount: Int {
        guard case .open(let curve) = load, curve.stretches.count > 1,
            curve.stretches.count <= Plan.stepLimit
        else { return 0 }
        return curve.stretches.count
    }

    /// The curve that the threads follow: that of the load after the warm-up; nil in a closed loop.
    var curve: RateCurve? {
        guard case .open(let curve) = load else { return nil }
        return curve.after(warmUp: warmUpSeconds)
    }

    /// Requests per second asked for, on average over the measured time; nil in a closed loop.
    package var rate: Double? {
        guard case .open(let curve) = load else { return nil }
        return curve.total / curve.seconds
    }
}

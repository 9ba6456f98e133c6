package import Options
package import Signals

/// What a run is to do, as the command line says.
package struct Plan: Sendable {
    package var target: Target
    /// Requests per second of the open loop; nil is a closed loop, as fast as the connections allow.
    package var rate: Double?
    package var durationSeconds: Double
    package var warmUpSeconds: Double
    package var connections: Int
    package var threads: Int
    /// Devices the samples are spread over; 0 sends samples of the fleet alone.
    package var devices: Int
    /// Share of requests that are GET /analyze; the rest are POST /ingest.
    package var analyzeShare: Double
    package var timeoutSeconds: Double
    package var seed: UInt64
    package var hostHeader: String
    package var token: String
    package var suite: Suite?
    package var allowsLate: Bool

    package static let connectionLimit = 20_000

    package init(_ options: inout Options) throws(OptionError) {
        target = try Target(try options.required("--target", "http://host:port"))
        rate = try options.decimal("--rate", in: 0.1...10_000_000)
        durationSeconds = try options.seconds("--duration", 30, in: 0.1...86_400)
        warmUpSeconds = try options.seconds("--warmup", 0, in: 0...3600)
        connections = try options.integer("--connections", 64, in: 1...Plan.connectionLimit)
        threads = min(connections, try options.integer("--threads", 1, in: 1...256))
        devices = try options.integer("--devices", 0, in: 0...10_000_000)
        timeoutSeconds = try options.seconds("--timeout", 10, in: 0.01...600)
        seed = UInt64(try options.integer("--seed", 1, in: 0...Int.max))
        hostHeader = options.text("--host-header") ?? target.hostHeader
        token = options.text("--token") ?? ""
        allowsLate = options.isSet("--allow-late")
        analyzeShare = try Plan.analyzeShare(options.text("--mix") ?? "ingest=90,analyze=10")
        suite = try Plan.suite(options.text("--labelled"))
        for text in [hostHeader, token] where !text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
            throw OptionError("--host-header, --token: allowed is visible ASCII")
        }
    }

    /// Parses `ingest=90,analyze=10`.
    private static func analyzeShare(_ text: String) throws(OptionError) -> Double {
        var weights = ["ingest": 0.0, "analyze": 0.0]
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=")
            guard pair.count == 2, weights[String(pair[0])] != nil, let weight = Double(pair[1]),
                weight >= 0, weight <= 1_000_000
            else {
                throw OptionError(
                    "--mix: \"\(text)\" is not allowed; allowed is ingest=WEIGHT,analyze=WEIGHT")
            }
            weights[String(pair[0])] = weight
        }
        let ingest = weights["ingest"] ?? 0
        let analyze = weights["analyze"] ?? 0
        guard ingest + analyze > 0 else { throw OptionError("--mix: all weights are 0") }
        return analyze / (ingest + analyze)
    }

    private static func suite(_ name: String?) throws(OptionError) -> Suite? {
        guard let name else { return nil }
        guard let suite = Suite.named(name) else {
            let names = Suite.all.map(\.name).joined(separator: " or ")
            throw OptionError("--labelled: \"\(name)\" is not allowed; allowed is \(names)")
        }
        return suite
    }
}

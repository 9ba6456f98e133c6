package import Numerics
package import Options

/// What a request asks for.
package enum Action: String, CaseIterable, Sendable {
    /// POST one sample.
    case ingest
    /// POST several samples at once.
    case batch
    /// GET /analyze.
    case analyze
    /// GET /stats.
    case stats
}

/// Which device a connection speaks for.
package enum Spread: String, CaseIterable, Sendable {
    /// Each connection for its own devices, in turn: the way agents report.
    case sticky
    /// Any connection for any device.
    case uniform
}

/// What the requests are: weights over the actions, and the devices they are about.
package struct Scenario: Equatable, Sendable {
    /// Share of each action up to and with it, in the order of `Action.allCases`.
    private let bounds: [Double]
    /// Weights as given.
    package let weights: [Action: Double]
    /// Devices the samples are spread over; 0 sends samples of the fleet alone.
    package var devices: Int
    package var spread: Spread
    /// Samples of one batch.
    package var batchSize: Int

    package static let batchLimit = 10_000
    private static let weightLimit = 1e6
    package static let standardMix = "ingest=90,analyze=10"

    /// Reads `--mix`, `--devices`, `--spread` and `--batch`.
    package init(_ options: inout Options, standardMix: String) throws(OptionError) {
        weights = try Scenario.weights(options.text("--mix") ?? standardMix)
        devices = try options.integer("--devices", 0, in: 0...10_000_000)
        spread = try options.choice("--spread", .uniform)
        batchSize = try options.integer("--batch", 100, in: 1...Scenario.batchLimit)
        let all = weights.values.reduce(0, +)
        var sum = 0.0
        var bounds: [Double] = []
        for action in Action.allCases {
            sum += (weights[action] ?? 0) / all
            bounds.append(sum)
        }
        self.bounds = bounds
    }

    private static func weights(_ text: String) throws(OptionError) -> [Action: Double] {
        var weights: [Action: Double] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = part.split(separator: "=", omittingEmptySubsequences: false)
            guard pair.count == 2, let action = Action(rawValue: String(pair[0])),
                weights[action] == nil, let weight = Double(pair[1]), weight >= 0,
                weight <= weightLimit
            else {
                let names = Action.allCases.map { "\($0.rawValue)=WEIGHT" }.joined(separator: ",")
                throw OptionError("--mix: \"\(text)\" is not allowed; allowed is \(names)")
            }
            weights[action] = weight
        }
        guard weights.values.reduce(0, +) > 0 else {
            throw OptionError("--mix: all weights are 0")
        }
        return weights
    }

    /// The next request's action.
    @inline(__always)
    package func draw(_ random: inout SeededRandom) -> Action {
        if bounds[0] >= 1 { return .ingest }
        let unit = random.unit()
        if unit < bounds[0] { return .ingest }
        if unit < bounds[1] { return .batch }
        return unit < bounds[2] ? .analyze : .stats
    }

    /// In a few words, for reports.
    package var text: String {
        let all = weights.values.reduce(0, +)
        let mix = Action.allCases.compactMap { action -> String? in
            guard let weight = weights[action], weight > 0 else { return nil }
            let share = Int((weight / all * 100).rounded())
            return action == .batch
                ? "\(share) % batches of \(batchSize)" : "\(share) % \(action.rawValue)"
        }
        let whom = devices > 0 ? "\(devices) devices (\(spread.rawValue))" : "the fleet alone"
        return mix.joined(separator: ", ") + "; " + whom
    }
}

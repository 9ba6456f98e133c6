package import Numerics
package import Options

/// Which device a connection speaks for.
package enum Spread: String, CaseIterable, Sendable {
    /// Each connection for its own devices, in turn: the way agents report.
    case sticky
    /// Any connection for any device.
    case uniform
}

/// What the requests are: weights over the actions, and the devices they are about.
package struct Scenario: Equatable, Sendable {
    /// Share of each action up to and with it, in the order of their numbers.
    private let bounds: [Double]
    /// The one action that has a weight; nil where there are several.
    private let only: Action?
    /// Weights as given.
    package let weights: [Action: Double]
    /// Devices the samples are spread over; 0 sends samples of the fleet alone.
    package var devices: Int
    package var spread: Spread
    /// Samples of one batch.
    package var batchSize: Int
    /// The request of the action `request`; nil where there is none.
    package let template: RequestTemplate?

    package static let batchLimit = 10_000
    private static let weightLimit = 1e6
    package static let standardMix = "ingest=90,analyze=10"

    /// Reads `--mix`, `--devices`, `--spread`, `--batch`, and what describes a request of one's
    /// own.
    package init(_ options: inout Options, standardMix: String, readFile: FileReader)
        throws(OptionError)
    {
        let template = try RequestTemplate(&options, readFile: readFile)
        self.template = template
        let mix = options.text("--mix") ?? (template == nil ? standardMix : "request=1")
        let weights = try Scenario.weights(mix)
        guard template != nil || weights[.request, default: 0] == 0 else {
            throw OptionError("--mix: request needs --path, which says what it is")
        }
        self.weights = weights
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
        let weighted = Action.allCases.filter { weights[$0, default: 0] > 0 }
        only = weighted.count == 1 ? weighted.first : nil
    }

    private static func weights(_ text: String) throws(OptionError) -> [Action: Double] {
        var weights: [Action: Double] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = part.split(separator: "=", omittingEmptySubsequences: false)
            guard pair.count == 2, let action = Action(name: pair[0]),
                weights[action] == nil, let weight = Double(pair[1]), weight >= 0,
                weight <= weightLimit
            else {
                let names = Action.allCases.map { "\($0.name)=WEIGHT" }.joined(separator: ",")
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
        if let only { return only }
        let unit = random.unit()
        // The last bound may be a little below 1: what lies above it is the last action that has a
        // share.
        var last = Action.ingest
        for index in 0..<bounds.count where index == 0 || bounds[index] > bounds[index - 1] {
            guard bounds[index] > 0, let action = Action(rawValue: index) else { continue }
            if unit < bounds[index] { return action }
            last = action
        }
        return last
    }

    /// In a few words, for reports.
    package var text: String {
        let all = weights.values.reduce(0, +)
        let mix = Action.allCases.compactMap { action -> String? in
            guard let weight = weights[action], weight > 0 else { return nil }
            let share = Int((weight / all * 100).rounded())
            switch action {
            case .batch: return "\(share) % batches of \(batchSize)"
            case .request: return "\(share) % \(template?.text ?? action.name)"
            case .ingest, .metrics, .analyze, .stats: return "\(share) % \(action.name)"
            }
        }
        let whom = devices > 0 ? "\(devices) devices (\(spread.rawValue))" : "the fleet alone"
        return mix.joined(separator: ", ") + "; " + whom
    }
}

package import Options

/// A named load: what its flags would say, unless they say otherwise.
package struct Preset: Sendable {
    package let name: String
    package let curve: RateCurve
    package let mix: String
    package let connections: Int
    /// Connections opened per second; 0 opens all at once.
    package let connectionsPerSecond: Double

    /// 500 requests a second for 5 minutes, 90 % ingest and 10 % analyze. Users come at 50 a second
    /// until there are 300, and the rate comes with them.
    package static let mixed500 = Preset(
        name: "mixed-500",
        curve: RateCurve([
            RateCurve.Stretch(seconds: 6, from: 0, to: 500),
            RateCurve.Stretch(seconds: 294, from: 500, to: 500),
        ]),
        mix: "ingest=90,analyze=10", connections: 300, connectionsPerSecond: 50)

    /// Agents that report in batches, with people looking at the numbers.
    package static let agents = Preset(
        name: "agents",
        curve: RateCurve(rate: 200, seconds: 60),
        mix: "batch=95,analyze=4,stats=1", connections: 100, connectionsPerSecond: 0)

    package static let all = [mixed500, agents]

    package static func named(_ name: String?) throws(OptionError) -> Preset? {
        guard let name else { return nil }
        if let preset = all.first(where: { $0.name == name }) { return preset }
        let names = all.map(\.name).joined(separator: " or ")
        throw OptionError("--preset: \"\(name)\" is not allowed; allowed is \(names)")
    }
}

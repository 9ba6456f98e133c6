internal import Numerics

/// A named collection of labelled series; the same name and seed give the same bytes anywhere.
package struct Suite: Sendable {
    package let name: String
    package let meaning: String
    package let prevalence: Double
    package let sigmas: ClosedRange<Double>
    package let samplesPerSeries: Int

    /// 1 % prevalence, anomalies of 6 to 16 sigmas: what anybody would call one.
    package static let standard = Suite(
        name: "default", meaning: "spikes, dips and level shifts of 6 to 16 sigmas",
        prevalence: 0.01,
        sigmas: 6...16, samplesPerSeries: 4000)
    /// Anomalies that hide in the noise.
    package static let hard = Suite(
        name: "hard", meaning: "spikes, dips and level shifts of 2 to 6 sigmas", prevalence: 0.01,
        sigmas: 2...6, samplesPerSeries: 4000)

    package static let all = [standard, hard]

    package static func named(_ name: String) -> Suite? {
        all.first { $0.name == name }
    }

    /// One series per kind of signal.
    package func series(seed: UInt64) -> [LabelledSeries] {
        Signal.allCases.enumerated().map { place, signal in
            var random = SeededRandom(seed: seed &* 1000 &+ UInt64(place))
            var series = LabelledSeries(
                name: "\(name)-\(signal.rawValue)",
                samples: signal.samples(count: samplesPerSeries, &random), events: [])
            Injector(prevalence: prevalence, sigmas: sigmas).inject(into: &series, &random)
            return series
        }
    }
}

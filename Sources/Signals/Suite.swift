internal import Numerics

/// A named collection of labelled series; the same name and seed give the same bytes anywhere.
package struct Suite: Sendable {
    package let name: String
    package let meaning: String
    package let signals: [Signal]
    package let injector: Injector
    package let samplesPerSeries: Int

    /// Four weeks of five-minute samples, so that a weekly rhythm can be learnt and then kept.
    private static let fourWeeks = 8064

    /// 1 % prevalence, anomalies of 6 to 16 sigmas: what anybody would call one.
    package static let standard = Suite(
        name: "default",
        meaning: "spikes, dips, level shifts, bursts of noise and of cpu, of 6 to 16 sigmas",
        signals: Signal.ordinary,
        injector: Injector(
            kinds: [
                .spike, .spike, .spike, .dip, .dip, .levelShift, .levelShift, .varianceBurst,
                .decoupling,
            ], prevalence: 0.01, sigmas: 6...16),
        samplesPerSeries: fourWeeks)
    /// Anomalies that hide in the noise, in signals that are easily mistaken for one.
    package static let hard = Suite(
        name: "hard", meaning: "anomalies of every kind, of 2 to 6 sigmas where they have a size",
        signals: Signal.allCases,
        injector: Injector(
            kinds: AnomalyKind.allCases.filter { $0 != .labelled }, prevalence: 0.01,
            sigmas: 2...6),
        samplesPerSeries: fourWeeks)

    package static let all = [standard, hard]

    package static func named(_ name: String) -> Suite? {
        all.first { $0.name == name }
    }

    /// One series per signal.
    package func series(seed: UInt64) -> [LabelledSeries] {
        signals.enumerated().map { place, signal in
            var random = SeededRandom(seed: seed &* 1000 &+ UInt64(place))
            let healthy = HealthySeries(signal, count: samplesPerSeries, &random)
            return injector.inject(into: healthy, name: "\(name)-\(signal.rawValue)", &random)
        }
    }
}

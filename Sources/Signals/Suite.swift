internal import Numerics

/// A named collection of labelled series; the same name and seed give the same bytes anywhere.
package struct Suite: Sendable {
    package let name: String
    package let meaning: String
    package let signals: [Signal]
    package let injector: Injector
    package let samplesPerSeries: Int
    /// Seconds between two samples; each signal's own where nil.
    package let stepSeconds: Double?

    init(
        name: String, meaning: String, signals: [Signal], injector: Injector,
        samplesPerSeries: Int, stepSeconds: Double? = nil
    ) {
        self.name = name
        self.meaning = meaning
        self.signals = signals
        self.injector = injector
        self.samplesPerSeries = samplesPerSeries
        self.stepSeconds = stepSeconds
    }

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
        signals: Signal.treacherous,
        injector: Injector(
            kinds: AnomalyKind.allCases.filter { $0 != .labelled && $0 != .bump }, prevalence: 0.01,
            sigmas: 2...6),
        samplesPerSeries: fourWeeks)

    /// What operators of real services label: not single samples, but ten minutes and more, among
    /// spikes that mean nothing. Two weeks of one-minute samples.
    package static let bumps = Suite(
        name: "bumps", meaning: "8 to 60 samples off by 4 to 10 sigmas, every minute",
        signals: [
            .constant, .daily, .trending, .randomWalk, .heavyTailed, .spiky, .nearZero,
        ],
        injector: Injector(kinds: [.bump], prevalence: 0.01, sigmas: 4...10),
        samplesPerSeries: 20_160, stepSeconds: 60)
    /// The same kinds of series and of events at four rates of sampling; nobody's nights may depend
    /// on how often he measures. Events are an hour apart at least.
    package static let rates = [
        every(1, count: 172_800, prevalence: 0.002), every(10, count: 60_480, prevalence: 0.005),
        every(60, count: 20_160, prevalence: 0.01), every(300, count: 8064, prevalence: 0.01),
    ]

    private static func every(_ seconds: Int, count: Int, prevalence: Double) -> Suite {
        Suite(
            name: "every\(seconds)s",
            meaning: "the load or cpu off by 6 to 16 sigmas, a sample every \(seconds) s",
            signals: [.constant, .daily, .heavyTailed, .wildTailed, .spiky, .nearZero],
            injector: Injector(
                kinds: [.bump, .levelShift, .decoupling], prevalence: prevalence, sigmas: 6...16,
                quietStart: max(Injector.quietStart, 3600 / seconds),
                quietGap: max(Injector.quietGap, 3600 / seconds)),
            samplesPerSeries: count, stepSeconds: Double(seconds))
    }

    package static let all = [standard, hard, bumps] + rates

    package static func named(_ name: String) -> Suite? {
        all.first { $0.name == name }
    }

    /// One series per signal.
    package func series(seed: UInt64) -> [LabelledSeries] {
        signals.enumerated().map { place, signal in
            var random = SeededRandom(seed: seed &* 1000 &+ UInt64(place))
            let healthy = HealthySeries(
                signal, count: samplesPerSeries, stepSeconds: stepSeconds, &random)
            return injector.inject(into: healthy, name: "\(name)-\(signal.rawValue)", &random)
        }
    }
}

import Numerics
import Testing

@testable import Signals

@Suite struct SignalTests {
    @Test("the noise about the course is as large as stated", arguments: Signal.allCases)
    func statesItsNoise(_ signal: Signal) {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let series = HealthySeries(signal, count: 40_000, &random)
        var squares = 0.0
        for index in series.samples.indices {
            let noise = signal.addsNoiseByItsCourse ? 10 : series.noise(index)
            let deviation = (series.samples[index].rps - series.course[index]) / noise
            squares += deviation * deviation
        }
        let ratio = (squares / Double(series.samples.count)).squareRoot()
        // Cutting the heavy tails off takes some of their variance; the rest is chance.
        // Endless tails take longer to show their variance.
        let range =
            switch signal {
            case .heavyTailed: 0.93...1.0
            case .wildTailed: 0.88...1.2
            // A few bursts make most of its variance.
            case .nearZero: 0.88...1.12
            default: 0.97...1.03
            }
        #expect(range.contains(ratio), "seed \(seed): \(ratio)")
    }

    @Test("no healthy sample of the heavy-tailed signal is as far off as an anomaly")
    func boundsHeavyTails() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let series = HealthySeries(.heavyTailed, count: 50_000, &random)
        var largest = 0.0
        for sample in series.samples { largest = max(largest, abs(sample.rps - 400) / 10) }
        #expect(largest > 4, "seed \(seed)")
        #expect(largest < 4.51, "seed \(seed)")
    }

    @Test(
        "harmless spikes are single, upwards and some in a thousand; a load near zero mostly is zero"
    )
    func keepsItsHarmlessWays() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let course = HealthySeries(.spiky, count: 50_000, &random).course
        let spikes = course.count { $0 > 450 }
        #expect((120...290).contains(spikes), "seed \(seed)")
        #expect(course.allSatisfy { $0 == 400 || (460...700).contains($0) }, "seed \(seed)")
        let load = HealthySeries(.nearZero, count: 50_000, &random).samples.map(\.rps)
        let zeros = load.count { $0 == 0 }
        #expect((45_500...46_500).contains(zeros), "seed \(seed)")
    }

    @Test("counts are whole, and their variance is their mean")
    func countsAreCounts() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let values = HealthySeries(.counts, count: 20_000, &random).samples.map(\.rps)
        #expect(values.allSatisfy { $0 == $0.rounded() })
        let mean = values.reduce(0, +) / Double(values.count)
        #expect(abs(mean - 12) < 0.15, "seed \(seed)")
    }

    @Test("what comes back comes back: jobs, days, weekends, resets")
    func keepsItsRhythm() {
        var random = SeededRandom(seed: 1)
        let hourly = HealthySeries(.hourlyJob, count: 300, &random).course
        #expect(hourly[12] == 500)
        #expect(hourly[13] == 400)
        #expect(hourly[24] == 500)
        let nightly = HealthySeries(.nightlyJob, count: 700, &random).course
        #expect(nightly[24] == 600)
        #expect(nightly[24 + 288] == 600)
        #expect(nightly[27] == 400)
        let weekly = HealthySeries(.weekly, count: 2016, &random).course
        #expect(abs(weekly[144] - 550) < 1e-9)
        #expect(abs(weekly[144 + 5 * 288] - 370) < 1e-9)
        let sawtooth = HealthySeries(.sawtooth, count: 2000, &random).course
        let resets = sawtooth.indices.dropFirst().count { sawtooth[$0] < sawtooth[$0 - 1] }
        #expect((4...5).contains(resets))
    }
}

extension Signal {
    /// Bursts and the walk are part of the course and of the stated noise; what is left is 10.
    fileprivate var addsNoiseByItsCourse: Bool {
        self == .bursty || self == .randomWalk
    }
}

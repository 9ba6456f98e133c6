import Numerics
import Testing

@testable import Report

/// Runs as a busy machine gives them: each measure varies from run to run by a factor, and all runs
/// share a mood of the machine that drifts slowly.
private struct SimulatedRuns {
    var random: SeededRandom
    private var mood = 0.0

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// How much each measure varies from run to run, as a share of itself.
    private static let noise = [
        "latency_ms.p50": 0.012, "latency_ms.p95": 0.05, "latency_ms.p99": 0.15,
        "server_cpu_us": 0.012, "achieved_rps": 0.0002,
    ]

    private mutating func normal() -> Double {
        let radius = (-2 * naturalLogarithm(1 - random.unit())).squareRoot()
        return radius * sine(2 * .pi * random.unit())
    }

    /// - Parameter slowness: 1.1 for a server whose work takes a tenth longer.
    mutating func next(slowness: Double = 1) -> Measurements {
        mood = 0.95 * mood + 0.015 * normal()
        var run = Measurements()
        for (name, noise) in Self.noise.sorted(by: { $0.key < $1.key }) {
            let own = exponential(noise * normal())
            run[name] =
                name == "achieved_rps" ? 500 * own : 2 * slowness * own * exponential(mood)
        }
        run["error_rate"] = 0
        return run
    }
}

@Suite struct ComparisonTests {
    /// Always the same runs: what is tested is the arithmetic, not luck.
    private let seed: UInt64 = 20_261_126

    private func compare(_ before: [Measurements], _ after: [Measurements], isPaired: Bool)
        -> Comparison
    {
        Comparison(
            before: before, after: after, margin: Comparison.standardMargin, isPaired: isPaired)
    }

    @Test("of one build, 5 runs a side taken from 20, at most one comparison in 20 finds a change")
    func findsNothingWhereNothingIs() {
        var simulation = SimulatedRuns(seed: seed)
        var alarms = 0
        var random = SeededRandom(seed: seed)
        for _ in 0..<40 {
            let runs = (0..<20).map { _ in simulation.next() }
            for _ in 0..<10 {
                let chosen = runs.indices.shuffled(using: &random).prefix(10)
                let comparison = compare(
                    chosen.prefix(5).map { runs[$0] }, chosen.suffix(5).map { runs[$0] },
                    isPaired: false)
                if comparison.rows.contains(where: { $0.verdict == .better || $0.verdict == .worse }
                ) {
                    alarms += 1
                }
            }
        }
        #expect(alarms <= 20, "seed \(seed): \(alarms) of 400")
    }

    @Test("of one build, 5 alternating runs a side, at most one comparison in 20 finds a change")
    func findsNothingInPairs() {
        var simulation = SimulatedRuns(seed: seed)
        var alarms = 0
        for _ in 0..<400 {
            let runs = (0..<10).map { _ in simulation.next() }
            let comparison = compare(
                stride(from: 0, to: 10, by: 2).map { runs[$0] },
                stride(from: 1, to: 10, by: 2).map { runs[$0] }, isPaired: true)
            if comparison.rows.contains(where: { $0.verdict == .better || $0.verdict == .worse }) {
                alarms += 1
            }
        }
        #expect(alarms <= 20, "seed \(seed): \(alarms) of 400")
    }

    @Test("a tenth more work is found in p50 and in processor time, 5 alternating runs a side")
    func findsATenth() {
        var simulation = SimulatedRuns(seed: seed)
        var found = ["latency_ms.p50": 0, "server_cpu_us": 0]
        for _ in 0..<200 {
            var sides: (before: [Measurements], after: [Measurements]) = ([], [])
            for _ in 0..<5 {
                sides.before.append(simulation.next())
                sides.after.append(simulation.next(slowness: 1.1))
            }
            for row in compare(sides.before, sides.after, isPaired: true).worse {
                found[row.measure.name, default: 0] += 1
            }
        }
        for name in ["latency_ms.p50", "server_cpu_us"] {
            #expect((found[name] ?? 0) >= 180, "seed \(seed): \(name) \(found) of 200")
        }
    }

    @Test("nothing is said of a run without another beside it, nor of what a side has not")
    func knowsTooLittle() {
        var simulation = SimulatedRuns(seed: seed)
        let (one, two) = (simulation.next(), simulation.next(slowness: 2))
        let comparison = compare([one], [two], isPaired: false)
        #expect(comparison.rows.allSatisfy { $0.verdict == .cannotTell })
        #expect(comparison.method.contains("--repeat"))
        var poor = one
        poor["latency_ms.p50"] = nil
        let names = compare([one, one], [poor, poor], isPaired: false).rows.map(\.measure.name)
        #expect(!names.contains("latency_ms.p50") && names.contains("latency_ms.p95"))
    }

    @Test("equal values are the same, and what rose or fell everywhere alike is told by its sign")
    func comparesConstants() {
        func runs(_ p50: Double, errors: Double, rate: Double) -> [Measurements] {
            var run = Measurements()
            run["latency_ms.p50"] = p50
            run["error_rate"] = errors
            run["achieved_rps"] = rate
            return [run, run, run]
        }
        let before = runs(2, errors: 0, rate: 100)
        let same = compare(before, before, isPaired: true)
        #expect(same.rows.allSatisfy { $0.verdict == .same })
        let changed = compare(before, runs(2.2, errors: 0.01, rate: 120), isPaired: false)
        let verdicts = changed.rows.map { "\($0.measure.name) \($0.verdict.rawValue)" }
        #expect(
            verdicts == ["latency_ms.p50 worse", "achieved_rps better", "error_rate worse"])
        #expect(changed.table.text.contains("| latency_ms.p50 | 2 | 2.2 | +10 % |"))
    }

    @Test("an interval by hand: pairs of 10, 20 and 30 % at t = 4.303")
    func estimatesByHand() throws {
        let measure = try #require(Measure.all.first { $0.name == "error_rate" })
        let estimate = try #require(
            Estimate(
                measure, before: [0, 0.1, 0.2], after: [0.1, 0.3, 0.5], paired: true, doubt: 0.05))
        #expect(abs(estimate.effect - 0.2) < 1e-12)
        // 4.303 · 0.1 / √3
        #expect(abs(estimate.interval.upperBound - 0.448_413_771) < 1e-6)
        #expect(abs(estimate.interval.lowerBound + 0.048_413_771) < 1e-6)
    }
}

@Suite struct StudentTTests {
    @Test(
        "critical values are those of the printed tables",
        arguments: [
            (1.0, 0.05, 12.706_204_736), (4, 0.05, 2.776_445_105), (4, 0.01, 4.604_094_871),
            (9, 0.001, 4.780_912_586), (30, 0.05, 2.042_272_456), (1e6, 0.05, 1.959_966_3),
        ])
    func matchesTables(degrees: Double, probability: Double, expected: Double) {
        let value = StudentT(degreesOfFreedom: degrees).criticalValue(bothTails: probability)
        #expect(abs(value - expected) < 1e-5 * expected, "\(value)")
    }

    @Test("tails of 1 and 2 degrees of freedom have formulas of their own")
    func matchesFormulas() {
        for t in [0.0, 0.1, 1, 3, 100] {
            let two = StudentT(degreesOfFreedom: 2).bothTails(t)
            #expect(abs(two - (1 - t / (2 + t * t).squareRoot())) < 1e-12)
        }
        #expect(abs(StudentT(degreesOfFreedom: 1).bothTails(1) - 0.5) < 1e-12)
    }

    @Test(
        "the logarithm of the gamma function",
        arguments: [
            (0.5, 0.572_364_942_924_7), (1, 0), (2.5, 0.284_682_870_472_9),
            (11, 15.104_412_573_075_5),
        ])
    func computesGamma(_ x: Double, _ expected: Double) {
        #expect(abs(logGamma(x) - expected) < 1e-11)
    }
}

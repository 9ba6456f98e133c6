import Numerics
import Testing

@testable import Detection

@Suite struct WindowTests {
    /// Far below what any rule can see: products of smaller numbers leave the range of doubles.
    private static let underflow = 1e-150

    /// The larger of the errors of mean and deviation, as a multiple of what is allowed: 1e-9 of
    /// the number itself, and for a deviation the rounding of the values it is computed from.
    private func excess(_ mean: Double, _ deviation: Double, over fresh: FreshStatistics) -> Double
    {
        let allowedOfMean = 1e-9 * fresh.mean + Self.underflow
        let allowedOfDeviation = 1e-9 * fresh.deviation + 1e-15 * fresh.mean + Self.underflow
        return max(
            abs(mean - fresh.mean) / allowedOfMean,
            abs(deviation - fresh.deviation) / allowedOfDeviation)
    }

    @Test(
        "mean and deviation equal a fresh computation to 1e-9, a million samples in all",
        arguments: Regime.allCases)
    func equalsFreshComputation(_ regime: Regime) {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for (size, samples, stride) in [
            (2, 20_000, 1), (3, 10_000, 1), (50, 35_000, 5), (777, 15_000, 97),
            (10_000, 25_000, 997),
        ] {
            let values = regime.series(samples, windowSize: size, &random)
            let clamped = values.map { min($0, statisticsLimit) }
            var window = Window(size: size)
            var worst = (excess: 0.0, index: 0)
            for index in values.indices {
                // cpu lags behind rps, so that the two are unkind at different moments.
                let cpu = index < 7 ? 0 : values[index - 7] / 2
                window.push(Pair(values[index], cpu))
                guard index % stride == 0 || index < 12 else { continue }
                let fresh = FreshStatistics(clamped, endingAt: index + 1, size: size)
                let found = excess(window.rpsMean, window.rpsDeviation, over: fresh)
                if !(found <= worst.excess) { worst = (found, index) }
            }
            #expect(
                worst.excess <= 1, "\(regime), window \(size), seed \(seed), at \(worst.index)")
        }
    }

    @Test("rps and cpu do not touch each other", arguments: Regime.allCases)
    func keepsRpsAndCPUApart(_ regime: Regime) {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let values = regime.series(3000, windowSize: 50, &random)
        let halves = values.map { min($0 / 2, statisticsLimit) }
        var window = Window(size: 50)
        var worst = 0.0
        for index in values.indices {
            window.push(Pair(30, values[index] / 2))
            #expect(window.rpsMean == 30)
            #expect(window.rpsDeviation == 0)
            let fresh = FreshStatistics(halves, endingAt: index + 1, size: 50)
            worst = max(worst, excess(window.cpuMean, window.cpuDeviation, over: fresh))
        }
        #expect(worst <= 1, "\(regime), seed \(seed)")
    }

    @Test("cpu that was not measured is left out of cpu's statistics, and of nothing else")
    func leavesOutMissing() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for (size, part) in [(2, 2), (5, 3), (50, 2), (50, 20), (50, 1)] {
            var window = Window(size: size)
            var all = Window(size: size)
            var values: [Pair] = []
            for index in 0..<2_000 {
                // Long stretches with cpu, without, and mixed.
                let isMissing = index / 200 % 3 == 0 ? false : random.below(part) == 0
                let cpu = isMissing ? Sample.notMeasured : 40 + 5 * random.gaussian()
                let value = Pair(1_000 * random.unit() - 500, max(-1, cpu))
                values.append(value)
                window.push(value)
                all.push(Pair(value.x, 1))
                // Where one of the two is summed afresh, so is the other.
                let isEqual =
                    abs(window.rpsMean - all.rpsMean) <= 1e-9
                    && abs(window.rpsDeviation - all.rpsDeviation) <= 1e-9
                #expect(isEqual, "seed \(seed), window \(size), at \(index)")
                let measured = values.suffix(size).map(\.y).filter { $0 >= 0 }
                #expect(window.measured == measured.count)
                let mean = measured.reduce(0, +) / Double(max(1, measured.count))
                let squares = measured.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
                let deviation = (squares / Double(max(1, measured.count))).squareRoot()
                let isRight =
                    abs(window.cpuMean - mean) <= 1e-9 * mean + 1e-12
                    && abs(window.cpuDeviation - deviation) <= 1e-9 * deviation + 1e-7
                #expect(isRight, "seed \(seed), window \(size), at \(index)")
            }
        }
    }

    @Test("values at the ends of a double's range leave finite statistics")
    func staysFinite() {
        var window = Window(size: 5)
        for value in [1e308, 0, 1e-308, .greatestFiniteMagnitude, 5, 5, 5, 5, 5, 5] {
            window.push(Pair(value, value))
            #expect(window.rpsMean.isFinite)
            #expect(window.rpsDeviation.isFinite)
        }
        #expect(window.rpsMean == 5)
        #expect(window.rpsDeviation == 0)
    }

    @Test("rounding that always errs to the same side does not add up")
    func doesNotDrift() {
        var window = Window(size: 50)
        // 0.1 and a large odd number: what each sum rounds off repeats with the pattern for ever.
        let pattern = [0.1, 1_000_003.7, 0.3, 999_999.1, 0.7, 1e6 / 3]
        var values: [Double] = []
        for index in 0..<3_000_000 {
            let value = pattern[index % pattern.count]
            window.push(Pair(value, value))
            if index >= 2_999_900 { values.append(value) }
        }
        let fresh = FreshStatistics(values, endingAt: values.count, size: 50)
        #expect(excess(window.rpsMean, window.rpsDeviation, over: fresh) <= 1)
        #expect(abs(window.rpsDeviation / fresh.deviation - 1) < 1e-12)
        #expect(window.cpuMean == window.rpsMean)
    }

    @Test("an empty window is all zero, one value has no deviation")
    func startsAtZero() {
        var window = Window(size: 2)
        #expect(window.count == 0)
        #expect(window.rpsMean == 0)
        #expect(window.rpsDeviation == 0)
        window.push(Pair(7, 3))
        #expect(window.count == 1)
        #expect(window.rpsMean == 7)
        #expect(window.cpuMean == 3)
        #expect(window.rpsDeviation == 0)
        window.push(Pair(9, 3))
        window.push(Pair(11, 3))
        #expect(window.count == 2)
        #expect(window.rpsMean == 10)
        #expect(window.rpsDeviation == 1)
    }
}

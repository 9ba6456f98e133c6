import Numerics
import Testing

@testable import Detection

/// The statistics of a window, computed afresh in two passes.
private func fresh(_ values: ArraySlice<Double>) -> (mean: Double, deviation: Double) {
    let n = Double(values.count)
    let first = values[values.startIndex]
    let mean = first + values.reduce(0) { $0 + ($1 - first) } / n
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let correction = values.reduce(0) { $0 + ($1 - mean) }
    return (mean, (max(0, squares - correction * correction / n) / n).squareRoot())
}

@Suite struct WindowTests {
    /// Ways for a series to be unkind to sums that slide.
    enum Regime: CaseIterable {
        case plain, hugeSpikes, levelShifts, nearConstant, wideRange, zeros

        func value(_ index: Int, _ random: inout SeededRandom) -> Double {
            switch self {
            case .plain: 400 + 10 * random.gaussian()
            case .hugeSpikes: random.below(70) == 0 ? 1e14 * random.unit() : 5 + random.unit()
            case .levelShifts: Double(1 + index / 90 % 7) * 1e6 + random.unit()
            case .nearConstant: 1e6 + 1e-3 * random.unit()
            case .wideRange: Double(sign: .plus, exponent: random.below(80) - 40, significand: 1)
            case .zeros: random.below(10) == 0 ? random.unit() : 0
            }
        }
    }

    @Test(
        "mean and deviation equal a fresh computation to 1e-9, a million samples in all",
        arguments: Regime.allCases)
    func equalsFreshComputation(_ regime: Regime) {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var window = Window(size: 50)
        var values: [Double] = []
        var worst = 0.0
        for index in 0..<170_000 {
            let value = max(0, regime.value(index, &random))
            values.append(value)
            window.push(Pair(value, value / 2))
            if values.count > 5000 { values.removeFirst(4900) }
            let expected = fresh(values.suffix(50))
            // Below the rule's own floor a deviation is rounding noise and decides nothing.
            let floor = 1e-9 + 1e-6 * expected.mean
            let scale = max(expected.deviation, floor)
            worst = max(worst, abs(window.rpsDeviation - expected.deviation) / scale)
            worst = max(worst, abs(window.rpsMean - expected.mean) / max(expected.mean, 1e-300))
            worst = max(
                worst, abs(window.cpuDeviation - expected.deviation / 2) / scale)
        }
        #expect(worst <= 1e-9, "seed \(seed)")
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

    @Test("the z-score has a floor and a limit")
    func boundsScores() {
        func scores(_ value: Double, _ mean: Double, _ deviation: Double) -> Double {
            ZScore.scores(
                Pair(value, 0), mean: Pair(mean, 0), deviation: Pair(deviation, 1)
            ).x
        }
        #expect(scores(12, 10, 1) == 2)
        #expect(scores(10, 10, 0) == 0)
        #expect(scores(1e9, 10, 0) == 1e6)
        #expect(scores(0, 1, 1e-9) < -999_000)
    }
}

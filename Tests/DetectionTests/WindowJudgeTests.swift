import Numerics
import Testing

@testable import Detection

/// The contract's rule in its slow form: every sample against the window before it, computed anew.
private struct SlowRule {
    let parameters: FoldParameters
    let values: [Double]

    func score(at index: Int) -> (z: Double, tolerance: Double) {
        guard index >= parameters.minimumSamples else { return (0, 0) }
        let before = FreshStatistics(values, endingAt: index, size: parameters.windowSize)
        let deviation = max(before.deviation, 1e-9 + 1e-6 * abs(before.mean))
        let z = max(-1e6, min(1e6, (values[index] - before.mean) / deviation))
        // The errors that the contract allows mean and deviation, carried to their quotient; means
        // in fact agree to some units in the last place, and a third of their allowance is plenty.
        return (z, 1e-9 * abs(z) + 1e-9 + 1e-12 * before.mean / deviation)
    }
}

@Suite struct WindowJudgeTests {
    @Test(
        "verdicts follow the rule in its slow form, a million samples in all",
        arguments: Regime.allCases)
    func followsSlowRule(_ regime: Regime) {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for (size, minimum, threshold, samples, stride) in [
            (50, 10, 2.0, 50_000, 9), (5, 1, 1.5, 20_000, 3), (300, 400, 3, 16_000, 61),
        ] {
            var parameters = FoldParameters()
            parameters.windowSize = size
            parameters.minimumSamples = minimum
            parameters.zThreshold = threshold
            let rps = regime.series(samples, windowSize: size, &random).map {
                min($0, statisticsLimit)
            }
            let rule = SlowRule(parameters: parameters, values: rps)
            let cpuRule = SlowRule(parameters: parameters, values: Array(rps.reversed()))
            var judge = WindowJudge(parameters)
            var verdict = Verdict()
            for index in rps.indices {
                let sample = Sample(timestamp: 0, cpu: cpuRule.values[index], rps: rps[index])
                judge.judge(sample, into: &verdict, samplesBefore: index, parameters)
                guard index % stride == 0 || index < minimum + 3 else { continue }
                let place: Comment = "\(regime), window \(size), seed \(seed), at \(index)"
                let expected = rule.score(at: index)
                let expectedOfCPU = cpuRule.score(at: index)
                #expect(verdict.sequence == index + 1, place)
                #expect(abs(verdict.zScore - expected.z) <= expected.tolerance, place)
                #expect(abs(verdict.cpuZScore - expectedOfCPU.z) <= expectedOfCPU.tolerance, place)
                if abs(abs(expected.z) - threshold) > expected.tolerance {
                    #expect(verdict.isAnomaly == (abs(expected.z) > threshold), place)
                }
            }
        }
    }

    @Test("a score of exactly the threshold is no anomaly, the next one up is")
    func thresholdIsExclusive() {
        for (value, isAnomaly) in [(120.0, false), (120.0.nextUp, true), (80, false), (79.9, true)]
        {
            var judge = WindowJudge(FoldParameters())
            var verdict = Verdict()
            for index in 0..<10 {
                judge.judge(
                    Sample(timestamp: 0, cpu: 0, rps: index % 2 == 0 ? 90 : 110), into: &verdict,
                    samplesBefore: index, FoldParameters())
            }
            judge.judge(
                Sample(timestamp: 0, cpu: 0, rps: value), into: &verdict, samplesBefore: 10,
                FoldParameters())
            #expect(verdict.isAnomaly == isAnomaly, "\(value)")
        }
    }

    @Test("cpu has a score but decides nothing")
    func cpuIsOnlyScored() {
        var judge = WindowJudge(FoldParameters())
        var verdict = Verdict()
        for index in 0...20 {
            judge.judge(
                Sample(timestamp: 0, cpu: index < 20 ? 20 : 90, rps: 100), into: &verdict,
                samplesBefore: index, FoldParameters())
        }
        #expect(verdict.cpuZScore > 1000)
        #expect(verdict.zScore == 0)
        #expect(!verdict.isAnomaly)
    }
}

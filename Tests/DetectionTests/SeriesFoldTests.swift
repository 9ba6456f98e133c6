import Detection
import Numerics
import Testing

@Suite struct SeriesFoldTests {
    private func sample(_ index: Int, _ random: inout SeededRandom) -> Sample {
        let spike = random.below(80) == 0 ? 50.0 : 1
        return Sample(
            timestamp: 1_700_000_000 + Double(index) * 300, cpu: 20 + random.unit() * 10,
            rps: max(0, (400 + 10 * random.gaussian()) * spike))
    }

    @Test("the window's rule: z against the window before, nothing before the tenth sample")
    func followsTheRule() {
        var fold = SeriesFold(FoldParameters())
        for index in 1...10 {
            let verdict = fold.fold(
                Sample(timestamp: Double(index), cpu: 1, rps: index % 2 == 0 ? 110 : 90),
                FoldParameters())
            #expect(verdict.sequence == index)
            #expect(verdict.zScore == 0)
            #expect(!verdict.isAnomaly)
        }
        let verdict = fold.fold(Sample(timestamp: 11, cpu: 1, rps: 125), FoldParameters())
        #expect(abs(verdict.zScore - 2.5) < 1e-12)
        #expect(verdict.isAnomaly)
        #expect(abs(verdict.rollingAverage - 1125.0 / 11) < 1e-12)
        #expect(fold.summary.anomalies == 1)
        #expect(fold.summary.windowCount == 11)
    }

    @Test("a fold that counts on from elsewhere says nothing until it has seen enough itself")
    func waitsForItsOwnSamples() {
        var fold = SeriesFold(FoldParameters())
        _ = fold.fold(Sample(timestamp: 1, cpu: 1, rps: 100), FoldParameters())
        fold.totals = SeriesTotals(samples: 1000, anomalies: 7, alerts: 1)
        let verdict = fold.fold(Sample(timestamp: 2, cpu: 1, rps: 500), FoldParameters())
        #expect(verdict.sequence == 1001)
        #expect(verdict.zScore == 0)
        #expect(!verdict.isAnomaly)
        #expect(fold.totals == SeriesTotals(samples: 1001, anomalies: 7, alerts: 1))
    }

    @Test("samples without cpu: no cpu view, no cpu score, and the rest as with any cpu")
    func judgesWithoutCPU() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let parameters = FoldParameters()
        var without = SeriesFold(parameters)
        var constant = SeriesFold(parameters)
        var mixed = SeriesFold(parameters)
        for index in 0..<2_000 {
            var next = sample(index, &random)
            let measured = next.cpu
            next.cpu = 10
            let expected = constant.fold(next, parameters)
            next.cpu = Sample.notMeasured
            let verdict = without.fold(next, parameters)
            #expect(!verdict.hasCPU && verdict.cpuZScore == 0)
            // The detector may differ: its view of cpu may find the constant strange.
            #expect(verdict.reason != .cpu, "seed \(seed) at \(index)")
            let isSame =
                abs(verdict.zScore - expected.zScore) <= 1e-9
                && abs(verdict.rollingAverage - expected.rollingAverage) <= 1e-9
                && abs(verdict.standardDeviation - expected.standardDeviation) <= 1e-9
            #expect(isSame && verdict.isAnomaly == expected.isAnomaly, "seed \(seed) at \(index)")
            #expect(verdict.sequence == expected.sequence)
            // Cpu comes late and now and then, and is as usual: it is never strange.
            next.rps = min(next.rps, 450)
            if index > 300, random.below(3) > 0 { next.cpu = measured }
            let now = mixed.fold(next, parameters)
            #expect(now.reason != .cpu, "seed \(seed) at \(index): \(now)")
            #expect(now.hasCPU == next.hasCPU)
            let bytes = mixed.encode(parameters)
            if index % 50 == 0 { mixed = try SeriesFold(decoding: bytes.span, parameters) }
            #expect(mixed.encode(parameters) == bytes)
        }
        #expect(without.summary.cpuMean == 0 && without.summary.lastSample.cpu == 0)
    }

    @Test("an encoded and decoded fold continues bit for bit, wherever it is cut")
    func continuesFromCheckpoint() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        for windowSize in [2, 5, 50] {
            var parameters = FoldParameters()
            parameters.windowSize = windowSize
            var random = SeededRandom(seed: seed)
            var whole = SeriesFold(parameters)
            var resumed = SeriesFold(parameters)
            for index in 0..<3000 {
                var next = sample(index, &random)
                if windowSize == 5, random.below(4) == 0 { next.cpu = Sample.notMeasured }
                if random.below(20) == 0 {
                    let bytes = resumed.encode(parameters)
                    resumed = try SeriesFold(decoding: bytes.span, parameters)
                }
                let expected = whole.fold(next, parameters)
                #expect(resumed.fold(next, parameters) == expected, "seed \(seed) at \(index)")
            }
            #expect(resumed.summary == whole.summary)
        }
    }

    @Test("bytes that are no checkpoint are refused, and never trap")
    func refusesHostileBytes() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let parameters = FoldParameters()
        var fold = SeriesFold(parameters)
        for index in 0..<100 { _ = fold.fold(sample(index, &random), parameters) }
        let good = fold.encode(parameters)
        #expect(throws: StateError.truncated) {
            _ = try SeriesFold(decoding: good.span.extracting(0..<good.count - 1), parameters)
        }
        let longer = good + [0]
        #expect(throws: StateError.trailingBytes) {
            _ = try SeriesFold(decoding: longer.span, parameters)
        }
        var others = parameters
        others.windowSize = 49
        #expect(throws: StateError.otherParameters) {
            _ = try SeriesFold(decoding: good.span, others)
        }
        for _ in 0..<5000 {
            var bytes = good
            for _ in 0...random.below(4) {
                bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            guard var hostile = try? SeriesFold(decoding: bytes.span, parameters) else { continue }
            for index in 0..<60 { _ = hostile.fold(sample(index, &random), parameters) }
        }
    }

    @Test("verdicts are finite whatever comes")
    func staysFinite() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let extremes: [Double] = [
            0, .leastNormalMagnitude, .leastNonzeroMagnitude, 1, 400, 1e9, 1e150, 1e200,
            1.7976931348623157e308,
        ]
        var fold = SeriesFold(FoldParameters())
        for _ in 0..<50_000 {
            let verdict = fold.fold(
                Sample(
                    timestamp: [0, 1, 1e9, 1e11, -5][random.below(5)] * random.unit(),
                    cpu: extremes[random.below(extremes.count)],
                    rps: extremes[random.below(extremes.count)]),
                FoldParameters())
            let numbers = [
                verdict.rollingAverage, verdict.standardDeviation, verdict.zScore,
                verdict.cpuZScore, verdict.score, verdict.expected, verdict.lower, verdict.upper,
            ]
            #expect(numbers.allSatisfy { $0.isFinite }, "seed \(seed): \(verdict)")
        }
    }

    @Test("a series takes little over 2 KB with a window of 50")
    func isSmall() {
        let bytes = MemoryLayout<SeriesFold>.size + Window.storageBytes(size: 50)
        #expect(MemoryLayout<AdaptiveDetector>.size <= 1024)
        #expect(bytes <= 2088)
    }
}

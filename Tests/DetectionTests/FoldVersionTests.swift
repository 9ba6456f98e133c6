import Detection
import Numerics
import Testing

/// Replicas of two builds that share a series must say the same, or know that they do not: the
/// version of the fold tells them.
@Suite struct FoldVersionTests {
    /// What each version says of the series below. Whoever changes what is said raises the version,
    /// and adds a line; lines of versions that were released are never changed.
    private static let digests: [Int: UInt64] = [8: 9_424_105_632_231_152_524]

    /// FNV-1a (Fowler, Noll, Vo) over 64-bit words.
    private struct Digest {
        private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

        mutating func add(_ word: UInt64) {
            value = (value ^ word) &* 0x0000_0100_0000_01b3
        }
        mutating func add(_ number: Double) { add(number.bitPattern) }
    }

    @Test("what is said of samples, and the layout, changes only with the version")
    func isThatOfItsVersion() {
        let parameters = FoldParameters()
        var digest = Digest()
        var alerts = 0
        for step in [1.0, 10, 60, 300] {
            var random = SeededRandom(seed: UInt64(step))
            var fold = SeriesFold(parameters)
            for index in 0..<4_000 {
                let time = 1_700_000_000 + Double(index + (index > 2_500 ? 50 : 0)) * step
                var rps = 400 + 20 * random.gaussian()
                var cpu = index % 50 == 7 ? Sample.notMeasured : 10 + 0.05 * rps
                if index % 700 > 690 { rps *= index % 1_400 > 700 ? 3 : 0.1 }
                if index % 900 > 880, cpu >= 0 { cpu += 25 }
                if index > 3_000 { rps += 250 }
                let verdict = fold.fold(
                    Sample(timestamp: time, cpu: cpu, rps: rps), parameters,
                    at: SampleArrival(entry: 5, milliseconds: Int(time * 1_000)))
                for number in [
                    verdict.rollingAverage, verdict.standardDeviation, verdict.zScore,
                    verdict.cpuZScore, verdict.score, verdict.expected, verdict.lower,
                    verdict.upper,
                ] { digest.add(number) }
                for number in [
                    verdict.sequence, verdict.incident, Int(verdict.reason.rawValue),
                    Int(verdict.ending.rawValue), verdict.alert ? 1 : 0, verdict.isLearning ? 1 : 0,
                ] { digest.add(UInt64(number)) }
                alerts += verdict.alert ? 1 : 0
            }
            for byte in fold.encode(parameters) { digest.add(UInt64(byte)) }
        }
        #expect(alerts > 10)
        #expect(
            FoldVersionTests.digests[SeriesFold.version] == digest.value,
            """
            version \(SeriesFold.version) says something else now (\(digest.value)): raise
            SeriesFold.version, see to it that checkpoints of the version before are read, and add
            the digest
            """)
    }
}

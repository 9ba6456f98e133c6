import Detection
import Foundation
import Signals
import TestSupport
import Testing

/// A batch's answer. Foundation's untyped JSON numbers are off by a last digit now and then, typed
/// ones are not.
private struct Said: Decodable {
    struct Verdict: Decodable, Equatable {
        let sequence: Int
        let zScore: Double
        let isAnomaly: Bool
        let cpuZScore: Double
        let score: Double
        let expected: Double?
        let cpuExpected: Double?
        let cpuLower: Double?
        let cpuUpper: Double?
        let lower: Double?
        let upper: Double?
        let alert: Bool
        let reason: String?

        enum CodingKeys: String, CodingKey {
            case sequence
            case zScore = "z_score"
            case isAnomaly = "is_anomaly"
            case cpuZScore = "cpu_z_score"
            case score, expected, lower, upper, alert, reason
            case cpuExpected = "cpu_expected"
            case cpuLower = "cpu_lower"
            case cpuUpper = "cpu_upper"
        }

        init(_ verdict: Detection.Verdict) {
            sequence = verdict.sequence
            zScore = verdict.zScore
            isAnomaly = verdict.isAnomaly
            cpuZScore = verdict.cpuZScore
            score = verdict.score
            let isLoad = verdict.reason.measure == .load
            let isCPU = verdict.reason.measure == .cpu
            expected = isLoad ? verdict.expected : nil
            lower = isLoad ? verdict.lower : nil
            upper = isLoad ? verdict.upper : nil
            cpuExpected = isCPU ? verdict.expected : nil
            cpuLower = isCPU ? verdict.lower : nil
            cpuUpper = isCPU ? verdict.upper : nil
            alert = verdict.alert
            reason = verdict.reason == .none ? nil : "\(verdict.reason.word)"
        }
    }
    let verdicts: [Verdict]
}

/// What the service says over HTTP is what the library says, whatever lies between.
@Suite struct VerdictTests {
    @Test("verdicts over HTTP equal those of the fold on the same samples")
    func equalsTheLibrary() throws {
        let service = try RunningService()
        let series = try #require(
            Suite.standard.series(seed: 11).first { $0.name.hasSuffix("bursty") })
        let parameters = FoldParameters()
        var fold = SeriesFold(parameters)
        var alerts = 0
        let batch = 900
        for start in stride(from: 0, to: series.samples.count, by: batch) {
            let part = series.samples[start..<min(start + batch, series.samples.count)]
            let lines = part.map {
                "{\"device_id\":\"d\",\"timestamp\":\($0.timestamp),\"rps\":\($0.rps),\"cpu\":\($0.cpu)}"
            }
            let answer = try service.post("/ingest?verdicts=all", lines.joined(separator: "\n"))
            let said = try JSONDecoder().decode(Said.self, from: Data(answer.body.utf8)).verdicts
            try #require(said.count == part.count)
            for (sample, verdict) in zip(part, said) {
                let expected = fold.fold(
                    Sample(timestamp: sample.timestamp, cpu: sample.cpu, rps: sample.rps),
                    parameters)
                #expect(verdict == Said.Verdict(expected))
                if expected.alert { alerts += 1 }
            }
        }
        #expect(alerts > 5)
        #expect(service.stop() == 0)
    }
}

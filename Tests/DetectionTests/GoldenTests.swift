import Foundation
import Testing

@testable import Detection

/// The reference's own vectors, where they are at hand beside the checkout.
private let goldenFile = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("shared/detection/golden.json")

private struct Golden: Decodable {
    struct Series: Decodable {
        let name: String
        let timestamps: [Double]
        let values: [Double?]
        let score: [Double]
        let alerts: [Int]
        let reason: [String]
        let expected: [Double]
        let lower: [Double]
        let upper: [Double]
    }
    let threshold: Double
    let series: [Series]
}

@Suite struct GoldenTests {
    @Test(
        "the reference within the adaptive detector reproduces the reference's six series",
        .enabled(if: FileManager.default.fileExists(atPath: goldenFile.path)))
    func reproducesGoldenVectors() throws {
        let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: goldenFile))
        #expect(golden.series.count == 6)
        for series in golden.series {
            var detector = LoadDetector()
            var alerts: [Int] = []
            for (index, value) in series.values.enumerated() {
                // A missing value is never a sample here: the wire refuses it.
                guard let value else { continue }
                let outcome = detector.update(
                    timestamp: series.timestamps[index], value: value, threshold: golden.threshold)
                let place = Comment(rawValue: "\(series.name)[\(index)]")
                let expected = outcome.prediction + detector.origin
                expectClose(outcome.scores.highest, series.score[index], place)
                expectClose(expected, series.expected[index], place)
                expectClose(expected - outcome.band, series.lower[index], place)
                expectClose(expected + outcome.band, series.upper[index], place)
                #expect("\(outcome.scores.reason.word)" == series.reason[index], place)
                if outcome.alert { alerts.append(index) }
            }
            #expect(alerts == series.alerts, Comment(rawValue: series.name))
        }
    }

    private func expectClose(_ value: Double, _ expected: Double, _ place: Comment) {
        let tolerance = 1e-9 * max(1, abs(expected))
        #expect(abs(value - expected) <= tolerance, place)
    }
}

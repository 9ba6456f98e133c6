import Foundation
import Testing

@testable import Detection

/// What an independent implementation, in another language, said of series that have something for
/// every view.
private struct GoldenSeries {
    struct Row {
        let step: Double
        let value: Double
        let score: UInt64
        let alert: String
    }

    let name: String
    var rows: [Row] = []

    /// Reads the file beside this one; its first lines say what it holds.
    static func load() throws -> [GoldenSeries] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("golden.csv")
        var series: [GoldenSeries] = []
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        where !line.hasPrefix("#") {
            if line.hasPrefix("> ") {
                series.append(GoldenSeries(name: String(line.dropFirst(2))))
                continue
            }
            let fields = line.split(separator: ",").map(String.init)
            series[series.count - 1].rows.append(
                Row(
                    step: try #require(Double(fields[0])), value: try #require(Double(fields[1])),
                    score: try #require(UInt64(fields[2], radix: 16)),
                    alert: fields.count > 3 ? fields[3] : ""))
        }
        return series
    }
}

@Suite struct GoldenTests {
    @Test("the detector says, to the last bit, what an independent implementation says")
    func reproducesGoldenVectors() throws {
        let golden = try GoldenSeries.load()
        var seen: Set<String> = []
        for series in golden {
            var detector = AdaptiveDetector()
            var verdict = Verdict()
            var timestamp = 1_700_000_000.0
            var differences: [Int] = []
            for (index, row) in series.rows.enumerated() {
                timestamp += row.step
                detector.judge(
                    Sample(timestamp: timestamp, cpu: 0, rps: row.value), &verdict, threshold: 8)
                let alert = verdict.alert ? "\(verdict.reason.word)" : ""
                if verdict.score.bitPattern != row.score || alert != row.alert {
                    differences.append(index)
                }
                seen.insert(alert)
            }
            #expect(series.rows.count >= 900, "\(series.name)")
            #expect(differences.isEmpty, "\(series.name) \(differences.prefix(5))")
        }
        #expect(golden.count == 12)
        #expect(seen == ["", "spike", "jump", "daily", "level", "flat", "gap"])
    }
}

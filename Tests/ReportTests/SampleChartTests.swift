import Foundation
import Testing

@testable import Report

#if canImport(FoundationXML)
    import FoundationXML
#endif

private func isWellFormed(_ text: String) -> Bool {
    XMLParser(data: Data(text.utf8)).parse()
}

private func count(_ part: String, in text: String) -> Int {
    text.components(separatedBy: part).count - 1
}

@Suite struct SampleChartTests {
    @Test("a series keeps the spike that is narrower than a pixel")
    func keepsSpikes() throws {
        var values = [Double](repeating: 1, count: 20_000)
        values[9_999] = 50
        let svg = SampleChart.svg(
            title: "x", values: values, labelled: [9_990..<10_000, 30_000..<30_010],
            alerts: [9_999, 25_000], window: 0..<20_000)
        #expect(isWellFormed(svg))
        // The alert stands on the spike, at the top of the plot.
        let dot = try #require(svg.split(separator: "\n").first { $0.contains("<circle") })
        let top = try #require(dot.firstMatch(of: /cy="([\d.]+)"/)).1
        #expect(svg.contains(" \(top)L"))
        #expect(count("<circle", in: svg) == 1)
        #expect(count("class=\"labelled\"", in: svg) == 2, "one stretch and its legend")
        #expect(svg.utf8.count < 60_000)
    }

    @Test("a flat and an empty series are drawn too", arguments: [[], [3.0], [3, 3, 3]])
    func drawsDegenerateSeries(_ values: [Double]) {
        let svg = SampleChart.svg(
            title: "x", values: values, labelled: [], alerts: [], window: 0..<9)
        #expect(isWellFormed(svg))
        #expect(!svg.contains("nan") && !svg.contains("none\"/>"))
    }

    @Test("a line of shares has its mark where its values say")
    func marksShares() throws {
        let chart = LineChart(
            "a < b & c", x: Axis("recall", .fixed(0...1)), y: Axis("precision", .fixed(0...1)),
            lines: [
                LineChart.Line(
                    "first", points: [(0, 1), (0.5, 0.5)], mark: (x: 0.5, y: 0.5)),
                LineChart.Line("second", points: []),
            ])
        #expect(isWellFormed(chart.svg))
        #expect(chart.svg.contains("a &lt; b &amp; c") && chart.svg.contains(">second<"))
        let dot = try #require(chart.svg.firstMatch(of: /cx="([\d.]+)" cy="([\d.]+)"/))
        #expect(chart.svg.contains("L\(dot.1) \(dot.2)\"/>"))
    }
}

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

@Suite struct ShareChartTests {
    @Test("a chart of shares has its lines, its marks and its names, and is well-formed")
    func drawsShares() {
        let chart = ShareChart(
            title: "a < b & c", across: "recall", up: "precision",
            lines: [
                ShareChart.Line("first", [(0, 1), (0.5, 0.5)], mark: (0.5, 0.5)),
                ShareChart.Line("second", []),
            ])
        #expect(isWellFormed(chart.svg))
        #expect(count("<circle", in: chart.svg) == 1)
        #expect(chart.svg.contains("a &lt; b &amp; c"))
        #expect(chart.svg.contains(">second<"))
        // From the upper left corner of the plot to its middle.
        #expect(chart.svg.contains("points=\"50,30 265,195\""))
    }

    @Test("a timeline keeps the spike that is narrower than a pixel")
    func keepsSpikes() {
        var values = [Double](repeating: 1, count: 20_000)
        values[9_999] = 50
        let timeline = Timeline(
            title: "x", values: values, labelled: [9_990..<10_000, 30_000..<30_010],
            alerts: [9_999, 25_000], window: 0..<20_000)
        #expect(isWellFormed(timeline.svg))
        // The highest value is at the top of the plot.
        #expect(timeline.svg.contains(",28 "))
        #expect(count("<circle", in: timeline.svg) == 1)
        #expect(count("#ff9e1b", in: timeline.svg) == 1)
        #expect(timeline.svg.utf8.count < 60_000)
    }

    @Test("a flat and an empty series are drawn too", arguments: [[], [3.0], [3, 3, 3]])
    func drawsDegenerateSeries(_ values: [Double]) {
        let timeline = Timeline(title: "x", values: values, labelled: [], alerts: [], window: 0..<9)
        #expect(isWellFormed(timeline.svg))
    }
}

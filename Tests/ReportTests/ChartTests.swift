import Foundation
import FoundationXML
import Testing

@testable import Report

@Suite struct ChartTests {
    /// Every element of a picture with its attributes; records an issue where it is no XML.
    private final class Elements: NSObject, XMLParserDelegate {
        var found: [(name: String, attributes: [String: String])] = []
        var text = ""

        init(_ svg: String) {
            super.init()
            let parser = XMLParser(data: Data(svg.utf8))
            parser.delegate = self
            if !parser.parse() { Issue.record("no XML: \(svg)") }
        }

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
            qualifiedName: String?, attributes: [String: String]
        ) { found.append((name, attributes)) }

        func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
    }

    /// The places of a path's points.
    private func points(_ path: String) -> [(x: Double, y: Double)] {
        path.dropFirst().split(separator: "L").map {
            let pair = $0.split(separator: " ").compactMap { Double($0) }
            return (pair[0], pair[1])
        }
    }

    private func lines(_ chart: LineChart) -> [[(x: Double, y: Double)]] {
        Elements(chart.svg).found.filter {
            $0.name == "path" && $0.attributes["stroke-width"] == "2"
        }
        .map { points($0.attributes["d"] ?? "") }
    }

    @Test("a straight line stays straight, and higher is further up")
    func drawsStraight() throws {
        let values = (0...10).map { (x: Double($0), y: Double($0) * 3) }
        let chart = LineChart(
            "t", x: Axis("x"), y: Axis("y"), lines: [LineChart.Line("l", points: values)])
        let line = try #require(lines(chart).first)
        #expect(line.count == 11)
        for index in 1...10 {
            #expect(abs(line[index].x - line[index - 1].x - (line[1].x - line[0].x)) < 0.21)
            #expect(abs(line[index].y - line[index - 1].y - (line[1].y - line[0].y)) < 0.21)
            #expect(line[index].y < line[index - 1].y)
        }
    }

    @Test("on a logarithmic axis equal factors are equal distances")
    func drawsLogarithms() throws {
        let values = (0...4).map { (x: Double($0), y: Double("1e\($0 - 2)") ?? 0) }
        let chart = LineChart(
            "t", x: Axis("x"), y: Axis("y", .logarithmic),
            lines: [LineChart.Line("l", points: values)])
        let line = try #require(lines(chart).first)
        for index in 1...4 {
            #expect(abs(line[index].y - line[index - 1].y - (line[4].y - line[0].y) / 4) < 0.21)
        }
        let text = Elements(chart.svg).text
        for label in ["0.01", "0.1", "1", "10", "100"] { #expect(text.contains(label)) }
    }

    @Test("shares stand where their nines say")
    func drawsShares() throws {
        let values = [0, 0.9, 0.99, 0.999].map { (x: $0, y: 1.0) }
        let chart = LineChart(
            "t", x: Axis("x", .share), y: Axis("y"), lines: [LineChart.Line("l", points: values)])
        let line = try #require(lines(chart).first)
        for index in 1...3 {
            #expect(abs(line[index].x - line[index - 1].x - (line[3].x - line[0].x) / 3) < 0.21)
        }
        #expect(Elements(chart.svg).text.contains("99.9 %"))
    }

    @Test(
        "hostile names and numbers leave it a picture", arguments: [[], [0.0], [.nan, 1], [5, 5]])
    func survives(_ values: [Double]) {
        for scale in [Axis.Scale.linear, .logarithmic, .share] {
            let points = values.enumerated().map { (x: Double($0.offset), y: $0.element) }
            let chart = LineChart(
                "<&\">", x: Axis("]]>"), y: Axis("y", scale),
                lines: [LineChart.Line("<b>", points: points)])
            #expect(Elements(LineChart.stacked([chart, chart])).text.contains("<&\">"))
            #expect(!chart.svg.contains("nan") && !chart.svg.contains("inf"))
        }
    }

    @Test("of many points the peaks stay")
    func keepsPeaks() throws {
        var values = (0..<100_000).map { (x: Double($0), y: 1.0) }
        values[77_777].y = 50
        let chart = LineChart(
            "t", x: Axis("x"), y: Axis("y"), lines: [LineChart.Line("l", points: values)])
        let line = try #require(lines(chart).first)
        #expect(line.count <= 760)
        let top = line.map(\.y).min() ?? 0
        #expect(line.count { $0.y == top } == 1)
    }

    @Test("the logarithm is right to ten digits")
    func knowsLogarithms() {
        for exponent in -300...300 {
            let value = (Double("1e\(exponent)") ?? 0)
            #expect(abs(decimalLogarithm(value) - Double(exponent)) < 1e-9)
            #expect(abs(decimalLogarithm(value * 2) - Double(exponent) - 0.301_029_995_664) < 1e-9)
        }
    }

    @Test("bars of a sparkline go from nothing to the largest")
    func sparks() {
        #expect(sparkline([0, 1, 7, 8]) == "▁▂██")
        #expect(sparkline([]) == "")
        #expect(sparkline([0, 0]) == "▁▁")
        #expect(sparkline([.nan, 4]) == "▁█")
    }
}

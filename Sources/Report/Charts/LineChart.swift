/// Lines over a common x axis, as SVG that a code host shows as it is.
package struct LineChart: Sendable {
    /// One line.
    package struct Line: Sendable {
        package enum Style: Sendable { case line, dashed, dots }

        package let name: String
        package let points: [(x: Double, y: Double)]
        package let style: Style

        package init(_ name: String, _ points: [(x: Double, y: Double)], _ style: Style = .line) {
            self.name = name
            self.points = points.filter { $0.x.isFinite && $0.y.isFinite }
            self.style = style
        }
    }

    package let title: String
    package let x: Axis
    package let y: Axis
    package var lines: [Line]

    package init(_ title: String, x: Axis, y: Axis, _ lines: [Line]) {
        self.title = title
        self.x = x
        self.y = y
        self.lines = lines
    }

    // Pixels.
    private static let width = 760.0
    private static let height = 300.0
    private static let left = 70.0
    private static let right = 20.0
    private static let top = 52.0
    private static let bottom = 46.0
    /// Told apart by eyes that confuse red and green (Okabe and Ito's colours).
    private static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
    /// A line has no more points than pixels to put them on.
    private static let pointLimit = 760

    /// The chart alone.
    package var svg: String { LineChart.stacked([self]) }

    /// Charts below each other in one picture.
    package static func stacked(_ charts: [LineChart]) -> String {
        let all = height * Double(charts.count)
        var text =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width.shortText) "
            + "\(all.shortText)\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#24292f\">\n"
            + "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
        for (place, chart) in charts.enumerated() {
            let offset = (Double(place) * height).shortText
            text += "<g transform=\"translate(0 \(offset))\">\n\(chart.body)</g>\n"
        }
        return text + "</svg>\n"
    }

    private var body: String {
        let points = lines.flatMap(\.points)
        let across = ScaledAxis(x, over: points.map(\.x))
        let up = ScaledAxis(y, over: points.map(\.y))
        var text = "<text x=\"\(LineChart.left)\" y=\"20\" font-weight=\"bold\">"
        text += "\(SVGText.escaped(title))</text>\n"
        text += grid(across, up) + legend
        for (index, line) in lines.enumerated() {
            text += draw(line, LineChart.colours[index % LineChart.colours.count], across, up)
        }
        return text
    }

    private func pixelX(_ place: Double) -> String {
        let span = LineChart.width - LineChart.left - LineChart.right
        return tenths(LineChart.left + place * span)
    }

    private func pixelY(_ place: Double) -> String {
        let span = LineChart.height - LineChart.top - LineChart.bottom
        return tenths(LineChart.top + (1 - place) * span)
    }

    private func tenths(_ value: Double) -> String { ((value * 10).rounded() / 10).shortText }

    private func grid(_ across: ScaledAxis, _ up: ScaledAxis) -> String {
        var text = "<g stroke=\"#d0d7de\">\n"
        for tick in up.ticks {
            text += "<path d=\"M\(pixelX(0)) \(pixelY(tick.place))H\(pixelX(1))\"/>\n"
        }
        for tick in across.ticks {
            text += "<path d=\"M\(pixelX(tick.place)) \(pixelY(0))V\(pixelY(1))\"/>\n"
        }
        text += "</g>\n<g text-anchor=\"end\">\n"
        for tick in up.ticks {
            text += "<text x=\"\(tenths(LineChart.left - 6))\" y=\"\(pixelY(tick.place))\" "
            text += "dy=\"4\">\(tick.label)</text>\n"
        }
        text += "</g>\n<g text-anchor=\"middle\">\n"
        for tick in across.ticks {
            text += "<text x=\"\(pixelX(tick.place))\" y=\"\(pixelY(0))\" dy=\"16\">"
            text += "\(tick.label)</text>\n"
        }
        let end = tenths(LineChart.height - 8)
        text += "<text x=\"\(pixelX(0.5))\" y=\"\(end)\">\(SVGText.escaped(x.title))</text>\n"
        text += "<text transform=\"translate(14 \(pixelY(0.5))) rotate(-90)\">"
        return text + "\(SVGText.escaped(y.title))</text>\n</g>\n"
    }

    private var legend: String {
        var text = ""
        var place = LineChart.left
        for (index, line) in lines.enumerated() {
            let colour = LineChart.colours[index % LineChart.colours.count]
            text += "<rect x=\"\(tenths(place))\" y=\"32\" width=\"10\" height=\"10\" "
            text += "fill=\"\(colour)\"/><text x=\"\(tenths(place + 14))\" y=\"41\">"
            text += "\(SVGText.escaped(line.name))</text>\n"
            place += 30 + 7 * Double(line.name.count)
        }
        return text
    }

    private func draw(_ line: Line, _ colour: String, _ across: ScaledAxis, _ up: ScaledAxis)
        -> String
    {
        let places = LineChart.thinned(line.points).map {
            (pixelX(across.place($0.x)), pixelY(up.place($0.y)))
        }
        guard let first = places.first else { return "" }
        if line.style == .dots || places.count == 1 {
            return places.map {
                "<circle cx=\"\($0.0)\" cy=\"\($0.1)\" r=\"4\" fill=\"\(colour)\"/>\n"
            }.joined()
        }
        var path = "M\(first.0) \(first.1)"
        for place in places.dropFirst() { path += "L\(place.0) \(place.1)" }
        let dashes = line.style == .dashed ? " stroke-dasharray=\"6 4\"" : ""
        return "<path d=\"\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\""
            + "\(dashes)/>\n"
    }

    /// Of as many neighbours as share a pixel the one that stands highest: peaks must not vanish.
    private static func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
        guard points.count > pointLimit else { return points }
        let group = (points.count + pointLimit - 1) / pointLimit
        return stride(from: 0, to: points.count, by: group).compactMap { start in
            points[start..<min(points.count, start + group)].max { $0.y < $1.y }
        }
    }
}

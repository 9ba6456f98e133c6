/// Lines over a common x axis, as SVG that a code host shows as it is.
package struct LineChart: Sendable {
    /// One line. A point whose y is not finite is a gap: the line is interrupted there.
    package struct Line: Sendable {
        package enum Style: Sendable { case line, dashed, dots }
        /// What the line shows, which decides its colour.
        package enum Role: Sendable { case series, errors, alerts }

        package let name: String
        package let points: [(x: Double, y: Double)]
        package let style: Style
        package let role: Role
        /// A point of the line that is marked by a dot.
        package let mark: (x: Double, y: Double)?

        package init(
            _ name: String, points: [(x: Double, y: Double)], style: Style = .line,
            role: Role = .series, mark: (x: Double, y: Double)? = nil
        ) {
            self.name = name
            self.points = points.filter(\.x.isFinite)
            self.style = style
            self.role = role
            self.mark = mark
        }
    }

    /// A value that should not be passed, drawn across the plot.
    package struct Limit: Sendable {
        package let name: String
        package let y: Double

        package init(_ name: String, y: Double) {
            self.name = name
            self.y = y
        }
    }

    /// Stretches of the x axis with a coloured ground.
    package struct Bands: Sendable {
        package enum Role: Sendable { case silence, labelled }

        package let name: String
        package let role: Role
        package let ranges: [ClosedRange<Double>]

        package init(_ name: String, role: Role, ranges: [ClosedRange<Double>]) {
            self.name = name
            self.role = role
            self.ranges = ranges
        }
    }

    package let title: String
    /// What was measured, under the title; may be empty.
    package var subtitle = ""
    package let x: Axis
    package let y: Axis
    package var lines: [Line]
    package var limits: [Limit] = []
    package var bands: [Bands] = []

    package init(_ title: String, x: Axis, y: Axis, lines: [Line]) {
        self.title = title
        self.x = x
        self.y = y
        self.lines = lines
    }

    /// The chart alone.
    package var svg: String { LineChart.stacked([self]) }

    /// Charts below each other in one picture.
    package static func stacked(_ charts: [LineChart]) -> String {
        let layouts = charts.map(ChartLayout.init)
        let height = layouts.reduce(0) { $0 + $1.height }
        var picture = SVGPicture(
            width: ChartLayout.width, height: height,
            title: charts.map(\.title).joined(separator: "; "))
        var top = 0.0
        for layout in layouts {
            picture.lowered(by: top) { layout.draw(into: &$0) }
            top += layout.height
        }
        picture.finish()
        return picture.text
    }
}

/// Lines over two axes from 0 to 1, as an SVG picture.
package struct ShareChart {
    /// A named line, and where on it a mark stands.
    package struct Line {
        let name: String
        let points: [(x: Double, y: Double)]
        let mark: (x: Double, y: Double)?

        package init(
            _ name: String, _ points: [(x: Double, y: Double)], mark: (x: Double, y: Double)? = nil
        ) {
            self.name = name
            self.points = points
            self.mark = mark
        }
    }

    private static let size = (width: 640, height: 400)
    private static let colors = ["#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#8c564b"]

    private let title: String
    private let across: String
    private let up: String
    private let lines: [Line]

    package init(title: String, across: String, up: String, lines: [Line]) {
        self.title = title
        self.across = across
        self.up = up
        self.lines = lines
    }

    package var svg: String {
        let (width, height) = ShareChart.size
        let x = SVGAxis(low: 0, high: 1, start: 50, end: Double(width) - 160)
        let y = SVGAxis(low: 0, high: 1, start: Double(height) - 40, end: 30)
        var picture = SVGText(width: width, height: height, title: title)
        picture.label(title, x: x.start, y: 18)
        for tick in 0...5 {
            let share = Double(tick) / 5
            let row = y.place(share)
            let column = x.place(share)
            picture.line([(x.start, row), (x.end, row)], color: "#ddd", width: 0.6)
            picture.line([(column, y.start), (column, y.end)], color: "#ddd", width: 0.6)
            picture.label(share.shortText, x: x.start - 6, y: row + 4, anchor: "end")
            picture.label(share.shortText, x: column, y: y.start + 16, anchor: "middle")
        }
        picture.label(across, x: (x.start + x.end) / 2, y: Double(height) - 8, anchor: "middle")
        picture.label(up, x: 8, y: y.end - 10)
        for (place, line) in lines.enumerated() {
            let color = ShareChart.colors[place % ShareChart.colors.count]
            picture.line(line.points.map { (x.place($0.x), y.place($0.y)) }, color: color)
            if let mark = line.mark {
                picture.dot(x: x.place(mark.x), y: y.place(mark.y), radius: 5, color: color)
            }
            let row = 40 + 18 * Double(place)
            picture.box(x: x.end + 12, y: row - 9, width: 10, height: 10, color: color)
            picture.label(line.name, x: x.end + 27, y: row)
        }
        picture.finish()
        return picture.text
    }
}

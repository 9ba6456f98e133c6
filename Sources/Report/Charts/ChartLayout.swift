/// Where the parts of one chart lie, in pixels, and how they are drawn.
struct ChartLayout {
    static let width = 760.0
    private static let plotHeight = 210.0
    private static let rowHeight = 17.0
    private static let titleRow = 20.0
    private static let edge = 10.0
    private static let belowPlot = 46.0
    /// A line has no more points than pixels to put them on.
    private static let pointLimit = 760

    private struct Entry {
        let name: String
        let paint: Paint
        let isDashed: Bool
        var width: Double { 30 + SVGPicture.characterWidth * Double(name.count) }
    }

    private let chart: LineChart
    private let across: ScaledAxis
    private let up: ScaledAxis
    private let subtitle: [String]
    private let legend: [[Entry]]
    private let left: Double
    private let right: Double
    private let top: Double

    init(_ chart: LineChart) {
        self.chart = chart
        let points = chart.lines.flatMap(\.points)
        let marks = chart.lines.compactMap(\.mark)
        across = ScaledAxis(chart.x, over: (points + marks).map(\.x))
        up = ScaledAxis(chart.y, over: (points + marks).map(\.y) + chart.limits.map(\.y))
        let yLabel = up.ticks.map(\.label.count).max() ?? 1
        left = 34 + SVGPicture.characterWidth * Double(yLabel)
        let lastLabel = across.ticks.last?.label.count ?? 1
        right = max(20, 4 + SVGPicture.characterWidth * Double(lastLabel) / 2)
        let room = ChartLayout.width - left - ChartLayout.edge
        subtitle = ChartLayout.wrapped(chart.subtitle, width: room)
        legend = ChartLayout.rows(ChartLayout.entries(chart), width: room)
        top =
            ChartLayout.titleRow + 12
            + ChartLayout.rowHeight * Double(subtitle.count + legend.count)
    }

    var height: Double { top + ChartLayout.plotHeight + ChartLayout.belowPlot }

    // MARK: Places

    private func pixelX(_ place: Double) -> Double {
        left + place * (ChartLayout.width - left - right)
    }

    private func pixelY(_ place: Double) -> Double { top + (1 - place) * ChartLayout.plotHeight }

    private func pixel(_ point: (x: Double, y: Double)) -> (x: Double, y: Double) {
        (pixelX(across.place(point.x)), pixelY(up.place(point.y)))
    }

    // MARK: Words

    private static func entries(_ chart: LineChart) -> [Entry] {
        let lines = chart.lines.enumerated().map {
            Entry(
                name: $1.name, paint: paint($1, at: $0), isDashed: $1.style == .dashed)
        }
        let bands = chart.bands.filter { !$0.ranges.isEmpty }.map {
            Entry(name: $0.name, paint: paint($0), isDashed: false)
        }
        let limits = chart.limits.map { Entry(name: $0.name, paint: .limit, isDashed: true) }
        return lines + bands + limits
    }

    private static func paint(_ line: LineChart.Line, at index: Int) -> Paint {
        switch line.role {
        case .series: .series(index)
        case .errors: .error
        case .alerts: .alert
        }
    }

    private static func paint(_ bands: LineChart.Bands) -> Paint {
        switch bands.role {
        case .silence: .silence
        case .labelled: .labelled
        }
    }

    /// The entries in as many rows as they need.
    private static func rows(_ entries: [Entry], width: Double) -> [[Entry]] {
        var rows: [[Entry]] = []
        var filled = Double.infinity
        for entry in entries {
            if filled + entry.width > width {
                rows.append([])
                filled = 0
            }
            rows[rows.count - 1].append(entry)
            filled += entry.width
        }
        return rows
    }

    /// Words in lines that fit; a word that is too long for a line is cut into several.
    private static func wrapped(_ text: String, width: Double) -> [String] {
        let limit = Int(width / SVGPicture.characterWidth)
        var lines: [String] = []
        for word in text.split(separator: " ") {
            var rest = String(word)
            while rest.count > limit {
                lines.append(String(rest.prefix(limit)))
                rest = String(rest.dropFirst(limit))
            }
            if let last = lines.last, last.count + 1 + rest.count <= limit {
                lines[lines.count - 1] = last + " " + rest
            } else {
                lines.append(rest)
            }
        }
        return lines
    }

    // MARK: Drawing

    func draw(into picture: inout SVGPicture) {
        picture.label(chart.title, x: left, y: ChartLayout.titleRow, isBold: true)
        var row = ChartLayout.titleRow
        for line in subtitle {
            row += ChartLayout.rowHeight
            picture.label(line, x: left, y: row)
        }
        drawLegend(below: row, into: &picture)
        for bands in chart.bands { draw(bands, into: &picture) }
        drawGrid(into: &picture)
        for (index, line) in chart.lines.enumerated() {
            draw(line, ChartLayout.paint(line, at: index), into: &picture)
        }
        for limit in chart.limits {
            let y = pixelY(up.place(limit.y))
            picture.line([(pixelX(0), y), (pixelX(1), y)], .limit, width: 1.5, dashes: "3 3")
        }
    }

    private func drawLegend(below start: Double, into picture: inout SVGPicture) {
        for (index, entries) in legend.enumerated() {
            let row = start + ChartLayout.rowHeight * Double(index + 1)
            var x = left
            for entry in entries {
                if entry.isDashed {
                    picture.line(
                        [(x, row - 4), (x + 12, row - 4)], entry.paint, width: 2, dashes: "4 2")
                } else {
                    picture.box(x: x, y: row - 9, width: 10, height: 10, entry.paint)
                }
                picture.label(entry.name, x: x + 16, y: row)
                x += entry.width
            }
        }
    }

    private func drawGrid(into picture: inout SVGPicture) {
        for place in up.fineTicks {
            picture.line([(pixelX(0), pixelY(place)), (pixelX(1), pixelY(place))], .fineGrid)
        }
        for place in across.fineTicks {
            picture.line([(pixelX(place), pixelY(0)), (pixelX(place), pixelY(1))], .fineGrid)
        }
        for tick in up.ticks {
            let y = pixelY(tick.place)
            picture.line([(pixelX(0), y), (pixelX(1), y)], .grid)
            picture.label(tick.label, x: left - 6, y: y + 4, anchor: .end)
        }
        for tick in across.ticks {
            let x = pixelX(tick.place)
            picture.line([(x, pixelY(0)), (x, pixelY(1))], .grid)
            picture.label(tick.label, x: x, y: pixelY(0) + 16, anchor: .middle)
        }
        picture.label(
            chart.x.title, x: pixelX(0.5), y: pixelY(0) + 34, anchor: .middle)
        picture.label(
            chart.y.title, x: 16, y: pixelY(0.5), anchor: .middle, isUpright: true)
    }

    private func draw(_ bands: LineChart.Bands, into picture: inout SVGPicture) {
        for range in bands.ranges {
            let start = pixelX(across.place(range.lowerBound))
            let end = pixelX(across.place(range.upperBound))
            picture.box(
                x: start, y: pixelY(1), width: max(3, end - start), height: pixelY(0) - pixelY(1),
                ChartLayout.paint(bands))
        }
    }

    private func draw(_ line: LineChart.Line, _ paint: Paint, into picture: inout SVGPicture) {
        if line.style == .dots {
            for point in line.points where point.y.isFinite {
                let place = pixel(point)
                picture.dot(x: place.x, y: place.y, radius: 4, paint)
            }
        } else {
            let dashes = line.style == .dashed ? "6 4" : nil
            for stretch in ChartLayout.stretches(ChartLayout.thinned(line.points)) {
                let places = stretch.map(pixel)
                if places.count == 1 {
                    picture.dot(x: places[0].x, y: places[0].y, radius: 3, paint)
                } else {
                    picture.line(places, paint, width: 2, dashes: dashes)
                }
            }
        }
        if let mark = line.mark {
            let place = pixel(mark)
            picture.dot(x: place.x, y: place.y, radius: 5, paint)
        }
    }

    /// What lies between the gaps.
    private static func stretches(_ points: [(x: Double, y: Double)])
        -> [[(x: Double, y: Double)]]
    {
        points.split { !$0.y.isFinite }.map(Array.init)
    }

    /// Of as many neighbours as share two pixels the lowest and the highest, in their order:
    /// neither a peak nor a hole may vanish. A gap among them stays.
    private static func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
        guard points.count > pointLimit else { return points }
        let group = (2 * points.count + pointLimit - 1) / pointLimit
        return stride(from: 0, to: points.count, by: group).flatMap { start in
            let part = start..<min(points.count, start + group)
            let known = part.filter { points[$0].y.isFinite }
            guard let low = known.min(by: { points[$0].y < points[$1].y }),
                let high = known.max(by: { points[$0].y < points[$1].y })
            else { return [points[start]] }
            let kept = low == high ? [low] : [min(low, high), max(low, high)]
            let gap = part.first { !points[$0].y.isFinite }
            return (kept + (gap.map { [$0] } ?? [])).sorted().map { points[$0] }
        }
    }
}

/// A series over its samples, with the stretches that are labelled and the moments that alerted.
package struct Timeline {
    private static let size = (width: 960, height: 220)

    private let title: String
    private let values: [Double]
    private let labelled: [Range<Int>]
    private let alerts: [Int]
    /// The part of the series that is drawn.
    private let window: Range<Int>

    package init(
        title: String, values: [Double], labelled: [Range<Int>], alerts: [Int], window: Range<Int>
    ) {
        self.title = title
        self.values = values
        self.labelled = labelled
        self.alerts = alerts
        self.window = window.clamped(to: 0..<values.count)
    }

    package var svg: String {
        let (width, height) = Timeline.size
        var picture = SVGText(width: width, height: height, title: title)
        picture.label(title, x: 60, y: 16)
        let shown = values[window]
        guard let low = shown.min(), let high = shown.max() else {
            picture.finish()
            return picture.text
        }
        let x = SVGAxis(
            low: Double(window.lowerBound), high: Double(window.upperBound), start: 60,
            end: Double(width) - 10)
        let y = SVGAxis(low: low, high: high, start: Double(height) - 24, end: 28)
        for range in labelled.map({ $0.clamped(to: window) }) where !range.isEmpty {
            let start = x.place(Double(range.lowerBound))
            let length = max(3, x.place(Double(range.upperBound)) - start)
            picture.box(
                x: start, y: y.end - 4, width: length, height: y.start - y.end + 8,
                color: "#ff9e1b", opacity: 0.45)
        }
        picture.line(
            strokes(pixels: x.end - x.start).map { (x.place($0.x), y.place($0.y)) },
            color: "#1f77b4", width: 0.9)
        for alert in alerts where window.contains(alert) {
            picture.dot(
                x: x.place(Double(alert)), y: y.place(values[alert]), radius: 4, color: "#d62728")
        }
        picture.label(high.shortText, x: 54, y: y.end + 4, anchor: "end")
        picture.label(low.shortText, x: 54, y: y.start, anchor: "end")
        picture.label("sample \(window.lowerBound)", x: x.start, y: Double(height) - 6)
        picture.label("\(window.upperBound)", x: x.end, y: Double(height) - 6, anchor: "end")
        picture.finish()
        return picture.text
    }

    /// The values, or where there are more than pixels the lowest and the highest of each pixel, so
    /// that no spike gets lost.
    private func strokes(pixels: Double) -> [(x: Double, y: Double)] {
        let perPixel = max(1, window.count / max(1, Int(pixels)))
        var points: [(x: Double, y: Double)] = []
        var start = window.lowerBound
        while start < window.upperBound {
            let part = values[start..<min(start + perPixel, window.upperBound)]
            if perPixel == 1 {
                points.append((Double(start), values[start]))
            } else if let low = part.min(), let high = part.max() {
                points.append((Double(start), low))
                points.append((Double(start), high))
            }
            start += perPixel
        }
        return points
    }
}

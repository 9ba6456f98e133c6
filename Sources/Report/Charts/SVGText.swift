/// The text of an SVG picture, element by element.
struct SVGText {
    private(set) var text: String
    private static let font = "font-family=\"sans-serif\" font-size=\"12\" fill=\"#444\""

    init(width: Int, height: Int, title: String) {
        text = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" role="img">
            <title>\(SVGText.escaped(title))</title>
            <rect width="\(width)" height="\(height)" fill="white"/>

            """
    }

    mutating func finish() { text += "</svg>\n" }

    mutating func line(_ points: [(x: Double, y: Double)], color: String, width: Double = 1.2) {
        guard !points.isEmpty else { return }
        let list = points.map { "\(SVGText.short($0.x)),\(SVGText.short($0.y))" }
        text +=
            "<polyline fill=\"none\" stroke=\"\(color)\" stroke-width=\"\(width)\" points=\""
            + list.joined(separator: " ") + "\"/>\n"
    }

    mutating func box(
        x: Double, y: Double, width: Double, height: Double, color: String, opacity: Double = 1
    ) {
        text +=
            "<rect x=\"\(SVGText.short(x))\" y=\"\(SVGText.short(y))\" "
            + "width=\"\(SVGText.short(width))\" height=\"\(SVGText.short(height))\" "
            + "fill=\"\(color)\" fill-opacity=\"\(opacity)\"/>\n"
    }

    mutating func dot(x: Double, y: Double, radius: Double, color: String) {
        text +=
            "<circle cx=\"\(SVGText.short(x))\" cy=\"\(SVGText.short(y))\" r=\"\(radius)\" "
            + "fill=\"\(color)\"/>\n"
    }

    /// - Parameter anchor: `start`, `middle` or `end`.
    mutating func label(_ words: String, x: Double, y: Double, anchor: String = "start") {
        text +=
            "<text x=\"\(SVGText.short(x))\" y=\"\(SVGText.short(y))\" text-anchor=\"\(anchor)\" "
            + "\(SVGText.font)>\(SVGText.escaped(words))</text>\n"
    }

    /// One digit after the point is a tenth of a pixel.
    private static func short(_ value: Double) -> String {
        let tenths = Int((max(-1e6, min(1e6, value)) * 10).rounded())
        let sign = tenths < 0 ? "-" : ""
        let digit = abs(tenths) % 10
        return "\(sign)\(abs(tenths) / 10)" + (digit == 0 ? "" : ".\(digit)")
    }

    /// Text as it may stand in XML.
    static func escaped(_ words: String) -> String {
        words.reduce(into: "") { text, character in
            switch character {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            default: text.append(character)
            }
        }
    }
}

/// A range of numbers and the pixels that it is drawn on.
struct SVGAxis {
    let low: Double
    let high: Double
    let start: Double
    let end: Double

    /// A range of a single number is drawn in the middle.
    func place(_ value: Double) -> Double {
        guard high > low else { return (start + end) / 2 }
        return start + (value - low) / (high - low) * (end - start)
    }
}

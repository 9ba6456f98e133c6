/// What a colour is for. Each has a light and a dark form, and the picture picks the one that the
/// reader's screen prefers.
enum Paint: Equatable, Sendable {
    case paper, ink, grid, fineGrid, error, limit, silence, labelled, alert
    /// A line among others: told apart by eyes that confuse red and green (Okabe and Ito's
    /// colours).
    case series(Int)

    private static let seriesCount = 6

    static let all: [Paint] =
        [.paper, .ink, .grid, .fineGrid, .error, .limit, .silence, .labelled, .alert]
        + (0..<seriesCount).map(Paint.series)

    /// The name of its class in the style sheet.
    var name: String {
        switch self {
        case .paper: "paper"
        case .ink: "ink"
        case .grid: "grid"
        case .fineGrid: "fine"
        case .error: "error"
        case .limit: "limit"
        case .silence: "silence"
        case .labelled: "labelled"
        case .alert: "alert"
        case .series(let index): "c\(index % Paint.seriesCount)"
        }
    }

    var colours: (light: String, dark: String) {
        switch self {
        case .paper: ("#ffffff", "#0d1117")
        case .ink: ("#24292f", "#e6edf3")
        case .grid: ("#d0d7de", "#3d444d")
        case .fineGrid: ("#eaeef2", "#22272e")
        case .error: ("#c0121f", "#ff7b72")
        case .limit: ("#6e4ba8", "#bc8cff")
        case .silence: ("#f6d5d5", "#4a2326")
        case .labelled: ("#ffd9a3", "#5c4314")
        case .alert: ("#d62728", "#ff7b72")
        case .series(let index):
            [
                ("#0072b2", "#58a6ff"), ("#d55e00", "#f0883e"), ("#009e73", "#3fb950"),
                ("#cc79a7", "#f09bd0"), ("#b07c00", "#e3b341"), ("#56b4e9", "#a5d6ff"),
            ][index % Paint.seriesCount]
        }
    }
}

/// The text of an SVG picture, element by element.
struct SVGPicture {
    private(set) var text: String

    /// Pixels that a character of a label takes at most, on average, whatever the font.
    static let characterWidth = 7.0

    init(width: Double, height: Double, title: String) {
        text = """
            <svg xmlns="http://www.w3.org/2000/svg" \
            viewBox="0 0 \(tenths(width)) \(tenths(height))" \
            role="img" font-family="sans-serif" font-size="12">
            <title>\(SVGPicture.escaped(title))</title>
            <style>
            \(SVGPicture.style)</style>
            <rect width="100%" height="100%" class="paper"/>

            """
    }

    /// Lines have the class `l-name`, filled shapes `name`.
    private static var style: String {
        func rules(_ colour: (Paint) -> String) -> String {
            Paint.all.map {
                ".\($0.name){fill:\(colour($0))}.l-\($0.name){stroke:\(colour($0));fill:none}\n"
            }.joined()
        }
        return rules(\.colours.light) + "@media (prefers-color-scheme:dark){\n"
            + rules(\.colours.dark) + "}\n"
    }

    mutating func finish() { text += "</svg>\n" }

    /// Draws everything in `body` that much lower.
    mutating func lowered(by pixels: Double, _ body: (inout SVGPicture) -> Void) {
        text += "<g transform=\"translate(0 \(tenths(pixels)))\">\n"
        body(&self)
        text += "</g>\n"
    }

    /// - Parameter dashes: lengths of strokes and gaps, such as `6 4`; nil for a whole line.
    mutating func line(
        _ points: [(x: Double, y: Double)], _ paint: Paint, width: Double = 1,
        dashes: String? = nil
    ) {
        guard let first = points.first else { return }
        var path = "M\(tenths(first.x)) \(tenths(first.y))"
        for point in points.dropFirst() { path += "L\(tenths(point.x)) \(tenths(point.y))" }
        let pattern = dashes.map { " stroke-dasharray=\"\($0)\"" } ?? ""
        text += "<path class=\"l-\(paint.name)\" stroke-width=\"\(width.shortText)\"\(pattern) "
        text += "d=\"\(path)\"/>\n"
    }

    mutating func box(x: Double, y: Double, width: Double, height: Double, _ paint: Paint) {
        text += "<rect class=\"\(paint.name)\" x=\"\(tenths(x))\" y=\"\(tenths(y))\" "
        text += "width=\"\(tenths(width))\" height=\"\(tenths(height))\"/>\n"
    }

    mutating func dot(x: Double, y: Double, radius: Double, _ paint: Paint) {
        text += "<circle class=\"\(paint.name)\" cx=\"\(tenths(x))\" cy=\"\(tenths(y))\" "
        text += "r=\"\(radius.shortText)\"/>\n"
    }

    enum Anchor: String { case start, middle, end }

    mutating func label(
        _ words: String, x: Double, y: Double, anchor: Anchor = .start, isBold: Bool = false,
        isUpright: Bool = false
    ) {
        let place =
            isUpright
            ? "transform=\"translate(\(tenths(x)) \(tenths(y))) rotate(-90)\""
            : "x=\"\(tenths(x))\" y=\"\(tenths(y))\""
        let weight = isBold ? " font-weight=\"bold\"" : ""
        text += "<text class=\"ink\" \(place) text-anchor=\"\(anchor.rawValue)\"\(weight)>"
        text += "\(SVGPicture.escaped(words))</text>\n"
    }

    /// Text as it may stand in XML.
    static func escaped(_ words: String) -> String {
        words.unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            // XML 1.0 knows no other control characters.
            case "\u{0}"..<"\u{9}", "\u{B}"..<"\u{D}", "\u{E}"..<"\u{20}", "\u{FFFE}", "\u{FFFF}":
                text += "\u{FFFD}"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}

/// A tenth of a pixel is as fine as anybody sees.
func tenths(_ value: Double) -> String {
    ((max(-1e6, min(1e6, value)) * 10).rounded() / 10).shortText
}

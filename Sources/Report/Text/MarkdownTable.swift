/// A table as code hosts show it.
package struct MarkdownTable {
    private let titles: [String]
    private var rows: [[String]] = []

    /// The first column is text, the others are numbers and stand to the right.
    package init(_ titles: [String]) {
        precondition(!titles.isEmpty, "a table needs a column")
        self.titles = titles.map(MarkdownTable.escaped)
    }

    package mutating func add(_ cells: [String]) {
        precondition(cells.count == titles.count, "a row has a cell for each column")
        rows.append(cells.map(MarkdownTable.escaped))
    }

    package var text: String {
        var lines = [line(titles)]
        lines.append(line(["---"] + titles.dropFirst().map { _ in "---:" }))
        lines += rows.map(line)
        return lines.joined(separator: "\n") + "\n"
    }

    private func line(_ cells: [String]) -> String {
        "| " + cells.joined(separator: " | ") + " |"
    }

    /// A cell with its bars escaped and its line breaks turned to blanks. It goes by scalars: as
    /// characters, a bar with a combining mark is no bar, and CR LF is no line feed.
    private static func escaped(_ cell: String) -> String {
        var text = String.UnicodeScalarView()
        var previous: Unicode.Scalar = " "
        for scalar in cell.unicodeScalars {
            switch scalar {
            case "|": text.append(contentsOf: "\\|".unicodeScalars)
            case "\n" where previous == "\r": break
            case "\n", "\r": text.append(" ")
            default: text.append(scalar)
            }
            previous = scalar
        }
        return String(text)
    }
}

extension Double {
    /// As people read it: whole numbers as they are, others with three decimals at most.
    package var shortText: String {
        guard isFinite else { return "none" }
        if self == rounded(), magnitude < 1e15 { return String(Int(self)) }
        if magnitude >= 1e12 { return "\(self)" }
        let digits = magnitude < 0.01 ? 6 : 3
        let scale = digits == 6 ? 1e6 : 1e3
        let scaled = Int((magnitude * scale).rounded())
        let whole = scaled / Int(scale)
        var fraction = String(scaled % Int(scale))
        fraction = String(repeating: "0", count: digits - fraction.count) + fraction
        while fraction.hasSuffix("0") { fraction.removeLast() }
        let sign = self < 0 && scaled > 0 ? "-" : ""
        return fraction.isEmpty ? "\(sign)\(whole)" : "\(sign)\(whole).\(fraction)"
    }

    /// A share as percent.
    package var percentText: String { (self * 100).shortText + " %" }
}

/// A search's document as people read it.
package struct SearchText {
    private let search: Document

    package init(_ search: Document) { self.search = search }

    /// The rate that was found, and every step on the way.
    package var markdown: String {
        "\(sentence)\n\n\(steps.text)"
    }

    private var sentence: String {
        let slo = search.text("slo") ?? "–"
        guard let rate = search["max_rps"] else {
            return "No rate held `\(slo)`: \(search.text("limit") ?? "not even the lowest")."
        }
        let seconds = search["confirmation.duration_s"]?.shortText ?? "–"
        var text =
            "**\(rate.shortText) requests a second** hold `\(slo)`, confirmed over \(seconds) s"
        text += " (\(search.text("scenario") ?? "–"))."
        if let limit = search.text("limit") { text += " Above it: \(limit)." }
        return text
    }

    private var steps: MarkdownTable {
        var table = MarkdownTable([
            "step", "rate asked", "reached", "p50 ms", "p95 ms", "p99 ms", "errors",
            "generator's load", "outcome",
        ])
        let rates = search.column("steps.rate")
        func cell(_ name: String, _ place: Int) -> Double {
            let column = search.column("steps.\(name)")
            return place < column.count ? column[place] : .nan
        }
        for (place, rate) in rates.enumerated() {
            let isConfirmation = cell("confirmation", place) == 1
            table.add([
                "\(place + 1)\(isConfirmation ? ", confirmation" : "")", rate.shortText,
                cell("achieved_rps", place).shortText, cell("p50_ms", place).shortText,
                cell("p95_ms", place).shortText, cell("p99_ms", place).shortText,
                cell("error_rate", place).percentText,
                cell("generator_cpu_share", place).percentText,
                cell("held", place) == 1 ? "held" : "fell short",
            ])
        }
        return table
    }
}

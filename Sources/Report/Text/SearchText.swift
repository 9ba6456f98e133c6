/// A search as people read it.
package struct SearchText {
    private let search: SearchResult

    package init(_ search: SearchResult) { self.search = search }

    /// The rate that was found, and every step on the way.
    package var markdown: String { "\(sentence)\n\n\(steps.text)" }

    private var sentence: String {
        guard let rate = search.rate else {
            return "No rate held `\(search.slo)`: \(search.limit ?? "not even the lowest")."
        }
        let seconds = search.confirmation?.seconds.shortText ?? "–"
        var text = "**\(rate.shortText) requests a second** hold `\(search.slo)`, "
        text += "confirmed over \(seconds) s (\(search.scenario))."
        if let limit = search.limit { text += " Above it: \(limit)." }
        return text
    }

    private var steps: MarkdownTable {
        var table = MarkdownTable([
            "step", "rate asked", "reached", "p50 ms", "p95 ms", "p99 ms", "errors",
            "generator's load", "outcome",
        ])
        for (place, step) in search.steps.enumerated() {
            table.add([
                "\(place + 1)\(step.isConfirmation ? ", confirmation" : "")",
                step.rate.shortText, step.achievedRate.shortText, step.p50.shortText,
                step.p95.shortText, step.p99.shortText, step.errorRate.percentText,
                step.busyShare.percentText, step.isHeld ? "held" : "fell short",
            ])
        }
        return table
    }
}

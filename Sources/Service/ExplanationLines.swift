internal import Bytes
internal import Detection
internal import Store
internal import Wire

/// `tidemark explain`: why a sample was judged so, as lines for a terminal.
struct ExplanationLines {
    /// Columns of the chart.
    private static let width = 48

    private let told: SeriesArchive.Explained

    init(_ told: SeriesArchive.Explained) { self.told = told }

    private var verdict: Verdict { told.explanation.verdict }

    var lines: [String] {
        [head, told.explanation.summary] + views + quietValue + [""] + chart
    }

    private var head: String {
        let device = told.device.map { String(decoding: $0, as: UTF8.self) } ?? "the fleet"
        let sample = told.explanation.sample
        let cpu = sample.hasCPU ? ", cpu \(sample.cpu)" : ""
        let outcome =
            verdict.alert
            ? "an alert (\(verdict.reason.word))" : verdict.isLearning ? "learning" : "no alert"
        return "\(device), sample \(verdict.sequence) at \(sample.timestamp): "
            + "rps \(sample.rps)\(cpu): \(outcome)"
    }

    private var views: [String] {
        let threshold = told.explanation.parameters.alertThreshold
        let rows = told.explanation.views.map { view in
            let range = view.range.map { " \($0.lower) to \($0.upper), expected \($0.expected)" }
            let share = Int((100 * view.score / threshold).rounded())
            return ["\(view.word)", "\(share) %", "\(view.state.word)", range ?? ""]
        }
        return [row(["view", "share", "state", " quiet from"])] + rows.map(row)
    }

    private func row(_ cells: [String]) -> String {
        "  " + pad(cells[0], 7) + pad(cells[1], 8) + pad(cells[2], 8) + cells[3]
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    private var quietValue: [String] {
        guard verdict.alert else { return [] }
        let name = verdict.reason == .cpu ? "cpu" : "rps"
        guard let value = told.explanation.quietValue else {
            return ["No \(name) between it and what was expected would have been quiet."]
        }
        return ["It would have been quiet with rps \(value)".replacing("rps", with: name)]
    }

    // MARK: Chart

    /// The samples up to this one, a line each: `[` and `]` are the bounds, `|` is what was
    /// expected, `*` the value, `!` one that alerted.
    private var chart: [String] {
        let rows = told.course.map { row in
            row.verdict.reason.measure == .load
                ? [row.verdict.lower, row.verdict.expected, row.verdict.upper, row.sample.rps]
                : [row.sample.rps]
        }
        let least = rows.joined().min() ?? 0
        let span = (rows.joined().max() ?? 0) - least
        func column(_ value: Double) -> Int {
            guard span > 0, span.isFinite else { return 0 }
            return Int(((value - least) / span * Double(ExplanationLines.width - 1)).rounded())
        }
        return zip(told.course, rows).map { row, numbers in
            var cells = Array(repeating: Character(" "), count: ExplanationLines.width)
            if numbers.count > 1 {
                cells[column(numbers[0])] = "["
                cells[column(numbers[2])] = "]"
                cells[column(numbers[1])] = "|"
            }
            cells[column(row.sample.rps)] = row.verdict.alert ? "!" : "*"
            return "  " + pad("\(row.verdict.sequence)", 9) + String(cells) + "  \(row.sample.rps)"
        }
    }
}

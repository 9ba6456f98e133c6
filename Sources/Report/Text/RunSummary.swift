/// A run in a few aligned lines, for a terminal.
package struct RunSummary {
    private let run: RunResult
    private let palette: Palette

    package init(_ run: RunResult, palette: Palette) {
        self.run = run
        self.palette = palette
    }

    package var text: String {
        var lines = run.slo.map { $0.outcomeLines(palette) } ?? []
        lines += [row("requests", requests), row("errors", errors)]
        if run.tellsRetries { lines.append(row("retries", retries)) }
        lines += [row("latency", latency(run.latency)), row("service", latency(run.serviceTime))]
        if run.plan.targetRate != nil { lines.append(row("sends", sends)) }
        if let accuracy = run.accuracy { lines.append(row("alerts", quality(accuracy.alert))) }
        lines += run.doubts.map { palette.red("NOT VOUCHED FOR") + "  \($0)" }
        return lines.joined(separator: "\n") + "\n"
    }

    private func row(_ title: String, _ text: String) -> String {
        title + String(repeating: " ", count: 10 - title.count) + text
    }

    private var requests: String {
        var text = "\(run.requests) in \(run.seconds.shortText) s, \(run.achievedRate.shortText)/s"
        if let asked = run.plan.targetRate { text += " of \(asked.shortText)/s asked" }
        return text
    }

    private var errors: String {
        var text = "\(run.errors.total) (\(run.errorRate.percentText))"
        let kinds = run.errors.kinds.filter { $0.value > 0 }.sorted { $0.key < $1.key }
        if !kinds.isEmpty {
            text += ": " + kinds.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        }
        return run.errors.total > 0 ? palette.red(text) : text
    }

    private var retries: String {
        let text =
            "\(run.retriesText); requests that needed one: \(run.retriedText); "
            + "\(run.duplicates) duplicates"
        return run.retries.total > 0 ? palette.red(text) : text
    }

    private func latency(_ summary: LatencySummary) -> String {
        zip(LatencySummary.titles, summary.cells).map { "\($0) \($1)" }.joined(separator: "  ")
            + " ms"
    }

    private var sends: String {
        "\(run.sends.onTimeShare.percentText) within 100 µs of the plan, \(run.sends.late) over "
            + "1 ms late; generator busy \(run.sends.busyShare.percentText) of the time"
    }

    private func quality(_ alert: FlagFigures) -> String {
        "event precision \(alert.eventPrecision.percentText), event recall "
            + "\(alert.eventRecallEarly.percentText), \(alert.falsePositives) false of "
            + "\(alert.flags) flagged samples"
    }
}

/// The few colours of a terminal that mean something.
package struct Palette: Sendable {
    private let isOn: Bool

    package init(isOn: Bool) { self.isOn = isOn }

    package func red(_ text: String) -> String { painted(text, code: "31") }
    package func green(_ text: String) -> String { painted(text, code: "32") }

    private func painted(_ text: String, code: String) -> String {
        isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}

extension ThresholdReport {
    /// A line for each threshold: PASS, FAIL or MISSING first, the texts aligned.
    package func outcomeLines(_ palette: Palette = Palette(isOn: false)) -> [String] {
        lines.map { line in
            switch line.outcome {
            case .held: palette.green("PASS") + "     \(line.detail)"
            case .fellShort: palette.red("FAIL") + "     \(line.detail)"
            case .missing: palette.red("MISSING") + "  \(line.detail)"
            }
        }
    }
}

/// A run's document as people read it.
package struct RunText {
    private let run: Document

    package init(_ run: Document) { self.run = run }

    private func number(_ name: String) -> String { run[name]?.shortText ?? "–" }

    /// What was asked, what came of it, how long it took, and whether it can be relied on.
    package var markdown: String {
        var text = "\(scenario.text)\n\(summary.text)\n\(latency.text)"
        if (run["errors.total"] ?? 0) > 0 { text += "\n\(errors.text)" }
        let complaints = run.lines["complaints"] ?? []
        if !complaints.isEmpty {
            text += "\n**Not to be relied on:** \(complaints.joined(separator: "; ")).\n"
        }
        return text
    }

    /// The run in one row, as load tests of such services are reported.
    package var scenario: MarkdownTable {
        var table = MarkdownTable([
            "Scenario", "Target RPS", "Avg latency, ms", "P95 latency, ms", "Error rate, %",
            "Replicas max",
        ])
        let asked = run["target_rps"]?.shortText ?? "–"
        let name = run.text("name") ?? (asked == "–" ? "closed loop" : "\(asked) RPS")
        let errors = run["error_rate"].map { ($0 * 100).shortText } ?? "–"
        table.add([
            name, asked, number("latency_ms.mean"), number("latency_ms.p95"), errors,
            number("replicas_max"),
        ])
        return table
    }

    private var summary: MarkdownTable {
        var table = MarkdownTable(["measure", "value"])
        table.add(["scenario", run.text("scenario") ?? "–"])
        table.add(["loop", run.text("loop") ?? "–"])
        table.add(["rate asked", run["target_rps"].map { "\($0.shortText) / s" } ?? "all it takes"])
        table.add(["rate reached", "\(number("achieved_rps")) / s"])
        table.add(["duration", "\(number("duration_s")) s"])
        table.add(["requests", number("requests")])
        table.add(["connections, threads", "\(number("connections")), \(number("threads"))"])
        let share = run["error_rate"]?.percentText ?? "–"
        table.add(["errors", "\(number("errors.total")) (\(share))"])
        if run["target_rps"] != nil {
            let onTime = run["sends_on_time"]?.percentText ?? "–"
            table.add(["sends within 100 µs of the plan", onTime])
            table.add(["sends over 1 ms late", number("late_sends")])
        }
        table.add(["generator's own load", run["generator_cpu_share"]?.percentText ?? "–"])
        return table
    }

    private var latency: MarkdownTable {
        let names = ["mean", "p50", "p90", "p95", "p99", "p999", "max"]
        var table = MarkdownTable(["ms", "mean", "p50", "p90", "p95", "p99", "p99.9", "max"])
        table.add(
            ["latency, from the intended send"] + names.map { number("latency_ms.\($0)") })
        table.add(
            ["service time, from the actual send"] + names.map { number("service_time_ms.\($0)") })
        return table
    }

    private var errors: MarkdownTable {
        var table = MarkdownTable(["errors by kind", "count"])
        let kinds = run.numbers.keys.filter { $0.hasPrefix("errors.") && $0 != "errors.total" }
        for kind in kinds.sorted() where (run[kind] ?? 0) > 0 {
            table.add([String(kind.dropFirst("errors.".count)), number(kind)])
        }
        for status in run.numbers.keys.filter({ $0.hasPrefix("statuses.") }).sorted() {
            table.add(["status " + status.dropFirst("statuses.".count), number(status)])
        }
        return table
    }
}

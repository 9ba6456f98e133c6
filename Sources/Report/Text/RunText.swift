/// A run as people read it.
package struct RunText {
    private let run: RunResult

    package init(_ run: RunResult) { self.run = run }

    // MARK: Verdict

    /// One line: whether the run held its objectives, by how much, and whether it can be relied on.
    package var verdict: String {
        var text = RunText.objectives(run.slo)
        if run.isInterrupted { text += " **Interrupted** before its plan was over." }
        if let abort = run.abort { text += " **Ended early:** \(abort)." }
        if run.retries.total > 0 {
            text +=
                " **Retries \(run.retriesText);** requests that needed one: "
                + "\(run.retriedText)."
        }
        if !run.isReliable {
            text += " **Not vouched for:** \(run.complaints.joined(separator: "; "))."
        }
        return text
    }

    private static func objectives(_ slo: ThresholdReport?) -> String {
        guard let slo, !slo.lines.isEmpty else { return "No objective was set." }
        guard slo.allHeld else {
            return "**FAILED:** " + slo.short.map(RunText.shortfall).joined(separator: "; ") + "."
        }
        let held = slo.lines.map { "`\($0.text)` (\(($0.measured ?? .nan).shortText))" }
        return "**PASSED:** " + held.joined(separator: ", ") + "."
    }

    private static func shortfall(_ line: ThresholdReport.Line) -> String {
        guard let measured = line.measured, let threshold = try? Threshold(line.text) else {
            return "`\(line.text)` was not measured"
        }
        let distance = abs(measured - threshold.bound).shortText
        return "`\(line.text)` measured \(measured.shortText), off by \(distance)"
    }

    // MARK: Report

    /// What was asked, what came of it, how long it took, and whether it can be relied on.
    /// - Parameter pictures: titles and paths of pictures that stand behind the plan.
    package func markdown(pictures: [(title: String, path: String)] = []) -> String {
        var text = "\(verdict)\n\n\(scenario.text)\n\(plan.text)\n"
        for picture in pictures { text += "![\(picture.title)](\(picture.path))\n\n" }
        text += "\(summary.text)\n\(latency.text)"
        if run.actions.count > 1 { text += "\n\(actions.text)" }
        if !run.steps.isEmpty { text += "\n\(steps.text)" }
        if run.errors.total > 0 { text += "\n\(errors.text)" }
        if let slo = run.slo, !slo.lines.isEmpty { text += "\n\(slo.table.text)" }
        return text
    }

    /// The run in one row, as load tests of such services are reported.
    package var scenario: MarkdownTable {
        var table = MarkdownTable([
            "Scenario", "Target RPS", "Avg latency, ms", "P95 latency, ms", "Error rate, %",
            "Replicas max",
        ])
        let asked = run.plan.targetRate?.shortText ?? "–"
        table.add([
            run.name ?? (asked == "–" ? "closed loop" : "\(asked) RPS"), asked,
            run.latency.mean.shortText, run.latency.p95.shortText,
            (run.errorRate * 100).shortText, run.replicasMax.map(String.init) ?? "–",
        ])
        return table
    }

    private var plan: MarkdownTable {
        var table = MarkdownTable(["plan", "value"])
        table.add(["target", run.plan.target])
        table.add(["date", utcText(run.startedAt)])
        table.add(["loadgen", run.version])
        table.add(["machine", run.machine.text])
        table.add(["requests", run.plan.scenario])
        table.add(["loop", run.plan.loop])
        table.add(["load", run.plan.load])
        if run.plan.usesKeys {
            table.add(["keys", "on, up to \(run.plan.retryLimit) retries"])
        }
        table.add(["connections, threads", "\(run.plan.connections), \(run.plan.threads)"])
        return table
    }

    private var summary: MarkdownTable {
        var table = MarkdownTable(["measure", "value"])
        if let rate = run.plan.targetRate { table.add(["rate asked", "\(rate.shortText) / s"]) }
        table.add(["rate reached", "\(run.achievedRate.shortText) / s"])
        table.add(["duration", "\(run.seconds.shortText) s"])
        table.add(["requests", String(run.requests)])
        table.add(["errors", "\(run.errors.total) (\(run.errorRate.percentText))"])
        if run.tellsRetries {
            table.add(["attempts", String(run.attempts)])
            table.add(["retries", run.retriesText])
            table.add(["requests that needed a retry", run.retriedText])
            table.add(["duplicates", String(run.duplicates)])
        }
        if run.cut > 0 { table.add(["under way at the end", String(run.cut)]) }
        if let connecting = run.connecting.text { table.add(["connecting", connecting]) }
        if run.plan.targetRate != nil {
            table.add(["sends within 100 µs of the plan", run.sends.onTimeShare.percentText])
            table.add(["sends over 1 ms late", String(run.sends.late)])
        }
        table.add(["generator's own load", run.sends.busyShare.percentText])
        return table
    }

    private var latency: MarkdownTable {
        var table = MarkdownTable(["ms"] + LatencySummary.titles)
        table.add(["latency, from the intended send"] + run.latency.cells)
        if run.errors.total > 0 {
            table.add(["latency of good answers"] + run.goodLatency.cells)
        }
        table.add(["service time, from the actual send"] + run.serviceTime.cells)
        return table
    }

    private var actions: MarkdownTable {
        var table = MarkdownTable(["action, ms", "requests", "errors"] + LatencySummary.titles)
        for (name, action) in run.actions.sorted(by: { $0.key < $1.key }) {
            table.add(
                [name, String(action.requests), String(action.errors)] + action.latency.cells)
        }
        return table
    }

    private var steps: MarkdownTable {
        var table = MarkdownTable(
            ["step, requests/s", "reached", "requests", "errors"] + LatencySummary.titles)
        for step in run.steps {
            let rate =
                step.startRate == step.endRate
                ? step.startRate.shortText
                : "\(step.startRate.shortText) to \(step.endRate.shortText)"
            table.add(
                [rate, step.achievedRate.shortText, String(step.requests), String(step.errors)]
                    + step.latency.cells)
        }
        return table
    }

    private var errors: MarkdownTable {
        var table = MarkdownTable(["errors by kind", "count"])
        for (kind, count) in run.errors.kinds.sorted(by: { $0.key < $1.key }) where count > 0 {
            table.add([kind, String(count)])
        }
        for (status, count) in run.statuses.sorted(by: { $0.key < $1.key }) {
            table.add(["status \(status)", String(count)])
        }
        return table
    }
}

extension ThresholdReport {
    /// Threshold by threshold: what was measured, and whether it held.
    var table: MarkdownTable {
        var table = MarkdownTable(["threshold", "measured", "outcome"])
        for line in lines {
            let outcome =
                switch line.outcome {
                case .held: "passed"
                case .fellShort: "**failed**"
                case .missing: "**not measured**"
                }
            table.add(["`\(line.text)`", line.measured?.shortText ?? "–", outcome])
        }
        return table
    }
}

extension Machine {
    /// In one line.
    var text: String {
        "\(processors) processors (\(model)), \(memoryGiB.shortText) GiB, Linux \(kernel)"
    }
}

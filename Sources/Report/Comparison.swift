/// Two results side by side.
package struct Comparison {
    /// What is compared, and whether more of it is better.
    private static let measures: [(name: String, moreIsBetter: Bool)] = [
        ("achieved_rps", true), ("error_rate", false), ("latency_ms.mean", false),
        ("latency_ms.p50", false), ("latency_ms.p90", false), ("latency_ms.p95", false),
        ("latency_ms.p99", false), ("latency_ms.p999", false), ("latency_ms.max", false),
        ("service_time_ms.p50", false), ("service_time_ms.p99", false),
        ("accuracy.alert.accuracy", true), ("accuracy.alert.precision", true),
        ("accuracy.alert.event_recall", true), ("accuracy.alert.fpr", false),
        ("max_rps", true),
    ]
    /// The worst single request of a run says little of a change.
    private static let unjudged: Set<String> = ["latency_ms.max"]

    private let before: Measurements
    private let after: Measurements

    package init(_ before: Measurements, _ after: Measurements) {
        self.before = before
        self.after = after
    }

    /// Whether there is anything to compare: two runs, two searches.
    package var hasCommonMeasure: Bool {
        Comparison.measures.contains { before[$0.name] != nil && after[$0.name] != nil }
    }

    package var table: MarkdownTable {
        var table = MarkdownTable(["measure", "before", "after", "change"])
        if before["achieved_rps"] != nil || after["achieved_rps"] != nil {
            table.add(["rate asked", asked(before), asked(after), ""])
        }
        for (name, moreIsBetter) in Comparison.measures {
            guard before[name] != nil || after[name] != nil else { continue }
            table.add([
                name, before[name]?.shortText ?? "–", after[name]?.shortText ?? "–",
                change(name, moreIsBetter),
            ])
        }
        return table
    }

    private func asked(_ run: Measurements) -> String {
        run["target_rps"]?.shortText ?? "all it takes"
    }

    private func change(_ name: String, _ moreIsBetter: Bool) -> String {
        guard let worsening = worsening(name, moreIsBetter) else { return "–" }
        if worsening == 0 { return "same" }
        let size = worsening.isFinite ? abs(worsening).percentText : "from nothing"
        return "\(size) \(worsening > 0 ? "worse" : "better")"
    }

    /// By which share it got worse; negative where it got better.
    private func worsening(_ name: String, _ moreIsBetter: Bool) -> Double? {
        guard let old = before[name], let new = after[name] else { return nil }
        if old == new { return 0 }
        let growth = old == 0 ? (new > 0 ? Double.infinity : -Double.infinity) : (new - old) / old
        return moreIsBetter ? -growth : growth
    }

    /// What got worse by more than a share.
    package func worse(by share: Double) -> [String] {
        Comparison.measures.filter { name, moreIsBetter in
            guard !Comparison.unjudged.contains(name) else { return false }
            return (worsening(name, moreIsBetter) ?? 0) > share
        }.map(\.name)
    }
}

extension Comparison {
    /// What got worse.
    package var worse: [Row] { rows.filter { $0.verdict == .worse } }

    package var table: MarkdownTable {
        var table = MarkdownTable([
            "measure", "before", "after", "difference", "true difference within", "verdict",
        ])
        for row in rows {
            let verdict = row.verdict == .worse ? "**worse**" : row.verdict.rawValue
            table.add([
                row.measure.name, row.before.shortText, row.after.shortText, row.difference,
                row.range, verdict,
            ])
        }
        return table
    }

    /// A line for each measure, for a terminal: the verdict first.
    package func lines(_ palette: Palette) -> [String] {
        let names = rows.map(\.measure.name.count).max() ?? 0
        return rows.map { row in
            let verdict = row.verdict.rawValue.uppercased()
            let padding = String(repeating: " ", count: max(1, 13 - verdict.count))
            let gap = String(repeating: " ", count: names - row.measure.name.count + 2)
            let painted =
                switch row.verdict {
                case .worse: palette.red(verdict)
                case .better: palette.green(verdict)
                case .same, .cannotTell: verdict
                }
            return painted + padding + row.measure.name + gap
                + "\(row.before.shortText) -> \(row.after.shortText)  \(row.difference) "
                + "(\(row.range))"
        }
    }

    /// How it was compared, in a sentence.
    package var method: String {
        let sides = "\(counts.before) and \(counts.after) runs"
        guard counts.before > 1, counts.after > 1 else {
            return "\(sides): one run does not show how much runs differ; repeat it (--repeat 5)."
        }
        let pairs = isPaired ? "in turn, compared pair by pair" : "compared group by group"
        return "\(sides), \(pairs). A difference below \(margin.percentText) does not matter. With "
            + "95 % probability all the ranges hold together."
    }
}

extension Comparison.Row {
    fileprivate var difference: String {
        estimate.map { text($0.effect) } ?? "–"
    }

    fileprivate var range: String {
        estimate.map { "\(text($0.interval.lowerBound)) … \(text($0.interval.upperBound))" } ?? "–"
    }

    /// With its sign, since it says whether there is more or less.
    private func text(_ value: Double) -> String {
        let sign = value > 0 ? "+" : ""
        let rounded = (value * 10_000).rounded() / 10_000
        return measure.scale == .ratio
            ? "\(sign)\(rounded.percentText)" : "\(sign)\(value.shortText)"
    }
}

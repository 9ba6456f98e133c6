/// The write-up of a build on a machine, and in a cluster where there is a result of one:
/// everything in it comes from results' files and the thresholds, so the same files give the same
/// page.
package struct ReportPage {
    package struct Picture {
        /// Relative to the page.
        package let path: String
        package let title: String
        package let svg: String
    }

    private let results: [(name: String, file: ResultFile)]
    private let gates: ThresholdReport
    /// How the thing is built, in a paragraph; may be empty.
    private let about: String
    /// The folder of the pictures, as the page sees it.
    private let folder: String

    package init(
        _ results: [(name: String, file: ResultFile)], thresholds: [Threshold], about: String = "",
        folder: String
    ) {
        self.results = results
        self.about = about
        self.folder = folder
        var measurements = Measurements()
        for (name, file) in results { measurements.add(file.measurements, as: name) }
        gates = ThresholdReport(thresholds, measurements)
    }

    // MARK: Pictures

    package var pictures: [Picture] {
        results.flatMap { name, file -> [Picture] in
            switch file {
            case .run(let run): pictures(of: run, name)
            case .search(let search): [picture(of: search, name)]
            case .runs, .score, .accuracy, .numbers: []
            }
        }
    }

    private func pictures(of run: RunResult, _ name: String) -> [Picture] {
        [
            Picture(
                path: "\(folder)/\(name)-timeline.svg", title: "Latency and rate over time",
                svg: RunCharts.timeline(run)),
            Picture(
                path: "\(folder)/\(name)-percentiles.svg", title: "Latency by percentile",
                svg: RunCharts.percentiles(run)),
        ]
    }

    private func picture(of search: SearchResult, _ name: String) -> Picture {
        Picture(
            path: "\(folder)/\(name)-steps.svg", title: "Steps of the search",
            svg: RunCharts.search(search))
    }

    // MARK: Text

    package var markdown: String {
        let runs = runs
        let local = runs.filter { $0.run.replicas == nil }
        let cluster = runs.filter { $0.run.replicas != nil }
        let sections: [(title: String, text: String)] = [
            ("Environment", environment.text), ("Architecture", about),
            ("Load", local.map(section).joined(separator: "\n")),
            ("Highest rate", searches), ("Load in the cluster", clusterText(cluster)),
            ("Accuracy", accuracy), ("Gates", gates.table.text), ("Files", files),
        ].filter { !$0.text.isEmpty }
        let numbered = sections.enumerated().map { index, section in
            "## \(index + 1). \(section.title)\n\n\(section.text)"
        }
        return "# Tidemark: report\n\n\(verdict)\n\n" + numbered.joined(separator: "\n")
    }

    private var runs: [(name: String, run: RunResult)] {
        results.compactMap { name, file in
            if case .run(let run) = file { (name, run) } else { nil }
        }
    }

    private func section(_ name: String, _ run: RunResult) -> String {
        let links = pictures(of: run, name).map { (title: $0.title, path: $0.path) }
        return "### `\(name)`: \(run.name ?? run.plan.scenario)\n\n"
            + RunText(run).markdown(pictures: links)
    }

    private func clusterText(_ runs: [(name: String, run: RunResult)]) -> String {
        runs.map { name, run in
            let most = run.replicasMax.map(String.init) ?? "–"
            return "The autoscaler came to \(most) replicas; the picture has them over time.\n\n"
                + section(name, run)
        }.joined(separator: "\n")
    }

    private var searches: String {
        results.compactMap { name, file -> String? in
            guard case .search(let search) = file else { return nil }
            let picture = picture(of: search, name)
            return "### `\(name)`\n\n![\(picture.title)](\(picture.path))\n\n"
                + SearchText(search).markdown
        }.joined(separator: "\n")
    }

    private var verdict: String {
        var text =
            gates.allHeld
            ? "**PASSED:** all \(gates.lines.count) gates."
            : "**FAILED:** \(gates.short.count) of \(gates.lines.count) gates: "
                + gates.short.map { "`\($0.text)`" }.joined(separator: ", ") + "."
        let doubtful = results.filter { !$0.file.runs.allSatisfy(\.doubts.isEmpty) }.map(\.name)
        if !doubtful.isEmpty {
            text += " **Not vouched for:** \(doubtful.joined(separator: ", "))."
        }
        return text
    }

    private var environment: MarkdownTable {
        var table = MarkdownTable(["", "value"])
        let all = results.flatMap(\.file.runs)
        if let first = all.map(\.startedAt).filter({ $0 > 0 }).min() {
            table.add(["date", utcText(first)])
        }
        if let run = all.first { table.add(["loadgen", run.version]) }
        guard let machine = results.lazy.compactMap(\.file.machine).first else { return table }
        table.add(["processors", "\(machine.processors), \(machine.model)"])
        table.add(["memory", "\(machine.memoryGiB.shortText) GiB"])
        table.add(["Linux", machine.kernel])
        return table
    }

    /// The flags of every result that has been judged by labels.
    private var accuracy: String {
        var table = QualityTable()
        for (name, file) in results {
            switch file {
            case .run(let run): if let accuracy = run.accuracy { table.add(accuracy, name: name) }
            case .score(let score): table.add(score.total, name: name)
            case .accuracy(let accuracy):
                for (collection, one) in accuracy.collections.sorted(by: { $0.key < $1.key }) {
                    table.add(
                        one.figures, name: "\(collection), `\(accuracy.flag)`",
                        samples: one.samples, prevalence: one.prevalence)
                }
            case .runs, .search, .numbers: break
            }
        }
        return table.isEmpty ? "" : table.text
    }

    private var files: String {
        results.map { "- `\($0.name)`: \($0.file.content)\n" }.joined()
    }
}

extension ResultFile {
    /// The machine that it was measured on, where the file says.
    fileprivate var machine: Machine? {
        if case .search(let search) = self { search.machine } else { runs.first?.machine }
    }
}

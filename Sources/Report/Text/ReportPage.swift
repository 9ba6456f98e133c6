/// The write-up of a build on a machine: everything in it comes from results' files and the
/// thresholds, so the same files give the same page.
package struct ReportPage {
    package struct Picture {
        /// Relative to the page.
        package let path: String
        package let title: String
        package let svg: String
    }

    private let results: [(name: String, file: ResultFile)]
    private let gates: ThresholdReport
    /// The folder of the pictures, as the page sees it.
    private let folder: String

    package init(
        _ results: [(name: String, file: ResultFile)], thresholds: [Threshold], folder: String
    ) {
        self.results = results
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
        var text = "# Report\n\n\(verdict)\n\n## Environment\n\n\(environment.text)"
        for (name, file) in results {
            guard case .run(let run) = file else { continue }
            let links = pictures(of: run, name).map { (title: $0.title, path: $0.path) }
            text += "\n## Load, `\(name)`: \(run.name ?? run.plan.scenario)\n\n"
            text += RunText(run).markdown(pictures: links)
        }
        for (name, file) in results {
            guard case .search(let search) = file else { continue }
            let picture = picture(of: search, name)
            text += "\n## Highest rate, `\(name)`\n\n\(SearchText(search).markdown)"
            text += "\n![\(picture.title)](\(picture.path))\n"
        }
        let quality = quality
        if !quality.isEmpty { text += "\n## Accuracy\n\n\(quality.text)" }
        return text + "\n## Gates\n\n\(gates.table.text)"
    }

    private var verdict: String {
        var text =
            gates.allHeld
            ? "**All \(gates.lines.count) gates passed.**"
            : "**\(gates.short.count) of \(gates.lines.count) gates failed:** "
                + gates.short.map { "`\($0.text)`" }.joined(separator: ", ") + "."
        let doubtful = results.filter { $0.file.isDoubtful }.map(\.name)
        if !doubtful.isEmpty {
            text += " The generator does not vouch for: \(doubtful.joined(separator: ", "))."
        }
        return text
    }

    private var environment: MarkdownTable {
        var table = MarkdownTable(["machine", "value"])
        guard let machine = results.lazy.compactMap(\.file.machine).first else { return table }
        table.add(["processors", String(machine.processors)])
        table.add(["model", machine.model])
        table.add(["memory", "\(machine.memoryGiB.shortText) GiB"])
        table.add(["Linux", machine.kernel])
        return table
    }

    /// The flags of every result that has been judged by labels.
    private var quality: QualityTable {
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
        return table
    }
}

extension ResultFile {
    /// Whether its generator said that it can't be relied on.
    fileprivate var isDoubtful: Bool {
        runs.contains { !$0.doubts.isEmpty }
    }

    /// The machine that it was measured on, where the file says.
    fileprivate var machine: Machine? {
        if case .search(let search) = self { search.machine } else { runs.first?.machine }
    }
}

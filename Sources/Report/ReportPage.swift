/// The write-up of a build on a machine: everything in it comes from reports' documents and the
/// thresholds, so the same files give the same page.
package struct ReportPage {
    package struct Picture {
        /// Relative to the page.
        package let path: String
        package let svg: String
    }

    private let reports: [(name: String, document: Document)]
    private let thresholds: [Threshold]
    /// Text that explains the build, such as its architecture; may be empty.
    private let description: String
    /// The folder that the description's own links start from, as the page sees it; with a slash.
    private let base: String
    /// The folder of the pictures, as the page sees it.
    private let folder: String

    package init(
        _ reports: [(name: String, document: Document)], _ thresholds: [Threshold],
        description: String, base: String = "", folder: String
    ) {
        self.reports = reports
        self.thresholds = thresholds
        self.description = description
        self.base = base
        self.folder = folder
    }

    // MARK: Pictures

    package var pictures: [Picture] {
        reports.flatMap { name, document -> [Picture] in
            switch document.text("kind") {
            case "run":
                [
                    Picture(path: path(name, "timeline"), svg: RunCharts.timeline(document)),
                    Picture(path: path(name, "percentiles"), svg: RunCharts.percentiles(document)),
                ]
            case "find-max":
                [Picture(path: path(name, "steps"), svg: RunCharts.search(document))]
            default: []
            }
        }
    }

    private func path(_ report: String, _ picture: String) -> String {
        "\(folder)/\(report)-\(picture).svg"
    }

    // MARK: Text

    package var markdown: String {
        var text = "# Report\n\n\(verdict)\n\n## Environment\n\n\(environment.text)"
        if !description.isEmpty { text += "\n" + deeper(description) }
        for (name, document) in reports where document.text("kind") == "run" {
            let title = document.text("name") ?? document.text("scenario") ?? "–"
            text += "\n## Load, `\(name)`: \(title)\n\n\(RunText(document).markdown)"
            text += "\n![Latency and rate over time](\(path(name, "timeline")))\n"
            text += "\n![Latency by percentile](\(path(name, "percentiles")))\n"
        }
        for (name, document) in reports where document.text("kind") == "find-max" {
            text += "\n## Highest rate, `\(name)`\n\n\(SearchText(document).markdown)"
            text += "\n![Steps of the search](\(path(name, "steps")))\n"
        }
        let accuracy = accuracy
        if let accuracy { text += "\n## Accuracy\n\n\(accuracy.text)" }
        return text + "\n## Gates\n\n\(gates.text)"
    }

    private var measurements: Measurements {
        var measurements = Measurements()
        for (name, document) in reports { measurements.add(document, as: name) }
        return measurements
    }

    private var verdict: String {
        let measurements = measurements
        let short = thresholds.filter {
            if case .held = $0.judge(measurements) { false } else { true }
        }
        var text =
            short.isEmpty
            ? "**All \(thresholds.count) gates passed.**"
            : "**\(short.count) of \(thresholds.count) gates failed:** "
                + short.map { "`\($0.text)`" }.joined(separator: ", ") + "."
        let doubtful = reports.filter { $0.document["reliable"] == 0 }.map(\.name)
        if !doubtful.isEmpty {
            text += " The generator does not vouch for: \(doubtful.joined(separator: ", "))."
        }
        return text
    }

    private var environment: MarkdownTable {
        var table = MarkdownTable(["machine", "value"])
        let document = reports.first { $0.document["environment.processors"] != nil }?.document
        table.add(["processors", document?["environment.processors"]?.shortText ?? "–"])
        table.add(["model", document?.text("environment.model") ?? "–"])
        let memory = document?["environment.memory_gib"].map { "\($0.shortText) GiB" }
        table.add(["memory", memory ?? "–"])
        table.add(["Linux", document?.text("environment.kernel") ?? "–"])
        return table
    }

    /// Both flags of every report that has been judged against labels.
    private var accuracy: MarkdownTable? {
        var table = MarkdownTable([
            "data, flag", "samples", "prevalence", "accuracy", "precision", "recall", "FPR",
            "event precision", "event recall", "flags / 10k",
        ])
        var isEmpty = true
        for (name, document) in reports {
            for prefix in ["accuracy", "total"] where document["\(prefix).samples"] != nil {
                isEmpty = false
                for flag in ["is_anomaly", "alert"] {
                    table.add(row(document, prefix, "\(flag).", "\(name), `\(flag)`"))
                }
            }
            for collection in document.collections {
                isEmpty = false
                table.add(row(document, collection, "", "\(collection), `\(name)`"))
            }
        }
        return isEmpty ? nil : table
    }

    /// - Parameter flag: where the flag's own numbers begin inside `prefix`.
    private func row(_ document: Document, _ prefix: String, _ flag: String, _ title: String)
        -> [String]
    {
        func percent(_ member: String) -> String {
            document["\(prefix).\(member)"]?.percentText ?? "–"
        }
        func plain(_ member: String) -> String {
            document["\(prefix).\(member)"]?.shortText ?? "–"
        }
        return [
            title, plain("samples"), percent("prevalence"), percent("\(flag)accuracy"),
            percent("\(flag)precision"), percent("\(flag)recall"), percent("\(flag)fpr"),
            plain("\(flag)event_precision"), plain("\(flag)event_recall"),
            plain("\(flag)flags_per_10k"),
        ]
    }

    private var gates: MarkdownTable {
        let measurements = measurements
        var table = MarkdownTable(["gate", "measured", "outcome"])
        for threshold in thresholds {
            switch threshold.judge(measurements) {
            case .held(let value): table.add(["`\(threshold.text)`", value.shortText, "passed"])
            case .fellShort(let value):
                table.add(["`\(threshold.text)`", value.shortText, "**failed**"])
            case .missing: table.add(["`\(threshold.text)`", "–", "**not measured**"])
            }
        }
        return table
    }

    /// Markdown whose headings stand one level below the page's own, and whose links lead where they
    /// led from its own folder.
    private func deeper(_ text: String) -> String {
        var isCode = false
        var lines: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") { isCode.toggle() }
            let moved = isCode ? String(line) : relinked(line)
            lines.append(line.hasPrefix("#") && !isCode ? "#\(moved)" : moved)
        }
        return lines.joined(separator: "\n")
    }

    private func relinked(_ line: Substring) -> String {
        var parts = line.split(separator: "](", omittingEmptySubsequences: false).map(String.init)
        for index in parts.indices.dropFirst()
        where !["http://", "https://", "#", "/"].contains(where: parts[index].hasPrefix) {
            parts[index] = base + parts[index]
        }
        return parts.joined(separator: "](")
    }
}

extension Document {
    /// Names of the labelled collections that one flag is judged on, in a document of one flag.
    fileprivate var collections: [String] {
        numbers.keys.compactMap { name in
            let parts = name.split(separator: ".")
            let isOne = parts.count == 2 && parts[1] == "event_recall_early"
            return isOne ? String(parts[0]) : nil
        }.sorted()
    }
}

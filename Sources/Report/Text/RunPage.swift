/// The report of one run, which stands alone: verdict, plan, pictures, tables.
package struct RunPage {
    private let run: RunResult
    /// Start of the pictures' paths, as the page sees them; nil where there are none.
    private let pictures: String?

    package init(_ run: RunResult, pictures: String? = nil) {
        self.run = run
        self.pictures = pictures
    }

    package var markdown: String {
        let links = pictures.map {
            [
                (title: "Latency and rate over time", path: "\($0)-timeline.svg"),
                (title: "Latency by percentile", path: "\($0)-percentiles.svg"),
            ]
        }
        let title = run.name ?? run.plan.load
        var text = "# Load test: \(title)\n\n\(RunText(run).markdown(pictures: links ?? []))"
        if let accuracy = run.accuracy {
            text += "\n## Verdicts\n\n\(QualityTable([("labelled", accuracy)]).text)"
        }
        return text
    }
}

internal import Bytes
internal import System
internal import Options
internal import Report
internal import Scoring
internal import Signals

/// `synthetic score`: judges verdicts by the labels of the data they were given on.
struct ScoreCommand {
    private let data: String
    private let verdicts: String
    private let windows: String?
    private let name: String
    private let json: String?
    private let markdown: String?

    init(_ options: inout Options) throws(OptionError) {
        data = try options.required("--data", "a CSV file or a folder of them")
        verdicts = try options.required("--verdicts", "the file that replay wrote")
        windows = options.text("--nab")
        name = options.text("--name") ?? "data"
        json = options.text("--json")
        markdown = options.text("--markdown")
    }

    func run() throws(CommandError) {
        let series = try LabelledData.load(data, windows: windows)
        let judgments = try LabelledData.verdicts(verdicts)
        var assessment = Assessment(name: name, isBenchmark: windows != nil)
        for one in series {
            assessment.add(one, try LabelledData.judgments(of: one, in: judgments))
        }
        let table = text(assessment)
        StandardStreams.writeOutput(table)
        do throws(FileError) {
            if let markdown { try write(markdown, table, assessment) }
            if let json { try Files.write(json, assessment.score.json.line.readable) }
        } catch {
            throw CommandError(error.description)
        }
    }

    /// The tables that say it at a glance.
    private func text(_ assessment: Assessment) -> String {
        let quality = QualityTable([(name, assessment.quality.figures)]).text
        guard let benchmark = Assessment.benchmarkTable([assessment]) else { return quality }
        return quality + "\n" + benchmark.text
    }

    private func write(_ path: String, _ table: String, _ assessment: Assessment) throws(FileError)
    {
        try Files.write(
            path,
            "# Verdicts on \(name)\n\n\(table)\n## By series\n\n"
                + QualityTable(assessment.series.map { ($0.name, $0.quality.figures) }).text)
    }
}

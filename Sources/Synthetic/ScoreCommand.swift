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
    private let thresholds: [Threshold]

    init(_ options: inout Options) throws(OptionError) {
        data = try options.required("--data", "a CSV file or a folder of them")
        verdicts = try options.required("--verdicts", "the file that replay wrote")
        windows = options.text("--nab")
        name = options.text("--name") ?? "data"
        json = options.text("--json")
        markdown = options.text("--markdown")
        do throws(ThresholdError) {
            thresholds = try Threshold.parseAll(options.text("--slo") ?? "")
        } catch {
            throw OptionError("--slo: \(error.description)")
        }
        let known = ResultFile.score(ScoreResult()).measurements
        for threshold in thresholds
        where known[threshold.name] == nil
            && !["nab.", "series."].contains(where: threshold.name.hasPrefix)
        {
            throw OptionError(
                "--slo: \"\(threshold.text)\": a score has no \(threshold.name); it has, among "
                    + "others, total.alert.fpr and total.alert.event_recall")
        }
    }

    /// - Returns: the exit status: 0 done, 99 a threshold fell short.
    func run() throws(CommandError) -> Int32 {
        let series = try LabelledData.load(data, windows: windows)
        let judgments = try LabelledData.verdicts(verdicts)
        var assessment = Assessment(name: name, isBenchmark: windows != nil)
        for one in series {
            assessment.add(one, try LabelledData.judgments(of: one, in: judgments))
        }
        let table = text(assessment)
        StandardStreams.writeOutput(table)
        do throws(FileError) {
            if let markdown { try write(assessment, table: table, to: markdown) }
            if let json { try Files.write(json, assessment.score.json.line.readable) }
        } catch {
            throw CommandError(error.description)
        }
        let report = ThresholdReport(
            thresholds, ResultFile.score(assessment.score).measurements)
        for line in report.outcomeLines() { StandardStreams.writeOutput(line + "\n") }
        return report.allHeld ? 0 : 99
    }

    /// The tables that say it at a glance.
    private func text(_ assessment: Assessment) -> String {
        let quality = QualityTable([(name, assessment.quality.figures)]).text
        guard let benchmark = Assessment.benchmarkTable([assessment]) else { return quality }
        return quality + "\n" + benchmark.text
    }

    private func write(_ assessment: Assessment, table: String, to path: String)
        throws(FileError)
    {
        try Files.write(
            path,
            "# Verdicts on \(name)\n\n\(table)\n## By series\n\n"
                + QualityTable(assessment.series.map { ($0.name, $0.quality.figures) }).text)
    }
}

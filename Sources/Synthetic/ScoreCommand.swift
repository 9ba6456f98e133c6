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
            if let json { try writeJSON(json, assessment) }
        } catch {
            throw CommandError(error.description)
        }
    }

    /// The tables that say it at a glance.
    private func text(_ assessment: Assessment) -> String {
        let quality = qualityTable([(name, assessment.quality)]).text
        guard let benchmark = Assessment.benchmarkTable([assessment]) else { return quality }
        return quality + "\n" + benchmark.text
    }

    private func write(_ path: String, _ table: String, _ assessment: Assessment) throws(FileError)
    {
        try Files.write(
            path,
            "# Verdicts on \(name)\n\n\(table)\n## By series\n\n"
                + qualityTable(assessment.series).text)
    }

    private func writeJSON(_ path: String, _ assessment: Assessment) throws(FileError) {
        var text = ByteBuffer(limit: Files.sizeLimit)
        text.append("{\"name\":")
        text.append(jsonString: name)
        text.append(",\"total\":")
        text.append(assessment.quality)
        if let benchmark = assessment.benchmark {
            text.append(",\"nab\":{\"alert\":")
            text.append(benchmark.alert)
            text.append(",\"is_anomaly\":")
            text.append(benchmark.isAnomaly)
            text.append("}")
        }
        text.append(",\"series\":{")
        for (position, row) in assessment.series.enumerated() {
            if position > 0 { text.append(",") }
            text.append(jsonString: row.name)
            text.append(":")
            text.append(row.quality)
        }
        text.append("}}\n")
        try Files.write(path, text.readable)
    }
}

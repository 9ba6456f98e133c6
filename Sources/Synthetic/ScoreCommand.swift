internal import Bytes
internal import EventLoop
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
        var series = try DataFolder.load(data)
        do {
            if let windows {
                let found = try AnomalyWindows.parse(try Files.read(windows))
                for index in series.indices { found.label(&series[index]) }
            }
            try judge(series, try VerdictFile.parse(try Files.read(verdicts)))
        } catch let error as CommandError {
            throw error
        } catch {
            throw CommandError("\(error)")
        }
    }

    private func judge(_ series: [LabelledSeries], _ verdicts: [String: [Judgment]]) throws {
        var total = Quality()
        var rows: [(String, Quality)] = []
        for one in series {
            guard let judgments = verdicts[one.name], judgments.count == one.samples.count else {
                throw CommandError(
                    "\(one.name): \(verdicts[one.name]?.count ?? 0) verdicts on "
                        + "\(one.samples.count) samples")
            }
            total.add(one, judgments)
            var own = Quality()
            own.add(one, judgments)
            rows.append((one.name, own))
        }
        let table = qualityTable([(name, total)]).text
        StandardStreams.writeOutput(table)
        if let markdown {
            try Files.write(
                markdown,
                "# Verdicts on \(name)\n\n\(table)\n## By series\n\n\(qualityTable(rows).text)")
        }
        if let json { try writeJSON(json, total, rows) }
    }

    private func writeJSON(_ path: String, _ total: Quality, _ rows: [(String, Quality)]) throws {
        var text = ByteBuffer(limit: Files.sizeLimit)
        text.append("{\"name\":")
        text.append(jsonString: name)
        text.append(",\"total\":")
        text.append(total)
        text.append(",\"series\":{")
        for (position, row) in rows.enumerated() {
            if position > 0 { text.append(",") }
            text.append(jsonString: row.0)
            text.append(":")
            text.append(row.1)
        }
        text.append("}}\n")
        try Files.write(path, text.readable)
    }
}

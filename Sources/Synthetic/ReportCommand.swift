internal import Bytes
internal import System
internal import Options
internal import Report
internal import Scoring
internal import Signals

/// `synthetic report`: judges the verdicts on several collections side by side, as Markdown with
/// charts, and as the JSON that thresholds are held against.
struct ReportCommand {
    private struct Source {
        let name: String
        let data: String
        let verdicts: String
        let windows: String?
    }

    private let folder: String
    private let sources: [Source]
    /// Collections that should have been judged, and were not at hand.
    private let missing: String?

    /// Operands: `NAME=DATA,VERDICTS` or `NAME=DATA,VERDICTS,WINDOWS.json` each.
    init(_ options: inout Options) throws(OptionError) {
        folder = try options.required("--out", "the folder to write to")
        missing = options.text("--missing")
        var sources: [Source] = []
        for operand in options.operands {
            let halves = operand.split(separator: "=", maxSplits: 1).map(String.init)
            let paths = halves.count == 2 ? halves[1].split(separator: ",").map(String.init) : []
            guard paths.count == 2 || paths.count == 3 else {
                throw OptionError("report: \"\(operand)\" is not NAME=DATA,VERDICTS[,WINDOWS]")
            }
            sources.append(
                Source(
                    name: halves[0], data: paths[0], verdicts: paths[1],
                    windows: paths.count == 3 ? paths[2] : nil))
        }
        guard !sources.isEmpty else {
            throw OptionError("report: expected NAME=DATA,VERDICTS[,WINDOWS] …")
        }
        self.sources = sources
    }

    func run() throws(CommandError) {
        var assessments: [Assessment] = []
        var pictures: [Picture] = []
        for source in sources {
            let series = try LabelledData.load(source.data, windows: source.windows)
            let verdicts = try LabelledData.verdicts(source.verdicts)
            var assessment = Assessment(name: source.name, isBenchmark: source.windows != nil)
            for one in series {
                assessment.add(one, try LabelledData.judgments(of: one, in: verdicts))
            }
            pictures += try Picture.bestAndWorst(
                of: assessment, series: series, verdicts: verdicts)
            assessments.append(assessment)
        }
        pictures.insert(Picture.curves(assessments), at: 0)
        do throws(FileError) {
            try write(assessments, pictures)
        } catch {
            throw CommandError(error.description)
        }
        StandardStreams.writeOutput(
            QualityTable(assessments.map { ($0.name, $0.quality.figures) }).text
                + "report: \(folder)/accuracy.md\n")
    }

    private func write(_ assessments: [Assessment], _ pictures: [Picture]) throws(FileError) {
        try Files.makeFolder(folder)
        try Files.makeFolder("\(folder)/accuracy")
        for picture in pictures {
            try Files.write("\(folder)/accuracy/\(picture.file)", picture.svg)
        }
        for flag in Assessment.Flag.allCases {
            let json = AccuracyResult(assessments, flag: flag).json.line
            try Files.write("\(folder)/accuracy-\(flag.rawValue).json", json.readable)
        }
        try Files.write("\(folder)/accuracy.md", markdown(assessments, pictures))
    }

    private var missingText: String {
        missing.map { "\n**NOT JUDGED**, because their series were not at hand: \($0).\n" } ?? ""
    }

    private func markdown(_ assessments: [Assessment], _ pictures: [Picture]) -> String {
        var text = """
            # Accuracy

            Written by `make accuracy`: every series went as batches through the running service, and its
            verdicts are judged by the labels, which the service never saw. Precision says nothing without
            the prevalence beside it. Event recall is of events alerted within 8 samples of their start;
            a flag outside all events is a false alarm. `is_anomaly` is the five services' rule, kept for
            their clients; `alert` is what should wake somebody up. False alarms are those of one series in
            a day of its own clock.
            \(missingText)
            \(QualityTable(assessments.map { ($0.name, $0.quality.figures) }).text)
            \(Assessment.confusionTable(assessments).text)
            ## By kind of event, `alert`

            A broken rhythm and a drift begin unseen: their delay is counted from the first sample all the
            same. The Numenta windows are wider than their anomalies, and are better judged below.

            \(Assessment.kindTable(assessments).text)
            ## Beside plain alternatives

            An alternative is given the threshold that suits the collection best in hindsight, and a rest of
            12 samples after each flag.

            \(Assessment.baselineTable(assessments).text)
            """
        if let table = Assessment.benchmarkTable(assessments) {
            text += """

                ## By the Numenta benchmark's published scoring

                Probation 15 % of a file, at most 750 samples; 0 is silence, 100 perfection.

                \(table.text)
                """
        }
        text += "\n## Precision and recall, and telling series\n\n"
        text += "Orange: labelled; red: alerted.\n\n"
        text += pictures.filter(\.isShown).map { "![\($0.title)](accuracy/\($0.file))\n" }
            .joined(separator: "\n")
        let others = pictures.filter { !$0.isShown }.map { "`accuracy/\($0.file)`" }
        if !others.isEmpty {
            text += "\nOf series that others made, beside it: \(others.joined(separator: ", ")).\n"
        }
        return text
    }
}

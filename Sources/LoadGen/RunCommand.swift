internal import System
internal import Options
internal import Report

/// `loadgen run`: one run against one deployment.
struct RunCommand {
    private let plan: Plan
    private let objectives: [Threshold]
    private let files: OutputFiles
    /// A file that somebody else fills meanwhile: what `kubectl get hpa -w` sees, a number a line.
    private let replicas: String?

    init(_ options: inout Options) throws(OptionError) {
        plan = try Plan(&options)
        objectives = try Objectives.parse(
            options.text("--slo") ?? "", flag: "--slo", labelled: plan.suite != nil)
        files = OutputFiles(&options)
        replicas = options.text("--replicas")
    }

    /// - Returns: the exit status: 0 held, 99 a threshold fell short, 1 the run can't be relied on.
    func run() throws(RunError) -> Int32 {
        var view = LiveView()
        var measured = try LoadRun(plan).execute(showing: &view)
        measured.objectives = objectives
        if let replicas { measured.replicasMax = largestNumber(try readFile(replicas)) }
        let result = measured.result(on: .current())
        var report = "## Load\n\n\(RunText(result).markdown())"
        if let accuracy = result.accuracy {
            report += "\n## Verdicts\n\n\(QualityTable([("labelled", accuracy)]).text)"
        }
        StandardStreams.writeOutput(report)
        try files.write(result, measured.recorder.latency, report: report)
        for complaint in result.complaints {
            StandardStreams.writeError("loadgen: \(complaint)\n")
        }
        for line in result.slo?.lines ?? [] { StandardStreams.writeOutput(line.sentence + "\n") }
        if !result.isReliable, !plan.allowsLate || measured.recorder.answered == 0 { return 1 }
        return result.slo?.allHeld ?? true ? 0 : 99
    }
}

/// The largest of the lines that are numbers.
func largestNumber(_ bytes: [UInt8]) -> Int? {
    String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        .compactMap { Int($0) }.max()
}

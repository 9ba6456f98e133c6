internal import System
internal import Options
internal import Report

/// `loadgen merge`: one result of several machines that sent load at the same time.
struct MergeCommand {
    private let paths: [String]
    private let objectives: [Threshold]
    private let files: OutputFiles

    /// Operands: the results; `--slo` judges the sum, otherwise the first result's objectives do.
    init(_ options: inout Options) throws(OptionError) {
        paths = options.operands
        guard paths.count > 1 else { throw OptionError("merge: expected A.json B.json …") }
        objectives = try Objectives.parse(
            options.text("--slo") ?? "", flag: "--slo", labelled: false)
        files = try OutputFiles(&options, repeats: 1)
    }

    /// - Returns: 0 held, 99 a threshold fell short, 1 the result can't be relied on.
    func run() throws(RunError) -> Int32 {
        var runs: [RunResult] = []
        for path in paths {
            let file = try readResult(path)
            guard case .run(let run) = file else {
                throw RunError("\(path): is not the result of a run, but \(file.content)")
            }
            runs.append(run)
        }
        var result: RunResult
        do throws(FieldError) { result = try RunResult.merged(runs) } catch {
            throw RunError("merge: \(error.description)")
        }
        let asked =
            objectives.isEmpty
            ? (runs[0].slo?.lines ?? []).compactMap { try? Threshold($0.text) } : objectives
        result.slo = asked.isEmpty ? nil : ThresholdReport(asked, Measurements(result.json))
        let console = Console(outputIsData: files.jsonIsOutput)
        console.write(RunSummary(result, palette: console.palette).text)
        try files.write(result)
        guard result.doubts.isEmpty else { return 1 }
        return result.slo?.allHeld ?? true ? 0 : 99
    }
}

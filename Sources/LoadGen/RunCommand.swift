internal import Bytes
internal import System
internal import Options
internal import Report
internal import Scoring

/// `loadgen run`: one run against one deployment.
struct RunCommand {
    private let plan: Plan
    private let thresholds: [Threshold]
    private let files: OutputFiles
    /// A file that somebody else fills meanwhile: what `kubectl get hpa -w` sees, a number a line.
    private let replicas: String?

    init(_ options: inout Options) throws(OptionError) {
        plan = try Plan(&options)
        thresholds = try parseThresholds(options.text("--slo") ?? "")
        files = OutputFiles(&options)
        replicas = options.text("--replicas")
    }

    /// - Returns: the exit status: 0 held, 99 a threshold fell short, 1 the run can't be relied on.
    func run() throws(RunError) -> Int32 {
        var view = LiveView()
        var result = try LoadRun(plan).execute(showing: &view)
        if let replicas { result.replicas = largestNumber(try readFile(replicas)) }
        let json = result.json(Environment())
        let document = try document(of: json)
        var report = "## Load\n\n\(RunText(document).markdown)"
        if let quality = result.quality {
            report += "\n## Verdicts\n\n\(qualityTable([("labelled", quality)]).text)"
        }
        StandardStreams.writeOutput(report)
        try files.write(result, json: json, document, report)
        for complaint in result.complaints {
            StandardStreams.writeError("loadgen: \(complaint)\n")
        }
        if !result.complaints.isEmpty, !plan.allowsLate || result.recorder.answered == 0 {
            return 1
        }
        return judge(document.measurements, thresholds)
    }
}

/// The largest of the lines that are numbers.
func largestNumber(_ bytes: [UInt8]) -> Int? {
    String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        .compactMap { Int($0) }.max()
}

/// Reads thresholds from a flag.
func parseThresholds(_ text: String) throws(OptionError) -> [Threshold] {
    do throws(ThresholdError) { return try Threshold.parseAll(text) } catch {
        throw OptionError("--slo: \(error.description)")
    }
}

/// Says of each threshold whether it held; 99 when one did not.
func judge(_ measurements: Measurements, _ thresholds: [Threshold]) -> Int32 {
    var status: Int32 = 0
    for threshold in thresholds {
        let outcome = threshold.judge(measurements)
        StandardStreams.writeOutput(threshold.sentence(outcome) + "\n")
        if case .held = outcome { continue }
        status = 99
    }
    return status
}

/// Our own JSON, read back: reports are made from what is in the file and nothing else.
func document(of json: borrowing ByteBuffer) throws(RunError) -> Document {
    do throws(JSONError) { return try Document(json.readable) } catch {
        throw RunError("the result's own JSON is malformed at byte \(error.offset)")
    }
}

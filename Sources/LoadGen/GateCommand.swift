internal import System
internal import Options
internal import Report

/// `loadgen gate`: holds results against thresholds; CI's yes or no.
struct GateCommand {
    private let thresholds: String
    private let results: NamedResults
    private let junit: String?
    /// Whether results that can't be relied on are judged all the same.
    private let isForced: Bool

    /// Operands: the file of thresholds, then `name=result.json` each.
    init(_ options: inout Options) throws(OptionError) {
        guard let first = options.operands.first else {
            throw OptionError("gate: expected THRESHOLDS NAME=RESULT.json …")
        }
        thresholds = first
        results = try NamedResults(options.operands.dropFirst())
        junit = try options.outputPath("--junit")
        isForced = options.isSet("--force")
    }

    /// - Returns: 0 when all held; 99 when one fell short or was not measured; 1 when a result
    ///   can't be relied on, so that nothing can be said.
    func run() throws(RunError) -> Int32 {
        let thresholds = try readThresholds(thresholds)
        guard !thresholds.isEmpty else { throw RunError("\(self.thresholds): no threshold in it") }
        let files = try results.read()
        var measurements = Measurements()
        for (name, file) in files { measurements.add(file.measurements, as: name) }
        let report = ThresholdReport(thresholds, measurements)
        let doubts = files.flatMap { name, file in
            file.runs.flatMap(\.doubts).map { "\(name): \($0)" }
        }
        if let junit {
            let text = JUnitText(suite: self.thresholds, report: report, doubts: doubts).text
            do throws(FileError) { try Files.write(junit, text) } catch {
                throw RunError(error.description)
            }
        }
        let console = Console()
        console.writeLines(report.outcomeLines(console.palette))
        console.write("gate: \(report.summary)\n")
        guard doubts.isEmpty || isForced else {
            throw RunError(
                "gate: refused, nothing can be decided by what can't be relied on (--force judges "
                    + "it all the same):\n  " + doubts.joined(separator: "\n  "))
        }
        return report.allHeld ? 0 : 99
    }
}

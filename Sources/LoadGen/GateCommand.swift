internal import System
internal import Options
internal import Report

/// `loadgen gate`: holds results against thresholds; CI's yes or no.
struct GateCommand {
    private let thresholds: String
    private let results: NamedResults

    /// Operands: the file of thresholds, then `name=result.json` each.
    init(_ options: inout Options) throws(OptionError) {
        guard let first = options.operands.first else {
            throw OptionError("gate: expected THRESHOLDS NAME=RESULT.json …")
        }
        thresholds = first
        results = try NamedResults(options.operands.dropFirst())
    }

    /// - Returns: 0 when all held, 99 when one fell short or was not measured.
    func run() throws(RunError) -> Int32 {
        let thresholds = try readThresholds(thresholds)
        guard !thresholds.isEmpty else { throw RunError("\(self.thresholds): no threshold in it") }
        var measurements = Measurements()
        for (name, file) in try results.read() { measurements.add(file.measurements, as: name) }
        let report = ThresholdReport(thresholds, measurements)
        for line in report.lines { StandardStreams.writeOutput(line.sentence + "\n") }
        StandardStreams.writeOutput("gate: \(report.summary)\n")
        return report.allHeld ? 0 : 99
    }
}

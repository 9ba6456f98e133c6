internal import Bytes
internal import System
internal import Options
internal import Report

/// Reports by the names that thresholds call them: operands such as `load=reports/load.json`.
struct NamedReports {
    let paths: [(name: String, path: String)]

    init(_ operands: ArraySlice<String>) throws(OptionError) {
        var paths: [(name: String, path: String)] = []
        for operand in operands {
            let parts = operand.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else {
                throw OptionError("\"\(operand)\" is not NAME=REPORT.json")
            }
            paths.append((String(parts[0]), String(parts[1])))
        }
        guard !paths.isEmpty else { throw OptionError("expected NAME=REPORT.json …") }
        self.paths = paths
    }

    func read() throws(RunError) -> [(name: String, document: Document)] {
        var documents: [(name: String, document: Document)] = []
        for (name, path) in paths { documents.append((name, try readDocument(path))) }
        return documents
    }
}

/// Reads a file of thresholds.
func readThresholds(_ path: String) throws(RunError) -> [Threshold] {
    let text = String(decoding: try readFile(path), as: UTF8.self)
    do throws(ThresholdError) { return try Threshold.parseAll(text) } catch {
        throw RunError("\(path): \(error.description)")
    }
}

/// `loadgen gate`: holds reports against thresholds; CI's yes or no.
struct GateCommand {
    private let thresholds: String
    private let reports: NamedReports

    /// Operands: the file of thresholds, then `prefix=report.json` each.
    init(_ options: inout Options) throws(OptionError) {
        guard let first = options.operands.first else {
            throw OptionError("gate: expected THRESHOLDS NAME=REPORT.json …")
        }
        thresholds = first
        reports = try NamedReports(options.operands.dropFirst())
    }

    func run() throws(RunError) -> Int32 {
        var measurements = Measurements()
        for (name, document) in try reports.read() { measurements.add(document, as: name) }
        return judge(try readThresholds(thresholds), measurements)
    }

    private func judge(_ thresholds: [Threshold], _ measurements: Measurements) -> Int32 {
        var short = 0
        for threshold in thresholds {
            let outcome = threshold.judge(measurements)
            StandardStreams.writeOutput(threshold.sentence(outcome) + "\n")
            if case .held = outcome { continue }
            short += 1
        }
        StandardStreams.writeOutput(
            short == 0
                ? "gate: all \(thresholds.count) thresholds held\n"
                : "gate: \(short) of \(thresholds.count) thresholds fell short\n")
        return short == 0 && !thresholds.isEmpty ? 0 : 99
    }
}

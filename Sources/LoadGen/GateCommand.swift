internal import Bytes
internal import EventLoop
internal import Options
internal import Report

/// `loadgen gate`: holds reports against thresholds; CI's yes or no.
struct GateCommand {
    private let thresholds: String
    private let reports: [(prefix: String, path: String)]

    /// Operands: the file of thresholds, then `prefix=report.json` each.
    init(_ options: inout Options) throws(OptionError) {
        guard options.operands.count >= 2 else {
            throw OptionError("gate: expected THRESHOLDS NAME=REPORT.json …")
        }
        thresholds = options.operands[0]
        reports = try options.operands.dropFirst().map { operand throws(OptionError) in
            let parts = operand.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else {
                throw OptionError("gate: \"\(operand)\" is not NAME=REPORT.json")
            }
            return (String(parts[0]), String(parts[1]))
        }
    }

    func run() throws(RunError) -> Int32 {
        do {
            var measurements = Measurements()
            for (prefix, path) in reports {
                var one = Measurements()
                try one.add(try Files.read(path).span)
                for (name, value) in one.values { measurements["\(prefix).\(name)"] = value }
            }
            let text = String(decoding: try Files.read(thresholds), as: UTF8.self)
            return judge(try Threshold.parseAll(text), measurements)
        } catch let error as JSONError {
            throw RunError("a report is malformed: \(error.problem.description) at \(error.offset)")
        } catch {
            throw RunError("\(error)")
        }
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

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
        var reports: [(prefix: String, path: String)] = []
        for operand in options.operands.dropFirst() {
            let parts = operand.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else {
                throw OptionError("gate: \"\(operand)\" is not NAME=REPORT.json")
            }
            reports.append((String(parts[0]), String(parts[1])))
        }
        thresholds = options.operands[0]
        self.reports = reports
    }

    func run() throws(RunError) -> Int32 {
        var measurements = Measurements()
        for (prefix, path) in reports {
            let one = try measure(path)
            for (name, value) in one.values { measurements["\(prefix).\(name)"] = value }
        }
        let text = String(decoding: try contents(thresholds), as: UTF8.self)
        do throws(ThresholdError) {
            return judge(try Threshold.parseAll(text), measurements)
        } catch {
            throw RunError("\(thresholds): \(error.description)")
        }
    }

    private func measure(_ path: String) throws(RunError) -> Measurements {
        let bytes = try contents(path)
        var measurements = Measurements()
        do throws(JSONError) { try measurements.add(bytes.span) } catch {
            throw RunError("\(path): \(error.problem.description) at byte \(error.offset)")
        }
        return measurements
    }

    private func contents(_ path: String) throws(RunError) -> [UInt8] {
        do throws(FileError) { return try Files.read(path) } catch {
            throw RunError(error.description)
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

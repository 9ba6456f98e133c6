internal import System
internal import Options
internal import Report

/// `loadgen compare`: two results side by side, and what got worse.
struct CompareCommand {
    private let before: String
    private let after: String
    private let allowed: Double

    /// Operands: two results of `run`; `--allow` is how much worse the second may be, as a share.
    init(_ options: inout Options) throws(OptionError) {
        guard options.operands.count == 2 else {
            throw OptionError("compare: expected BEFORE.json AFTER.json")
        }
        before = options.operands[0]
        after = options.operands[1]
        allowed = try options.decimal("--allow", in: 0...1000) ?? .infinity
    }

    /// - Returns: 99 when something got worse by more than is allowed.
    func run() throws(RunError) -> Int32 {
        let comparison = Comparison(
            try readResult(before).measurements, try readResult(after).measurements)
        guard comparison.hasCommonMeasure else {
            throw RunError("\(before) and \(after): have no measure of a run or a search in common")
        }
        StandardStreams.writeOutput(comparison.table.text)
        let worse = comparison.worse(by: allowed)
        for name in worse {
            StandardStreams.writeOutput("WORSE  \(name), by more than \(allowed.percentText)\n")
        }
        return worse.isEmpty ? 0 : 99
    }
}

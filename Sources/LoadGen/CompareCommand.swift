internal import Bytes
internal import System
internal import Options
internal import Report

/// `loadgen compare`: two runs side by side, and what got worse.
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
        let comparison = Comparison(try readDocument(before), try readDocument(after))
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

/// Reads a result's file.
func readDocument(_ path: String) throws(RunError) -> Document {
    let bytes = try readFile(path)
    do throws(JSONError) { return try Document(bytes.span) } catch {
        throw RunError("\(path): \(error.problem.description) at byte \(error.offset)")
    }
}

func readFile(_ path: String) throws(RunError) -> [UInt8] {
    do throws(FileError) { return try Files.read(path) } catch {
        throw RunError(error.description)
    }
}

internal import Bytes
internal import System
internal import Options
internal import Report

/// Results by the names that thresholds call them: operands such as `load=reports/load.json`.
struct NamedResults {
    let paths: [(name: String, path: String)]

    init(_ operands: ArraySlice<String>) throws(OptionError) {
        var paths: [(name: String, path: String)] = []
        for operand in operands {
            let parts = operand.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else {
                throw OptionError("\"\(operand)\" is not NAME=RESULT.json")
            }
            paths.append((String(parts[0]), String(parts[1])))
        }
        guard !paths.isEmpty else { throw OptionError("expected NAME=RESULT.json …") }
        self.paths = paths
    }

    func read() throws(RunError) -> [(name: String, file: ResultFile)] {
        var results: [(name: String, file: ResultFile)] = []
        for (name, path) in paths { results.append((name, try readResult(path))) }
        return results
    }
}

/// Reads a result; the error names the file and the field.
func readResult(_ path: String) throws(RunError) -> ResultFile {
    let bytes = try readFile(path)
    do throws(FieldError) { return try ResultFile(bytes.span) } catch {
        throw RunError("\(path): \(error.description)")
    }
}

/// Reads a file of thresholds.
func readThresholds(_ path: String) throws(RunError) -> [Threshold] {
    let text = String(decoding: try readFile(path), as: UTF8.self)
    do throws(ThresholdError) { return try Threshold.parseAll(text) } catch {
        throw RunError("\(path): \(error.description)")
    }
}

func readFile(_ path: String) throws(RunError) -> [UInt8] {
    do throws(FileError) { return try Files.read(path) } catch {
        throw RunError(error.description)
    }
}

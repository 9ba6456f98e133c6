internal import Options
internal import System

/// A preset that is a file: a flag a line with its value behind it, as on a command line but
/// without quotes; `#` begins a comment line.
enum PresetFile {
    private static let byteLimit = 1 << 20
    /// Of each group a command line's flag stands in place of all that the file has of it.
    private static let groups: [[String]] = [
        ["--rate", "--ramp", "--steps", "--closed"], ["--body", "--body-file"],
        ["--ca", "--insecure"],
    ]

    /// Whether `--preset` names a file rather than a preset of the program's own.
    private static func isFile(_ name: String) -> Bool {
        name.contains("/") || name.contains(".")
    }

    /// Adds what the file that `--preset` names says to what the command line has not said.
    static func apply(
        to options: inout Options, switches: Set<String>, repeatable: Set<String>
    ) throws(OptionError) {
        guard options.has("--preset"), let path = options.text("--preset"), isFile(path) else {
            return
        }
        let bytes: [UInt8]
        do throws(FileError) { bytes = try Files.read(path) } catch {
            throw OptionError("--preset: \(error.description)")
        }
        guard bytes.count <= byteLimit else {
            throw OptionError("--preset: \(path): allowed are at most \(byteLimit) bytes")
        }
        var arguments: [String] = []
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        for line in lines where !line.hasPrefix("#") && !line.allSatisfy(\.isWhitespace) {
            let words = line.split(separator: " ", maxSplits: 1)
            let flag = String(words[0])
            let isOverridden = groups.contains { group in
                group.contains(flag) && group.contains { options.has($0) }
            }
            if isOverridden { continue }
            arguments.append(flag)
            if words.count > 1 { arguments.append(String(words[1])) }
        }
        let defaults: Options
        do throws(OptionError) {
            defaults = try Options(arguments, switches: switches, repeatable: repeatable)
        } catch {
            throw OptionError("--preset: \(path): \(error.description)")
        }
        guard defaults.operands.isEmpty, !defaults.has("--preset") else {
            throw OptionError(
                "--preset: \(path): allowed is a flag a line, with its value behind it")
        }
        options.addDefaults(from: defaults)
        options.drop("--preset")
    }
}

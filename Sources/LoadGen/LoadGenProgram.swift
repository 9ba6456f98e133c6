internal import System
internal import Options

@main
enum LoadGenProgram {
    static func main() {
        exitProcess(runLoadGen(Array(CommandLine.arguments.dropFirst())))
    }
}

/// The version of this program, which its results name.
let programVersion = "0.1.0"

private let commands = "run, find-max, show, merge, compare, gate or report"

/// Flags without a value, and flags that may be given several times.
private let switches: Set<String> = [
    "--allow-late", "--closed", "--force", "--help", "--insecure", "--quiet",
]
private let repeatable: Set<String> = ["--header"]

/// Outside the main type, whose isolation its closures would inherit.
private func runLoadGen(_ arguments: [String]) -> Int32 {
    guard let command = arguments.first, command != "--help", command != "-h" else {
        StandardStreams.writeOutput(help)
        return arguments.isEmpty ? 64 : 0
    }
    if command == "--version" {
        StandardStreams.writeOutput("loadgen \(programVersion)\n")
        return 0
    }
    do throws(OptionError) {
        var options = try Options(
            Array(arguments.dropFirst()), switches: switches, repeatable: repeatable)
        if options.isSet("--help") {
            StandardStreams.writeOutput(helpText(for: command))
            return 0
        }
        try PresetFile.apply(to: &options, switches: switches, repeatable: repeatable)
        return try start(command, &options)
    } catch {
        StandardStreams.writeError("loadgen: \(error.description)\n")
        return 64
    }
}

private func start(_ command: String, _ options: inout Options) throws(OptionError) -> Int32 {
    switch command {
    case "run":
        let run = try RunCommand(&options)
        try expectNothingElse(options, operands: false)
        return report { () throws(RunError) in try run.run() }
    case "find-max":
        let search = try FindMaxCommand(&options)
        try expectNothingElse(options, operands: false)
        return report { () throws(RunError) in try search.run() }
    case "show":
        let show = try ShowCommand(&options)
        try expectNothingElse(options, operands: true)
        return report { () throws(RunError) in try show.run() }
    case "merge":
        let merge = try MergeCommand(&options)
        try expectNothingElse(options, operands: true)
        return report { () throws(RunError) in try merge.run() }
    case "compare":
        let compare = try CompareCommand(&options)
        try expectNothingElse(options, operands: true)
        return report { () throws(RunError) in try compare.run() }
    case "gate":
        let gate = try GateCommand(&options)
        try expectNothingElse(options, operands: true)
        return report { () throws(RunError) in try gate.run() }
    case "report":
        let write = try ReportCommand(&options)
        try expectNothingElse(options, operands: true)
        return report { () throws(RunError) in try write.run() }
    default:
        throw OptionError("\(command): unknown command; allowed is \(commands)")
    }
}

private func expectNothingElse(_ options: Options, operands: Bool) throws(OptionError) {
    try options.expectNothingElse()
    if !operands, let operand = options.operands.first {
        throw OptionError("\(operand): not expected; see --help")
    }
}

private func report(_ work: () throws(RunError) -> Int32) -> Int32 {
    do throws(RunError) { return try work() } catch {
        StandardStreams.writeError("loadgen: \(error.description)\n")
        return 1
    }
}

internal import EventLoop
internal import Options

@main
enum LoadGenProgram {
    static func main() {
        exitProcess(runLoadGen(Array(CommandLine.arguments.dropFirst())))
    }
}

private let help = """
    loadgen: sends load, measures from the intended send, judges what came back.

      loadgen run --target http://host:port [--rate N] [--duration 30s] [--warmup 0s]
                  [--connections 64] [--threads 1] [--devices 0] [--mix ingest=90,analyze=10]
                  [--labelled default|hard] [--timeout 10s] [--seed 1] [--host-header H] [--token T]
                  [--slo 'p95 < 50ms, errors < 0.1%'] [--allow-late] [--json FILE] [--markdown FILE]
          with --rate an open loop: the plan decides when, and latency counts from the plan;
          without it a closed loop, as fast as the connections allow.
          --labelled sends a labelled suite in order and judges the verdicts in the answers.

      loadgen gate THRESHOLDS NAME=REPORT.json ...
          holds reports against a file of thresholds, such as: load.latency_ms.p95 < 50ms

    Exit status: 0 held, 99 a threshold fell short, 1 the run failed or can't be relied on, 64 usage.

    """

/// Outside the main type, whose isolation its closures would inherit.
private func runLoadGen(_ arguments: [String]) -> Int32 {
    guard let command = arguments.first, command != "--help", command != "-h" else {
        StandardStreams.writeOutput(help)
        return arguments.isEmpty ? 64 : 0
    }
    do throws(OptionError) {
        var options = try Options(
            Array(arguments.dropFirst()), switches: ["--allow-late", "--closed"])
        switch command {
        case "run":
            let run = try RunCommand(&options)
            try options.expectNothingElse()
            if let operand = options.operands.first {
                throw OptionError("\(operand): not expected; see --help")
            }
            return report { () throws(RunError) in try run.run() }
        case "gate":
            let gate = try GateCommand(&options)
            try options.expectNothingElse()
            return report { () throws(RunError) in try gate.run() }
        default:
            throw OptionError("\(command): unknown command; allowed is run or gate")
        }
    } catch {
        StandardStreams.writeError("loadgen: \(error.description)\n")
        return 64
    }
}

private func report(_ work: () throws(RunError) -> Int32) -> Int32 {
    do throws(RunError) { return try work() } catch {
        StandardStreams.writeError("loadgen: \(error.description)\n")
        return 1
    }
}

internal import Bytes
internal import System
internal import Options

@main
enum SyntheticProgram {
    static func main() {
        exitProcess(runSynthetic(Array(CommandLine.arguments.dropFirst())))
    }
}

/// Why a command did not do its work.
struct CommandError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

private let help = """
    synthetic: labelled load series, their replay through a service, and the judging of its verdicts.

      synthetic generate --suite default|hard|bumps|every1s|every10s|every60s|every300s
                         [--seed N] --out DIR
          writes NAME.csv (timestamp,rps,cpu) and, apart from it, NAME.events.csv

      synthetic replay --target http://host:port --data FILE|DIR --out VERDICTS
                       [--batch 500] [--device-prefix ""] [--token TOKEN] [--timeout 30s]
                       [--retries 10]
          sends every series as a device of its own, in order, and writes a line per sample:
          series,index,timestamp,value,is_anomaly,alert,score
          a batch that is answered 503 or 429, or whose connection is cut or times out, is sent again
          with its Idempotency-Key; a sample that was stored at an earlier attempt has no verdict, and
          is counted; --retries 0 is for a service that knows no such keys: each batch is sent once

      synthetic score --data FILE|DIR --verdicts VERDICTS [--nab WINDOWS.json]
                      [--name NAME] [--json FILE] [--markdown FILE] [--slo 'total.alert.fpr < 1%']
          judges verdicts, whoever gave them, by the labels; WINDOWS are those of the Numenta
          benchmark, by whose published scoring they are judged too

      synthetic score --feedback http(s)://host:port [--ca FILE] [--token TOKEN]
                      [--json FILE] [--markdown FILE] [--slo 'feedback.precision > 80%']
          of the incidents that a service keeps: how many people called real, or a false alarm

      synthetic report --out DIR [--missing 'NAME, …'] NAME=DATA,VERDICTS[,WINDOWS.json] …
          judges several collections side by side: DIR/accuracy.md with charts, and
          DIR/accuracy-alert.json and DIR/accuracy-is_anomaly.json for thresholds; the report says
          of the missing collections that they were not judged

    Data are CSV files: timestamp,rps,cpu or timestamp,value[,label], with Unix time or UTC date-times.
    Exit status: 0 done, 99 a threshold fell short, 1 failed, 64 the command line is wrong.

    """

/// Outside the main type, whose isolation its closures would inherit.
private func runSynthetic(_ arguments: [String]) -> Int32 {
    guard let command = arguments.first, command != "--help", command != "-h" else {
        StandardStreams.writeOutput(help)
        return arguments.isEmpty ? 64 : 0
    }
    do throws(OptionError) {
        var options = try Options(Array(arguments.dropFirst()), switches: ["--help"])
        if options.isSet("--help") {
            StandardStreams.writeOutput(help)
            return 0
        }
        guard options.operands.isEmpty || command == "report" else {
            throw OptionError("\(options.operands[0]): not expected; see --help")
        }
        let work = try prepare(command, &options)
        try options.expectNothingElse()
        return perform(work)
    } catch {
        StandardStreams.writeError("synthetic: \(error.description)\n")
        return 64
    }
}

private enum Work {
    case generate(GenerateCommand)
    case replay(ReplayCommand)
    case score(ScoreCommand)
    case feedback(FeedbackCommand)
    case report(ReportCommand)
}

private func prepare(_ command: String, _ options: inout Options) throws(OptionError) -> Work {
    switch command {
    case "generate": .generate(try GenerateCommand(&options))
    case "replay": .replay(try ReplayCommand(&options))
    case "score" where options.has("--feedback"): .feedback(try FeedbackCommand(&options))
    case "score": .score(try ScoreCommand(&options))
    case "report": .report(try ReportCommand(&options))
    default:
        throw OptionError(
            "\(command): unknown command; allowed is generate, replay, score or report")
    }
}

private func perform(_ work: Work) -> Int32 {
    do throws(CommandError) {
        switch work {
        case .generate(let command): try command.run()
        case .replay(let command): try command.run()
        case .score(let command): return try command.run()
        case .feedback(let command): return try command.run()
        case .report(let command): try command.run()
        }
        return 0
    } catch {
        StandardStreams.writeError("synthetic: \(error.description)\n")
        return 1
    }
}

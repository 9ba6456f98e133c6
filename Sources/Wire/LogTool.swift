package import Detection
internal import Options

/// What `tidemark log`, `tidemark backtest`, `tidemark diff` and `tidemark explain` are asked to do
/// with a file of series, or with a Redis.
package enum LogTool: Equatable, Sendable {
    package enum Format: String, CaseIterable, Sendable {
        /// As a POST takes it: an object a line.
        case ndjson
        /// As `synthetic` reads it: timestamp,value of one series.
        case csv
    }

    case stats(String)
    /// nil for all devices.
    case export(String, device: String?, format: Format)
    /// From a file, or from standard input.
    case importFrom(String, source: String?)
    case verify(String)
    case backup(String, to: String)
    case compact(String)
    case recover(String, to: String)
    case judge(String)
    case backtest(String, BacktestChanges)
    /// Why a sample was judged so; the device is empty for the fleet.
    case explain(String, device: String, sequence: Int)
    /// With another build of this program, or whatever answers as `log judge` does.
    case diff(String, with: String)

    /// The name by which messages call it.
    package var name: String {
        switch self {
        case .stats: "log stats"
        case .export: "log export"
        case .importFrom: "log import"
        case .verify: "log verify"
        case .backup: "log backup"
        case .compact: "log compact"
        case .recover: "log recover"
        case .judge: "log judge"
        case .backtest: "backtest"
        case .diff: "diff"
        case .explain: "explain"
        }
    }

    package static let usage = """
               tidemark log stats PATH            what a file of series (STORE=file:PATH) holds;
                                                  stats, verify, export, judge, backup, backtest
                                                  and explain also take redis://... for PATH
               tidemark log verify PATH           folds every series again and compares
               tidemark log export PATH [--device NAME] [--format ndjson|csv]
                                                  its samples, in the order in which they came
               tidemark log import PATH [FILE]    puts samples in, as a POST takes them
               tidemark log judge PATH            what this build says of each of its samples
               tidemark log backup PATH COPY      copies it, also while the service runs
               tidemark log compact PATH          gives empty pages back; the service is stopped
               tidemark log recover PATH COPY     what can be read of a damaged one, into a new one
               tidemark backtest PATH [--alert-threshold 6] [--window-size N] ...
                                                  the alerts that other settings would have given
               tidemark explain PATH DEVICE SEQUENCE
                                                  why that sample was judged so, with a chart;
                                                  '' is the fleet
               tidemark diff PATH --with PROGRAM  the verdicts that another build would have given

        """
}

/// The settings that a backtest changes; nil for one that stays as it is.
package struct BacktestChanges: Equatable, Sendable {
    package var windowSize: Int?
    package var zThreshold: Double?
    package var minimumSamples: Int?
    package var alertThreshold: Double?

    package init() {}

    /// The settings with these changes.
    package func applied(to parameters: FoldParameters) -> FoldParameters {
        var changed = parameters
        changed.windowSize = windowSize ?? parameters.windowSize
        changed.zThreshold = zThreshold ?? parameters.zThreshold
        changed.minimumSamples = minimumSamples ?? parameters.minimumSamples
        changed.alertThreshold = alertThreshold ?? parameters.alertThreshold
        return changed
    }
}

/// Reads the words after `tidemark log`, `tidemark backtest`, `tidemark diff` and
/// `tidemark explain`.
enum LogToolReader {
    /// How many operands a tool has.
    private static let operands: [String: ClosedRange<Int>] = [
        "stats": 1...1, "export": 1...1, "import": 1...2, "verify": 1...1, "backup": 2...2,
        "compact": 1...1, "recover": 2...2, "judge": 1...1,
    ]

    /// - Parameter words: without `log`.
    static func read(_ words: ArraySlice<String>) throws(ConfigurationError) -> LogTool {
        guard let name = words.first, let count = operands[name] else {
            throw ConfigurationError(
                "log: one of stats, export, import, verify, judge, backup, compact and recover "
                    + "is wanted")
        }
        var paths: [String] = []
        var device: String?
        var format = LogTool.Format.ndjson
        var arguments = Arguments(words.dropFirst())
        while let argument = arguments.next() {
            switch argument {
            case .operand(let text): paths.append(plain(text))
            case .flag("--device") where name == "export":
                device = try value(&arguments, "--device", allowed: "a device's name")
            case .flag("--format") where name == "export":
                let text = try value(&arguments, "--format", allowed: "ndjson or csv")
                guard let found = LogTool.Format(rawValue: text) else {
                    throw ConfigurationError(
                        "--format: \"\(text)\" is not allowed; allowed is ndjson or csv")
                }
                format = found
            case .flag(let flag): throw ConfigurationError("log \(name): \(flag): unknown flag")
            }
        }
        guard count.contains(paths.count) else {
            throw ConfigurationError(
                "log \(name): \(count.upperBound == 1 ? "a path is" : "two paths are") wanted; "
                    + "--help has the usage")
        }
        switch name {
        case "stats": return .stats(paths[0])
        case "export": return .export(paths[0], device: device, format: format)
        case "import": return .importFrom(paths[0], source: paths.count == 2 ? paths[1] : nil)
        case "verify": return .verify(paths[0])
        case "judge": return .judge(paths[0])
        case "backup": return .backup(paths[0], to: paths[1])
        case "recover": return .recover(paths[0], to: paths[1])
        default: return .compact(paths[0])
        }
    }

    /// - Parameter words: without `backtest`.
    static func readBacktest(_ words: ArraySlice<String>) throws(ConfigurationError) -> LogTool {
        var path: String?
        var changes = BacktestChanges()
        var arguments = Arguments(words)
        while let argument = arguments.next() {
            switch argument {
            case .operand(let text) where path == nil: path = plain(text)
            case .operand(let text):
                throw ConfigurationError("backtest: \(text): one path is wanted")
            case .flag(let flag): try change(flag, &arguments, in: &changes)
            }
        }
        guard let path else { throw ConfigurationError("backtest: a path is wanted") }
        guard changes != BacktestChanges() else {
            throw ConfigurationError(
                "backtest: a setting to change is wanted, as --alert-threshold 6")
        }
        return .backtest(path, changes)
    }

    /// - Parameter words: without `diff`.
    static func readDiff(_ words: ArraySlice<String>) throws(ConfigurationError) -> LogTool {
        var path: String?
        var other: String?
        var arguments = Arguments(words)
        while let argument = arguments.next() {
            switch argument {
            case .operand(let text) where path == nil: path = plain(text)
            case .operand(let text):
                throw ConfigurationError("diff: \(text): one path is wanted")
            case .flag("--with"):
                other = try value(&arguments, "--with", allowed: "another build of this program")
            case .flag(let flag):
                throw ConfigurationError("diff: \(flag): unknown flag; allowed is --with")
            }
        }
        guard let path else { throw ConfigurationError("diff: a path is wanted") }
        guard let other else {
            throw ConfigurationError(
                "diff: --with PROGRAM is wanted: another build of this program")
        }
        return .diff(path, with: other)
    }

    /// - Parameter words: without `explain`.
    static func readExplain(_ words: ArraySlice<String>) throws(ConfigurationError) -> LogTool {
        let words = Array(words)
        guard words.count == 3 else {
            throw ConfigurationError(
                "explain: PATH DEVICE SEQUENCE are wanted; DEVICE is '' for the fleet")
        }
        guard let sequence = Int(words[2]), (1...1_000_000_000_000_000).contains(sequence) else {
            throw ConfigurationError(
                "explain: SEQUENCE: \"\(words[2])\" is not allowed; allowed is a whole number from 1 "
                    + "on")
        }
        return .explain(plain(words[0]), device: words[1], sequence: sequence)
    }

    private static let judging = ["WINDOW_SIZE", "Z_THRESHOLD", "MIN_SAMPLES", "ALERT_THRESHOLD"]

    private static func change(
        _ flag: String, _ arguments: inout Arguments, in changes: inout BacktestChanges
    ) throws(ConfigurationError) {
        let settings = Settings.all.filter { judging.contains($0.name) }
        guard let setting = settings.first(where: { $0.flag == flag }) else {
            throw ConfigurationError(
                "backtest: \(flag): unknown flag; allowed is one of "
                    + settings.map(\.flag).joined(separator: ", "))
        }
        let text = try value(&arguments, flag, allowed: setting.allowed)
        var configuration = Configuration()
        try setting.set(text, in: &configuration, source: flag)
        switch setting.name {
        case "WINDOW_SIZE": changes.windowSize = configuration.windowSize
        case "Z_THRESHOLD": changes.zThreshold = configuration.zThreshold
        case "MIN_SAMPLES": changes.minimumSamples = configuration.minimumSamples
        default: changes.alertThreshold = configuration.alertThreshold
        }
    }

    private static func value(
        _ arguments: inout Arguments, _ flag: String, allowed: String
    ) throws(ConfigurationError) -> String {
        guard let text = arguments.value() else {
            throw ConfigurationError("\(flag): a value is missing; allowed is \(allowed)")
        }
        return text
    }

    /// The path of a file as STORE names it, or as it is.
    private static func plain(_ text: String) -> String {
        text.hasPrefix("file:") ? String(text.dropFirst(5)) : text
    }
}

package import Bytes
internal import Options

/// What the command line and the environment ask for.
package enum Invocation: Equatable {
    case serve(Configuration)
    /// Ask the service on this machine's port for a path, and exit with 0 when it answers 200.
    case check(host: String, port: Int, path: String, isSecure: Bool)
    /// Do nothing for so long.
    case pause(TimeSpan)
    /// Look into a file of series, with what the environment sets.
    case tool(LogTool, Configuration)
    case help
    case version
}

/// Reads the configuration: defaults, then the environment, then flags; checked once, here.
package enum CommandLineReader {
    /// - Parameters:
    ///   - arguments: without the program's own name.
    ///   - environment: looks one variable up.
    package static func read(_ arguments: [String], environment: (String) -> String?)
        throws(ConfigurationError) -> Invocation
    {
        if arguments.first == "pause" { return try readPause(arguments.dropFirst()) }
        if arguments.first == "check" {
            return try readCheck(arguments.dropFirst(), environment: environment)
        }
        var configuration = try read(environment: environment)
        if arguments.first == "log" {
            return .tool(try LogToolReader.read(arguments.dropFirst()), configuration)
        }
        if arguments.first == "backtest" {
            return .tool(try LogToolReader.readBacktest(arguments.dropFirst()), configuration)
        }
        if arguments.first == "explain" {
            return .tool(try LogToolReader.readExplain(arguments.dropFirst()), configuration)
        }
        if arguments.first == "diff" {
            return .tool(try LogToolReader.readDiff(arguments.dropFirst()), configuration)
        }
        var arguments = Arguments(arguments)
        while let argument = arguments.next() {
            let flag: String
            switch argument {
            case .flag(let text): flag = text
            case .operand(let text):
                throw ConfigurationError("\(text): unknown flag; --help lists them all")
            }
            if flag == "--help" || flag == "-h" { return .help }
            if flag == "--version" { return .version }
            guard let setting = Settings.all.first(where: { $0.flag == flag }) else {
                throw ConfigurationError("\(flag): unknown flag; --help lists them all")
            }
            guard let text = arguments.value() else {
                throw ConfigurationError(
                    "\(setting.flag): a value is missing; allowed is \(setting.allowed)")
            }
            try setting.set(text, in: &configuration, source: setting.flag)
        }
        try configuration.checkRelations()
        return .serve(configuration)
    }

    private static func read(
        environment: (String) -> String?
    ) throws(ConfigurationError) -> Configuration {
        var configuration = Configuration()
        for setting in Settings.all {
            // An empty variable is an unset one: manifests often leave them so.
            guard let text = environment(setting.name), !text.isEmpty else { continue }
            try setting.set(text, in: &configuration, source: setting.name)
        }
        return configuration
    }

    private static let pauseRange: ClosedRange<TimeSpan> = .milliseconds(1)...(.seconds(3600))

    private static func readPause(_ words: ArraySlice<String>)
        throws(ConfigurationError) -> Invocation
    {
        guard words.count == 1, let text = words.first, let span = Duration.parse(text),
            pauseRange.contains(span)
        else {
            throw ConfigurationError("pause: one length of time from 1ms to 1h is wanted, as in 5s")
        }
        return .pause(span)
    }

    private static func readCheck(
        _ words: ArraySlice<String>, environment: (String) -> String?
    ) throws(ConfigurationError) -> Invocation {
        let path = words.first ?? "/health"
        guard words.count <= 1, path.hasPrefix("/"), path.utf8.count <= 1024,
            path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else {
            throw ConfigurationError("check: one path is wanted, as in /ready")
        }
        var configuration = Configuration()
        for setting in [Settings.port, Settings.bind, Settings.certificate] {
            if let text = environment(setting.name), !text.isEmpty {
                try setting.set(text, in: &configuration, source: setting.name)
            }
        }
        let isAny = ["*", "0.0.0.0", "::"].contains(configuration.bindAddress)
        return .check(
            host: isAny ? "127.0.0.1" : configuration.bindAddress, port: configuration.port,
            path: path, isSecure: !configuration.certificateFile.isEmpty)
    }

    /// The text of `--help`: every setting with its flag, default, range and meaning.
    package static var help: String {
        var text = """
            tidemark: takes in load metrics over HTTP and says of every sample whether it is normal.

            usage: tidemark [--flag value] ...
                   tidemark check [/health]   asks the service on PORT of this machine for a path;
                                              exit status 0 when it answers 200 within 2 seconds
                   tidemark pause 5s          waits: a preStop hook where there is no shell
            \(LogTool.usage)
            Each setting is an environment variable and a flag; the flag wins.


            """
        for setting in Settings.all {
            let shown = setting.defaultText.isEmpty ? "empty" : setting.defaultText
            text += "  \(setting.name), \(setting.flag) (\(shown))\n"
            text += "      \(setting.meaning); allowed: \(setting.allowed)\n"
        }
        return text
    }
}

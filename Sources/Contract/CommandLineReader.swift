/// What the command line and the environment ask for.
package enum Invocation: Equatable {
    case serve(Configuration)
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
        var configuration = Configuration()
        for setting in Settings.all {
            // An empty variable is an unset one: manifests often leave them so.
            guard let text = environment(setting.name), !text.isEmpty else { continue }
            try setting.set(text, in: &configuration, source: setting.name)
        }
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--help" || argument == "-h" { return .help }
            if argument == "--version" { return .version }
            let parts = argument.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let setting = Settings.all.first(where: { $0.flag == parts[0] }) else {
                throw ConfigurationError("\(argument): unknown flag; --help lists them all")
            }
            guard let text = parts.count == 2 ? String(parts[1]) : rest.popFirst() else {
                throw ConfigurationError(
                    "\(setting.flag): a value is missing; allowed is \(setting.allowed)")
            }
            try setting.set(text, in: &configuration, source: setting.flag)
        }
        try configuration.checkRelations()
        return .serve(configuration)
    }

    /// The text of `--help`: every setting with its flag, default, range and meaning.
    package static var help: String {
        var text = """
            tidemark: takes in load metrics over HTTP and says of every sample whether it is normal.

            usage: tidemark [--flag value] ...

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

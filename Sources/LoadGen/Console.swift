internal import System
internal import Report

/// Where a command speaks to people: standard output, or standard error where standard output
/// carries the JSON of a result and must hold nothing else.
struct Console {
    private let usesError: Bool
    let isTerminal: Bool
    /// Colours where somebody sees them, unless NO_COLOR is set (https://no-color.org).
    let palette: Palette

    /// Whether nothing is said but what went wrong.
    let isQuiet: Bool

    init(outputIsData: Bool = false, isQuiet: Bool = false) {
        self.isQuiet = isQuiet
        usesError = outputIsData
        isTerminal =
            outputIsData ? StandardStreams.errorIsTerminal : StandardStreams.outputIsTerminal
        palette = Palette(isOn: isTerminal && (environmentVariable("NO_COLOR") ?? "").isEmpty)
    }

    func write(_ text: String) {
        if isQuiet { return }
        if usesError { StandardStreams.writeError(text) } else { StandardStreams.writeOutput(text) }
    }

    func writeLines(_ lines: [String]) {
        for line in lines { write(line + "\n") }
    }
}

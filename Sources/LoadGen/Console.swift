internal import System
internal import Report

/// Where a command speaks to people: standard output, or standard error where standard output carries
/// the JSON of a result and must hold nothing else.
struct Console {
    private let usesError: Bool
    let isTerminal: Bool
    /// Colours where somebody sees them, unless NO_COLOR is set (https://no-color.org).
    let palette: Palette

    init(outputIsData: Bool = false) {
        usesError = outputIsData
        isTerminal =
            outputIsData ? StandardStreams.errorIsTerminal : StandardStreams.outputIsTerminal
        palette = Palette(isOn: isTerminal && (environmentVariable("NO_COLOR") ?? "").isEmpty)
    }

    func write(_ text: String) {
        if usesError { StandardStreams.writeError(text) } else { StandardStreams.writeOutput(text) }
    }

    func writeLines(_ lines: [String]) {
        for line in lines { write(line + "\n") }
    }
}

internal import System
internal import Options

/// A server's process on this machine, whose processor time is measured beside the load.
struct ServerProcess {
    /// The kernel counts processor time in hundredths of a second.
    private static let ticksPerSecond = 100.0
    /// The two counts behind the name of the program, which stands in brackets and may hold blanks.
    private static let userField = 11
    private static let systemField = 12

    private let number: Int

    /// Reads `--server-pid`; nil where it isn't given.
    init?(_ options: inout Options) throws(OptionError) {
        guard options.isSet("--server-pid") else { return nil }
        number = try options.integer("--server-pid", 1, in: 1...4_194_304)
        guard processorSeconds != nil else {
            throw OptionError("--server-pid: there is no process \(number) on this machine")
        }
    }

    /// Processor time that it has used so far; nil when it is gone.
    var processorSeconds: Double? {
        guard let bytes = try? Files.read("/proc/\(number)/stat") else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let bracket = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        guard fields.count > ServerProcess.systemField,
            let user = Double(fields[ServerProcess.userField]),
            let system = Double(fields[ServerProcess.systemField])
        else { return nil }
        return (user + system) / ServerProcess.ticksPerSecond
    }
}

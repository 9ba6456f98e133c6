internal import Bytes
internal import System
internal import Options
internal import Signals

/// `synthetic generate`: writes a suite's series and, apart from them, their events.
struct GenerateCommand {
    private let suite: Suite
    private let seed: UInt64
    private let folder: String

    init(_ options: inout Options) throws(OptionError) {
        let names = Suite.all.map(\.name).joined(separator: ", ")
        let name = try options.required("--suite", "one of \(names)")
        guard let suite = Suite.named(name) else {
            throw OptionError("--suite: \"\(name)\" is not allowed; allowed is \(names)")
        }
        self.suite = suite
        seed = UInt64(try options.integer("--seed", 1, in: 0...Int.max))
        folder = try options.required("--out", "the folder to write to")
    }

    func run() throws(CommandError) {
        let series = suite.series(seed: seed)
        do throws(FileError) {
            try Files.makeFolder(folder)
            for one in series {
                var text = ByteBuffer(limit: Files.sizeLimit)
                SeriesFile.samplesText(one, into: &text)
                try Files.write("\(folder)/\(one.name).csv", text.readable)
                text.removeAll()
                SeriesFile.eventsText(one, into: &text)
                try Files.write("\(folder)/\(one.name).events.csv", text.readable)
            }
        } catch {
            throw CommandError(error.description)
        }
        let samples = series.reduce(0) { $0 + $1.samples.count }
        let events = series.reduce(0) { $0 + $1.events.count }
        StandardStreams.writeOutput(
            "\(suite.name) suite, seed \(seed): \(series.count) series, \(samples) samples, "
                + "\(events) events (\(suite.meaning)) in \(folder)\n")
    }
}

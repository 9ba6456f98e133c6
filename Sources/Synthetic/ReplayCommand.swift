internal import Bytes
internal import Options
internal import Scoring
internal import Signals
internal import System

/// `synthetic replay`: sends series through a running service and keeps what it says.
struct ReplayCommand {
    private static let retryLimit = 100
    /// Their waits together are longer than a service takes to come back.
    private static let standardRetries = 10

    let target: ServiceURL
    private let data: String
    private let verdicts: String
    private let batchSize: Int
    let devicePrefix: String
    let token: String
    let timeout: TimeSpan
    /// How often a batch is sent again at most; 0 sends it once, without a key.
    let retries: Int

    init(_ options: inout Options) throws(OptionError) {
        target = try ServiceURL(
            try options.required("--target", "http://host:port"), flag: "--target")
        guard !target.isSecure else {
            throw OptionError("--target: https is not served here; allowed is http")
        }
        data = try options.required("--data", "a CSV file or a folder of them")
        verdicts = try options.required("--out", "the file to write verdicts to")
        batchSize = try options.integer("--batch", 500, in: 1...10_000)
        devicePrefix = options.text("--device-prefix") ?? ""
        token = options.text("--token") ?? ""
        timeout = .seconds(try options.seconds("--timeout", 30, in: 0.01...600))
        retries = try options.integer(
            "--retries", ReplayCommand.standardRetries, in: 0...ReplayCommand.retryLimit)
    }

    func run() throws(CommandError) {
        let series = try DataFolder.load(data)
        var output = ByteBuffer(limit: Files.sizeLimit)
        output.append(VerdictFile.header)
        var sender = try ReplaySender(self)
        var missing: [(name: String, count: Int)] = []
        for one in series {
            let count = try replay(one, with: &sender, into: &output)
            if count > 0 { missing.append((one.name, count)) }
        }
        do throws(FileError) { try Files.write(verdicts, output.readable) } catch {
            throw CommandError(error.description)
        }
        let samples = series.reduce(0) { $0 + $1.samples.count }
        let retried = sender.retries > 0 ? ", \(sender.retries) retries" : ""
        StandardStreams.writeOutput(
            "\(series.count) series, \(samples) samples\(retried): \(verdicts)\n")
        if !missing.isEmpty { StandardStreams.writeError(ReplayCommand.text(of: missing)) }
    }

    private static func text(of missing: [(name: String, count: Int)]) -> String {
        let count = missing.reduce(0) { $0 + $1.count }
        let names = missing.map { "\($0.count) of \($0.name)" }.joined(separator: ", ")
        return "synthetic: samples without a verdict in the file: \(count), stored at an earlier "
            + "attempt, whose answer was lost: \(names)\n"
    }

    /// - Returns: samples that were stored and whose verdicts nobody has.
    private func replay(
        _ series: LabelledSeries, with sender: inout ReplaySender, into output: inout ByteBuffer
    ) throws(CommandError) -> Int {
        var missing = 0
        var start = 0
        while start < series.samples.count {
            let end = min(series.samples.count, start + batchSize)
            let answer = try sender.send(series, start..<end)
            let verdicts = answer.batch.verdicts
            let repeated = answer.note.isRepeat ? end - start - verdicts.count : 0
            guard answer.batch.rejected == 0, verdicts.count + repeated == end - start,
                repeated == answer.note.duplicates ?? repeated
            else {
                throw CommandError(
                    "\(series.name): of samples \(start) to \(end - 1) the service rejected "
                        + "\(answer.batch.rejected), gave verdicts on \(verdicts.count) and called "
                        + "\(answer.note.duplicates ?? repeated) repeated")
            }
            var next = 0
            for (index, judgment) in verdicts {
                guard index >= next, index < end - start else {
                    throw CommandError(
                        "\(series.name): a verdict on a sample that was not sent, or a second one")
                }
                next = index + 1
                VerdictFile.append(series, at: start + index, judgment, to: &output)
            }
            missing += repeated
            start = end
        }
        return missing
    }
}

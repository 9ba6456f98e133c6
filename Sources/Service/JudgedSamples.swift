internal import Bytes
internal import Detection
internal import SeriesLog
internal import Store
internal import System
internal import Wire

/// What a build says of every sample of a file: as text, and compared with what another build says.
enum JudgedSamples {
    private static let header =
        "alert,is_anomaly,reason,sequence,timestamp,value,z_score,cpu_z_score,score,expected,"
        + "lower,upper,rolling_average,std_dev,device_id"
    private static let blockBytes = 1 << 20

    private static func append(
        _ verdict: Verdict, of sample: Sample, device: [UInt8], to output: inout ByteBuffer
    ) {
        output.append(verdict.alert ? "1," : "0,")
        output.append(verdict.isAnomaly ? "1," : "0,")
        output.append(verdict.reason.word)
        output.append(",")
        output.append(integer: verdict.sequence)
        for number in [
            sample.timestamp, sample.rps, verdict.zScore, verdict.cpuZScore, verdict.score,
            verdict.expected, verdict.lower, verdict.upper, verdict.rollingAverage,
            verdict.standardDeviation,
        ] {
            output.append(",")
            output.append(number: number)
        }
        output.append(",")
        output.append(jsonString: String(decoding: device, as: UTF8.self))
        output.append("\n")
    }

    /// Writes a line for each sample to standard output.
    static func write(_ archives: [SeriesArchive], _ timeToLive: Int) throws(ArchiveError) {
        var output = ByteBuffer(limit: 2 * blockBytes)
        output.append(text: header + "\n")
        for archive in archives {
            try archive.judge(timeToLive: timeToLive) { name, sample, verdict in
                append(verdict, of: sample, device: name, to: &output)
                guard output.count >= blockBytes else { return }
                StandardStreams.writeOutput(output.readable)
                output.removeAll()
            }
        }
        StandardStreams.writeOutput(output.readable)
    }

    // MARK: Comparison

    struct Comparison {
        var fleet = Backtest.Outcome()
        var devices = Backtest.Outcome()
        var changed: [(name: [UInt8], outcome: Backtest.Outcome)] = []
        var samples = 0
        var differing = 0
        /// The first lines that differ.
        var first: (own: String, other: String)?

        fileprivate mutating func add(_ outcome: Backtest.Outcome, of name: [UInt8]) {
            guard !name.isEmpty else { return fleet = outcome }
            devices.add(outcome)
            if outcome.isChanged { changed.append((name, outcome)) }
        }
    }

    /// Alerts of the series that is read now.
    private struct Series {
        var name: [UInt8] = []
        var samples = 0
        var own: [Int] = []
        var other: [Int] = []

        var outcome: Backtest.Outcome {
            Backtest.Outcome(samples: samples, before: other, after: own)
        }
    }

    /// Compares, line by line, with what another build says of the same file.
    /// - Parameter program: is started as `PROGRAM log judge PATH`.
    static func compare(
        _ archive: SeriesArchive, at path: String, with program: String, _ timeToLive: Int
    ) throws(ArchiveError) -> Comparison {
        var child: ChildProcess
        do throws(SystemError) {
            child = try ChildProcess(program, ["log", "judge", path])
        } catch {
            throw ArchiveError("\(program): \(error)")
        }
        var lines = Lines(child.takeLines(blockBytes: blockBytes, name: program))
        guard lines.next() == Array(header.utf8) else {
            lines.skipRest()
            _ = child.wait()
            throw ArchiveError("\(program): it has no log judge, or one in another form")
        }
        var found = Comparison()
        var series = Series()
        var line = ByteBuffer(limit: 1 << 16)
        try archive.judge(timeToLive: timeToLive) { name, sample, verdict in
            if name != series.name {
                found.add(series.outcome, of: series.name)
                series = Series(name: name)
            }
            line.removeAll()
            append(verdict, of: sample, device: name, to: &line)
            let own = Array(line.readable).dropLast()
            let other = lines.next() ?? []
            series.samples += 1
            if verdict.alert { series.own.append(series.samples) }
            if other.first == UInt8(ascii: "1") { series.other.append(series.samples) }
            found.samples += 1
            guard own != other[...] else { return }
            found.differing += 1
            if found.first == nil {
                found.first = (
                    String(decoding: own, as: UTF8.self), String(decoding: other, as: UTF8.self)
                )
            }
        }
        found.add(series.outcome, of: series.name)
        let isLonger = lines.next() != nil
        lines.skipRest()
        let status = child.wait()
        guard status == 0, !isLonger, lines.fault == nil else {
            throw ArchiveError(
                "\(program): "
                    + (isLonger
                        ? "it judged more samples" : lines.fault ?? "it ended with \(status)"))
        }
        return found
    }

    /// One line after the other.
    private struct Lines: ~Copyable {
        private var reader: LineReader?
        private var block: [UInt8] = []
        private var start = 0
        private(set) var fault: String?

        init(_ reader: consuming LineReader?) { self.reader = reader }

        /// Lets the other side come to its end.
        mutating func skipRest() { while next() != nil {} }

        /// - Returns: without its end; nil when there is none.
        mutating func next() -> [UInt8]? {
            if start >= block.count {
                do throws(FileError) {
                    guard let more = try reader?.next() else { return nil }
                    block = more
                    start = 0
                } catch {
                    fault = error.description
                    return nil
                }
            }
            let end = block[start...].firstIndex(of: UInt8(ascii: "\n")) ?? block.count
            defer { start = end + 1 }
            return Array(block[start..<end])
        }
    }
}

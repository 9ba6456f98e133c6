internal import Bytes
internal import Detection
internal import HTTP
internal import SeriesLog
internal import Store
internal import System
internal import Wire

/// `tidemark log` and `tidemark backtest`: what is in a file of series.
enum FileTools {
    /// Devices that a backtest lists.
    private static let listedDevices = 20
    /// What an import takes in at once, and what an export writes at once.
    private static let blockBytes = 1 << 20

    /// - Returns: the exit status: 0 when all is well, 1 when it is not, or cannot be told.
    static func run(_ tool: LogTool, _ configuration: Configuration) -> Int32 {
        do throws(ArchiveError) {
            switch tool {
            case .stats(let place):
                for archive in try open(place, configuration) { try stats(archive) }
            case .export(let place, let device, let format):
                try export(
                    open(place, configuration), of: device, as: format, configuration)
            case .importFrom(let path, let source):
                try refuseRedis(path, "send the samples to the service")
                return try take(path, from: source, configuration)
            case .verify(let place): return try verify(open(place, configuration), configuration)
            case .backup(let place, let copy):
                let archives = try open(place, configuration)
                guard archives.count == 1 else {
                    throw ArchiveError(
                        "a Redis Cluster has \(archives.count) logs, and a file has one")
                }
                try archives[0].backup(to: copy)
                say("\(copy): \(FileIdentity.bytes(copy)) bytes")
            case .compact(let path):
                try refuseRedis(path, "it has no file to be made smaller")
                let (before, after) = try SeriesArchive.compact(path)
                say("\(path): \(before) bytes before, \(after) now")
            case .recover(let path, let copy):
                try refuseRedis(path, "tidemark log backup makes a copy of it")
                for count in try SeriesRecovery.recover(path, to: copy) {
                    say(
                        "\(count.table): \(count.copied) rows copied, \(count.damaged) damaged, "
                            + "\(count.holes) holes")
                }
            case .judge(let place):
                try JudgedSamples.write(open(place, configuration), timeToLive(configuration))
            case .diff(let path, let program):
                try refuseRedis(
                    path, "make a copy with tidemark log backup: both builds read the same then")
                return try diff(path, with: program, configuration)
            case .explain(let place, let device, let sequence):
                let name = device.isEmpty ? nil : Array(device.utf8)
                let archive = try archive(with: name, of: open(place, configuration))
                let told = try archive.explain(
                    sequence, of: name, timeToLive: timeToLive(configuration))
                for line in ExplanationLines(told).lines { say(line) }
            case .backtest(let place, let changes):
                try backtest(open(place, configuration), with: changes, configuration)
            }
            return 0
        } catch {
            StandardStreams.writeError("tidemark \(tool.name): \(error.description)\n")
            return 1
        }
    }

    private static func say(_ line: String) { StandardStreams.writeOutput(line + "\n") }

    /// The logs of a file (one), or of a Redis.
    private static func open(
        _ place: String, _ configuration: Configuration
    ) throws(ArchiveError) -> [SeriesArchive] {
        // Both remember as many, whatever STORE says of this process.
        let keys = configuration.idempotencyKeys ?? Configuration.redisKeys
        if let location = try redis(place) {
            return try SeriesArchive.copies(
                of: location, configuration, keyLimit: keys, judge: FoldParameters(configuration))
        }
        return [try SeriesArchive(path: place, keyLimit: keys)]
    }

    /// Where the place is a Redis: where that is. What looks like a location, and is none, is no
    /// path either.
    private static func redis(_ place: String) throws(ArchiveError) -> RedisLocation? {
        if case .redis(let location) = StoreLocation(place) { return location }
        guard place.contains("://") else { return nil }
        throw ArchiveError(
            "it is no location that is allowed: PATH, file:PATH, \(RedisLocation.allowed)")
    }

    private static func refuseRedis(
        _ place: String, _ instead: String
    ) throws(ArchiveError) {
        guard try redis(place) == nil else {
            throw ArchiveError("this works on a file, not on Redis: \(instead)")
        }
    }

    private static func timeToLive(_ configuration: Configuration) -> Int {
        Int(configuration.seriesTimeToLive.milliseconds)
    }

    // MARK: Tools

    private static func stats(_ archive: SeriesArchive) throws(ArchiveError) {
        let found = try archive.statistics()
        say("log                  \(archive.name)")
        let kept = found.keptSamples + found.keptFleetSamples
        say("devices              \(found.devices), \(found.liveDevices) of them go on")
        say("file                 \(found.fileBytes) bytes")
        say("samples in the log   \(found.logSamples)")
        say("samples beside it    \(found.keptFleetSamples), \(found.keptSamples) of devices")
        say("chunks               \(found.chunks), \(found.chunkBytes) bytes")
        say("folds                \(found.folds), \(found.foldBytes) bytes")
        if kept > 0 {
            let each = Double(found.chunkBytes + found.foldBytes) / Double(max(1, kept))
            say("bytes for a sample   \(Double(Int(each * 100)) / 100) in each of its series")
            var time = ByteBuffer(limit: 64)
            time.append(httpDate: found.oldest / 1000)
            say("oldest arrival       \(String(decoding: Array(time.readable), as: UTF8.self))")
        }
        say("damaged rows         \(found.damaged)")
    }

    private static func export(
        _ archives: [SeriesArchive], of device: String?, as format: LogTool.Format,
        _ configuration: Configuration
    ) throws(ArchiveError) {
        var output = ByteBuffer(limit: 2 * blockBytes)
        func line(_ sample: Sample, _ name: [UInt8], isDeviceOnly: Bool) {
            switch format {
            case .ndjson: output.append(sample, device: name.span, isValue: isDeviceOnly)
            case .csv:
                output.append(number: sample.timestamp)
                output.append(",")
                output.append(number: sample.rps)
            }
            output.append("\n")
            if output.count >= blockBytes { write(&output) }
        }
        if format == .csv { output.append("timestamp,value\n") }
        if format == .ndjson, device == nil {
            guard archives.count == 1 else {
                throw ArchiveError(
                    "a Redis Cluster has \(archives.count) logs without a common order: name a "
                        + "--device, or --format csv for the fleet")
            }
            try archives[0].forEachSample { name, sample, isDeviceOnly in
                line(sample, name, isDeviceOnly: isDeviceOnly)
            }
        } else {
            let name = device.map { Array($0.utf8) }
            try archive(with: name, of: archives).forEachSample(
                of: name, timeToLive: timeToLive(configuration)
            ) { sample, isDeviceOnly in
                line(sample, name ?? [], isDeviceOnly: isDeviceOnly)
            }
        }
        write(&output)
    }

    /// The log that has a device's series, or the fleet's.
    private static func archive(
        with name: [UInt8]?, of archives: [SeriesArchive]
    ) throws(ArchiveError) -> SeriesArchive {
        for archive in archives where try archive.has(name) { return archive }
        let text = name.map { "device \(String(decoding: $0, as: UTF8.self))" } ?? "fleet"
        throw ArchiveError("\(archives[0].name): no \(text)")
    }

    private static func write(_ output: inout ByteBuffer) {
        StandardStreams.writeOutput(output.readable)
        output.removeAll()
    }

    private static func take(
        _ path: String, from source: String?, _ configuration: Configuration
    ) throws(ArchiveError) -> Int32 {
        let file = try SeriesImport(path: path, configuration, FoldParameters(configuration))
        var lines = try reader(source)
        var stored = 0
        var bad = 0
        let now = Double(Clock.unixNanoseconds() / 1_000_000_000)
        while let block = try next(&lines) {
            let (count, rejected) = try file.append(block.span, now: now)
            stored += count
            bad += rejected
        }
        say("\(path): \(stored) samples stored, \(bad) bad")
        return bad == 0 ? 0 : 1
    }

    private static func reader(_ source: String?) throws(ArchiveError) -> LineReader {
        do throws(FileError) {
            return try LineReader(source, blockBytes: blockBytes)
        } catch {
            throw ArchiveError(error.description)
        }
    }

    private static func next(_ lines: inout LineReader) throws(ArchiveError) -> [UInt8]? {
        do throws(FileError) {
            return try lines.next()
        } catch {
            throw ArchiveError(error.description)
        }
    }

    private static func verify(
        _ archives: [SeriesArchive], _ configuration: Configuration
    ) throws(ArchiveError) -> Int32 {
        var found = SeriesArchive.Verification()
        for archive in archives {
            found.add(
                try archive.verify(
                    archive.parameters(), timeToLive: timeToLive(configuration)))
        }
        for line in found.differences.prefix(listedDevices) { say(line) }
        say(
            "\(found.series) series, \(found.samples) samples, \(found.folds) folds made again, "
                + "\(found.differences.count) differ, \(found.damaged) rows damaged"
                + (found.partial > 0 ? "; \(found.partial) series have lost their beginning" : ""))
        return found.isGood ? 0 : 1
    }

    private static func backtest(
        _ archives: [SeriesArchive], with changes: BacktestChanges,
        _ configuration: Configuration
    ) throws(ArchiveError) {
        let start = Clock.now()
        var fleet = Backtest.Outcome()
        var total = Backtest.Outcome()
        var rows: [(name: [UInt8], outcome: Backtest.Outcome)] = []
        for archive in archives {
            let before = try archive.parameters()
            try archive.backtest(
                from: before, to: changes.applied(to: before),
                timeToLive: timeToLive(configuration)
            ) { name, outcome in
                guard !name.isEmpty else { return fleet = outcome }
                total.add(outcome)
                if outcome.isChanged { rows.append((name, outcome)) }
            }
        }
        let seconds = (Clock.now() - start).seconds
        table("alerts before | after", fleet: fleet, total: total, rows: rows)
        let samples = fleet.samples + total.samples
        say("\n\(samples) samples folded twice, in \(Double(Int(seconds * 100)) / 100) s.")
    }

    /// Alerts that come, go or move: of the fleet, of all devices, and of those that change most.
    /// - Parameter titles: of the two counts of alerts.
    private static func table(
        _ titles: String, fleet: Backtest.Outcome, total: Backtest.Outcome,
        rows: [(name: [UInt8], outcome: Backtest.Outcome)]
    ) {
        say("| series | samples | \(titles) | new | gone | moved |")
        say("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        say("| the fleet | \(fleet.cells) |")
        say("| all devices | \(total.cells) |")
        let sorted = rows.sorted { left, right in
            let (one, other) = (left.outcome.changes, right.outcome.changes)
            return one == other ? left.name.lexicographicallyPrecedes(right.name) : one > other
        }
        for row in sorted.prefix(listedDevices) {
            say("| \(String(decoding: row.name, as: UTF8.self)) | \(row.outcome.cells) |")
        }
        if rows.count > listedDevices {
            say("\n\(rows.count - listedDevices) more devices change.")
        }
    }

    private static func diff(
        _ path: String, with program: String, _ configuration: Configuration
    ) throws(ArchiveError) -> Int32 {
        let archives = try open(path, configuration)
        let found = try JudgedSamples.compare(
            archives[0], at: path, with: program, timeToLive(configuration))
        table(
            "alerts of the other | here", fleet: found.fleet, total: found.devices,
            rows: found.changed)
        say("\n\(found.samples) samples judged by both, \(found.differing) verdicts differ.")
        if let first = found.first { say("\nthe first: \(first.own)\n    other: \(first.other)") }
        return found.differing == 0 ? 0 : 1
    }
}

extension Backtest.Outcome {
    fileprivate var changes: Int { new + gone + moved }
    fileprivate var cells: String {
        "\(samples) | \(before) | \(after) | \(new) | \(gone) | \(moved)"
    }
}

internal import Bytes
package import Detection
package import SeriesLog
internal import System

/// What the tools find in a file.
extension SeriesArchive {
    // MARK: Statistics

    package struct Statistics: Sendable {
        package var liveDevices = 0
        package var devices = 0
        package var fileBytes = 0
        package var logSamples = 0
        /// Samples that have left the log; those of the fleet's series are counted apart.
        package var keptSamples = 0
        package var keptFleetSamples = 0
        package var chunks = 0
        package var chunkBytes = 0
        package var folds = 0
        package var foldBytes = 0
        /// Arrival of the oldest sample that is kept, in Unix milliseconds; 0 for none.
        package var oldest = 0
        package var damaged = 0
    }

    package func statistics() throws(ArchiveError) -> Statistics {
        var found = Statistics()
        let devices = try devices()
        found.devices = devices.count
        found.liveDevices = devices.count(where: \.isLive)
        found.fileBytes = FileIdentity.bytes(name) + FileIdentity.bytes(name + "-wal")
        found.logSamples = replay.samples.count
        try asked { () throws(FileFault) in
            func numbers(_ question: String, _ count: Int32) throws(FileFault) -> [Int] {
                let statement = try database.prepare(question)
                defer { statement.reset() }
                guard try statement.next() else { return [] }
                return (0..<count).map { statement.integer($0) }
            }
            let chunks = try numbers(
                "SELECT count(*), sum(length(bytes)), min(last), sum(count), "
                    + "sum(CASE WHEN series = 0 THEN count ELSE 0 END) FROM history", 5)
            found.chunks = chunks[0]
            found.chunkBytes = chunks[1]
            found.oldest = chunks[2]
            found.keptFleetSamples = chunks[4]
            found.keptSamples = chunks[3] - chunks[4]
            let folds = try numbers("SELECT count(*), sum(length(bytes)) FROM folds", 2)
            found.folds = folds[0]
            found.foldBytes = folds[1]
        }
        found.damaged = damaged
        return found
    }

    // MARK: Verification

    package struct Verification: Sendable {
        package var series = 0
        package var samples = 0
        /// Folds that were made again and compared.
        package var folds = 0
        /// Series whose beginning is gone: their folds cannot be made again.
        package var partial = 0
        package var differences: [String] = []
        package var damaged = 0

        package var isGood: Bool { differences.isEmpty && damaged == 0 }

        package init() {}

        /// Adds what was found in another log.
        package mutating func add(_ other: Verification) {
            series += other.series
            samples += other.samples
            folds += other.folds
            partial += other.partial
            differences += other.differences
            damaged += other.damaged
        }
    }

    /// Folds every series from its beginning, and compares with each fold that is kept.
    /// - Parameter timeToLive: SERIES_TTL in milliseconds.
    package func verify(
        _ parameters: FoldParameters, timeToLive: Int
    ) throws(ArchiveError) -> Verification {
        var found = Verification()
        for device in try series() {
            found.series += 1
            try verify(device, parameters, timeToLive: timeToLive, into: &found)
        }
        found.damaged = damaged + replay.damaged
        return found
    }

    private func verify(
        _ device: Device, _ parameters: FoldParameters, timeToLive: Int,
        into found: inout Verification
    ) throws(ArchiveError) {
        var folds = try folds(of: device.series)[...]
        var isWhole = false
        var fold = SeriesFold(parameters)
        var samples = 0
        var compared = 0
        var differences: [String] = []
        /// Compares the folds as of entries before this one.
        func compare(before entry: UInt64) {
            while let next = folds.first, next.asOf < entry {
                folds.removeFirst()
                guard isWhole, next.decoded(parameters) != nil else { continue }
                compared += 1
                guard fold.encode(parameters) != next.fold else { continue }
                differences.append(
                    "\(device.text): the fold as of entry \(next.asOf) is not that of its samples")
            }
        }
        try read(device.series, name: device.name, timeToLive: timeToLive) { step in
            switch step {
            case .begins(let whole, let start):
                isWhole = whole
                if !whole { found.partial += 1 }
                var fresh = start?.decoded(parameters) ?? SeriesFold(parameters)
                swap(&fold, &fresh)
            case .sample(let record):
                compare(before: record.entry)
                samples += 1
                _ = fold.fold(record.sample, parameters, at: record.came)
            }
        }
        compare(before: .max)
        found.samples += samples
        found.folds += compared
        found.differences += differences
    }

    private func folds(
        of series: Int
    ) throws(ArchiveError) -> [CheckpointCoding.FoldElement] {
        try asked { () throws(FileFault) in
            let rows = try database.prepare(
                "SELECT crc, bytes FROM folds WHERE series = ?1 ORDER BY entry")
            rows.bind(1, series)
            var folds: [CheckpointCoding.FoldElement] = []
            while try rows.next() {
                if let element = checked(rows, 0).flatMap({ CheckpointCoding.FoldElement($0) }) {
                    folds.append(element)
                }
            }
            return folds
        }
    }

    // MARK: Backtest

    /// What other settings would have made of the samples.
    /// - Parameters:
    ///   - timeToLive: SERIES_TTL in milliseconds.
    ///   - take: told of each series; the fleet's has no name.
    package func backtest(
        from before: FoldParameters, to after: FoldParameters, timeToLive: Int,
        _ take: (_ name: [UInt8], _ outcome: Backtest.Outcome) -> Void
    ) throws(ArchiveError) {
        for device in try series() {
            var test = Backtest(before: before, after: after)
            try read(device.series, name: device.name, timeToLive: timeToLive) { step in
                switch step {
                case .begins: test.restart()
                case .sample(let record): test.take(record)
                }
            }
            take(device.name, test.outcome)
        }
    }

    /// What this build says of every sample, with the settings that judged last.
    /// - Parameters:
    ///   - timeToLive: SERIES_TTL in milliseconds.
    ///   - take: told of each sample, series by series; the fleet's has no name.
    package func judge(
        timeToLive: Int, _ take: (_ name: [UInt8], _ sample: Sample, _ verdict: Verdict) -> Void
    ) throws(ArchiveError) {
        let parameters = try parameters()
        for device in try series() {
            var fold = SeriesFold(parameters)
            try read(device.series, name: device.name, timeToLive: timeToLive) { step in
                switch step {
                case .begins(_, let start):
                    var fresh = start?.decoded(parameters) ?? SeriesFold(parameters)
                    swap(&fold, &fresh)
                case .sample(let record):
                    take(
                        device.name, record.sample,
                        fold.fold(record.sample, parameters, at: record.came))
                }
            }
        }
    }

    // MARK: Explanations

    /// A sample with why it was judged so, and those before it.
    package struct Explained {
        package let device: [UInt8]?
        package let explanation: Explanation
        /// Oldest first; the last one is the sample itself.
        package var course: [(sample: Sample, verdict: Verdict)]
    }

    /// Samples of an explained one's course, itself included.
    private static let courseLength = 40

    /// Why a sample was judged so, with the settings that judged last. Where the series began anew,
    /// it is the last one of that number.
    /// - Parameters:
    ///   - device: nil for the fleet's series.
    ///   - timeToLive: SERIES_TTL in milliseconds.
    package func explain(
        _ sequence: Int, of device: [UInt8]?, timeToLive: Int
    ) throws(ArchiveError) -> Explained {
        let parameters = try parameters()
        let name = device ?? []
        guard let known = try series().first(where: { $0.name == name }) else {
            throw ArchiveError("\(self.name): no such series")
        }
        var fold = SeriesFold(parameters)
        var isKnown = false
        var found: Explained?
        var course: [(sample: Sample, verdict: Verdict)] = []
        try read(known.series, name: name, timeToLive: timeToLive) { step in
            switch step {
            case .begins(let isWhole, let start):
                let before = start?.decoded(parameters)
                isKnown = isWhole || before != nil
                var fresh = before ?? SeriesFold(parameters)
                swap(&fold, &fresh)
                course = []
            case .sample(let record):
                guard isKnown else { return }
                if fold.count + 1 == sequence {
                    let explanation = fold.explain(record.sample, parameters, at: record.came)
                    course.append((record.sample, explanation.verdict))
                    found = Explained(device: device, explanation: explanation, course: course)
                } else {
                    let verdict = fold.fold(record.sample, parameters, at: record.came)
                    course.append((record.sample, verdict))
                }
                if course.count == SeriesArchive.courseLength { course.removeFirst() }
            }
        }
        guard let found else {
            throw ArchiveError(
                "\(self.name): there is no sample \(sequence) of this series whose past is known")
        }
        return found
    }

    // MARK: Copies

    /// Copies the file as it is now, also while the service writes it.
    package func backup(to copy: String) throws(ArchiveError) {
        guard FileIdentity(copy) == nil else {
            throw ArchiveError("\(copy): there is such a file already")
        }
        try asked { () throws(FileFault) in
            try database.run("COMMIT; PRAGMA query_only = OFF")
            let quoted = copy.split(separator: "'", omittingEmptySubsequences: false)
            try database.run("VACUUM INTO '\(quoted.joined(separator: "''"))'")
        }
    }

    /// Gives the file's empty pages back to the disk. No service may have it.
    package static func compact(_ path: String) throws(ArchiveError) -> (before: Int, after: Int) {
        let archive = try SeriesArchive(path: path, keyLimit: 0)
        let lock: FileLock?
        do throws(FileError) {
            lock = try FileLock.take(path + ".lock")
        } catch {
            throw ArchiveError(error.description)
        }
        guard lock != nil else { throw ArchiveError("\(path): a service has it; stop it first") }
        let before = FileIdentity.bytes(path)
        try archive.asked { () throws(FileFault) in
            try archive.database.run(
                "COMMIT; PRAGMA query_only = OFF; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
        }
        _ = lock
        return (before, FileIdentity.bytes(path))
    }
}

extension SeriesArchive.Device {
    var text: String { name.isEmpty ? "the fleet" : String(decoding: name, as: UTF8.self) }
}

internal import Bytes
internal import Detection
internal import SeriesLog
internal import System
internal import Wire

/// The samples that a file keeps beside its log, for the thread that reads them.
final class FileArchive: HistoryArchive {
    private let path: String
    private let settings: LogFileSettings
    private let metrics: FileMetrics
    private var file: HistoryFile?
    private var identity: FileIdentity?

    init(path: String, _ settings: LogFileSettings, _ metrics: FileMetrics) {
        self.path = path
        self.settings = settings
        self.metrics = metrics
    }

    func answer(_ query: SeriesQuery, _ tail: TailHistory) -> HistoryOutcome {
        if FileIdentity(path) != identity { file = nil }
        do throws(FileFault) {
            let open = try opened()
            let before = open.damaged
            defer { metrics.add(open.damaged - before, .damaged) }
            return .answered(try open.answer(query, tail))
        } catch {
            file = nil
            return .failed(error.failure)
        }
    }

    private func opened() throws(FileFault) -> HistoryFile {
        if let file { return file }
        identity = FileIdentity(path)
        let opened = try HistoryFile(path: path, settings)
        file = opened
        return opened
    }
}

/// Reads samples that have left the log, beside whoever writes the file, and folds them again.
/// One thread at a time uses it.
final class HistoryFile {
    private let database: Database
    private let tables: HistoryTables
    private let begin, end, findName, readFact, readList: Statement
    private let parameters: FoldParameters
    private let judge: String
    private let timeToLive: Int
    /// Rows that were found damaged.
    private(set) var damaged = 0

    init(path: String, _ settings: LogFileSettings) throws(FileFault) {
        database = try Database(path: path)
        try database.run("PRAGMA cache_size = -4096")
        tables = try HistoryTables(database)
        begin = try database.prepare("BEGIN")
        end = try database.prepare("COMMIT")
        findName = try database.prepare("SELECT series FROM names WHERE name = ?1")
        readFact = try database.prepare("SELECT crc, bytes FROM facts WHERE name = ?1")
        readList = try database.prepare(
            "SELECT crc, bytes FROM checkpoints WHERE series = ?1 ORDER BY place")
        parameters = settings.parameters
        timeToLive = Int(settings.timeToLive.milliseconds)
        judge = FoldJudges.name(of: parameters)
    }

    /// What the question is answered with.
    /// - Parameter tail: what the log holds of the series.
    func answer(_ query: SeriesQuery, _ tail: TailHistory) throws(FileFault) -> Answer {
        try begin.run()
        defer { try? end.run() }
        var scan = HistoryScan(query, parameters)
        try read(query, tail, into: &scan)
        return scan.answer()
    }

    /// Chunks of a life of a series, up to where the log begins, and its checkpoint.
    private struct Place {
        let series: Int
        let life: Int
        let end: UInt64
        let start: HistoryStart
        let judges: FoldJudges
    }

    private func read(
        _ query: SeriesQuery, _ tail: TailHistory, into scan: inout HistoryScan
    ) throws(FileFault) {
        let judges = FoldJudges(try fact("judges") ?? [])
        let place = try place(of: query.device, tail, judges)
        let lives = HistoryPart.lives(
            of: tail.parts, after: place.last,
            timeToLive: query.device == nil ? nil : timeToLive)
        let records = lives.last?.records ?? []
        var through: UInt64 = 0
        if let place = place.place, !(lives.last?.isNew ?? false) {
            through = try read(place, query, tail: records, into: &scan)
        }
        // The file may be newer than what was read of the log: a trim may have come between.
        take(records.drop { $0.entry <= through }, judges, into: &scan)
    }

    private func take(
        _ records: some Sequence<HistoryRecord>, _ judges: FoldJudges, into scan: inout HistoryScan
    ) {
        for record in records {
            if scan.isComplete || scan.isTooLong { return }
            scan.take(
                record.sample, at: record.came,
                isRefolded: judges.differs(from: judge, at: record.entry))
        }
    }

    /// Where the series' samples are that have left the log, and when the last of them came.
    private func place(
        of device: [UInt8]?, _ tail: TailHistory, _ judges: FoldJudges
    ) throws(FileFault) -> (place: Place?, last: Int?) {
        guard let series = try number(of: device) else { return (nil, nil) }
        let start = HistoryStart(try checkpoint(of: series), birth: tail.birth)
        guard let chunk = try tables.lastChunk(of: series, before: tail.first) else {
            let last = start.lastArrival
            return (
                last == nil
                    ? nil
                    : Place(series: series, life: 0, end: tail.first, start: start, judges: judges),
                last
            )
        }
        guard chunk.life > 0 else { return (nil, nil) }
        let place = Place(
            series: series, life: chunk.life, end: tail.first, start: start, judges: judges)
        return (place, chunk.last)
    }

    /// - Returns: the last entry that the fold had taken in where the scan began.
    private func read(
        _ place: Place, _ query: SeriesQuery, tail: [HistoryRecord],
        into scan: inout HistoryScan
    ) throws(FileFault) -> UInt64 {
        guard let through = try begin(place, query, with: &scan) else {
            // Nothing is known but what the checkpoint says.
            if let element = place.start.element, begin(element, &scan) == nil {
                scan.goOn(after: element.totals)
            }
            take(place.start.records, place.judges, into: &scan)
            return place.start.through
        }
        var bound = Int(clamping: place.end)
        if let to = query.to, !tail.contains(where: { $0.sample.timestamp <= to }) {
            // What comes after the last chunk with a sample that is early enough is not wanted.
            bind(tables.lastEarlier, place, third: HistoryTables.milliseconds(to, .up))
            bound = try tables.lastEarlier.next() ? tables.lastEarlier.integer(0) + 1 : 0
            tables.lastEarlier.reset()
        }
        bind(tables.chunkBefore, place, third: Int(clamping: through + 1))
        let from = try tables.chunkBefore.next() ? tables.chunkBefore.integer(0) : 0
        tables.chunkBefore.reset()
        bind(tables.readChunks, place, third: from)
        tables.readChunks.bind(4, bound)
        defer { tables.readChunks.reset() }
        while try tables.readChunks.next() {
            guard let bytes = checked(tables.readChunks, 2),
                let records = HistoryChunk.records(bytes)
            else { continue }
            let wanted = records.filter { $0.entry > through && $0.entry < place.end }
            take(wanted, place.judges, into: &scan)
            if scan.isComplete || scan.isTooLong { break }
        }
        return through
    }

    // MARK: Starts

    /// Begins where a fold is known: as late as the query allows, or as early as there is one.
    /// - Returns: the last entry that is in the fold; nil when there is none for any chunk.
    private func begin(
        _ place: Place, _ query: SeriesQuery, with scan: inout HistoryScan
    ) throws(FileFault) -> UInt64? {
        guard place.life > 0 else { return nil }
        // With another threshold what came before matters: all is judged again.
        if query.alertThreshold == nil, let through = try beginLate(place, query, with: &scan) {
            return through
        }
        bind(tables.firstChunk, place, third: 0)
        defer { tables.firstChunk.reset() }
        if try tables.firstChunk.next(), tables.firstChunk.integer(1) == 1 { return 0 }
        bind(tables.folds, place, third: 0)
        defer { tables.folds.reset() }
        while try tables.folds.next() {
            if let through = begin(foldElement(tables.folds), &scan) { return through }
        }
        // The checkpoint's own samples are in chunks too.
        return begin(place.start.element, &scan)
    }

    private func beginLate(
        _ place: Place, _ query: SeriesQuery, with scan: inout HistoryScan
    ) throws(FileFault) -> UInt64? {
        var bound = 0
        if let from = query.from {
            bind(tables.firstLater, place, third: HistoryTables.milliseconds(from, .down))
            bound =
                try tables.firstLater.next()
                ? tables.firstLater.integer(0) : Int(clamping: place.end)
            tables.firstLater.reset()
        }
        bind(tables.foldsBefore, place, third: query.after)
        tables.foldsBefore.bind(4, bound)
        defer { tables.foldsBefore.reset() }
        while try tables.foldsBefore.next() {
            if let through = begin(foldElement(tables.foldsBefore), &scan) { return through }
        }
        return nil
    }

    private func foldElement(_ row: Statement) -> CheckpointCoding.FoldElement? {
        checked(row, 0).flatMap { CheckpointCoding.FoldElement($0) }
    }

    private func begin(
        _ element: CheckpointCoding.FoldElement?, _ scan: inout HistoryScan
    ) -> UInt64? {
        guard let element, scan.begin(with: element) else { return nil }
        return element.asOf
    }

    private func bind(_ statement: Statement, _ place: Place, third value: Int) {
        statement.bind(1, place.series)
        statement.bind(2, place.life)
        statement.bind(3, value)
    }

    // MARK: Rows

    private func number(of device: [UInt8]?) throws(FileFault) -> Int? {
        guard let device else { return HistoryTables.fleet }
        findName.bind(1, device)
        defer { findName.reset() }
        return try findName.next() ? findName.integer(0) : nil
    }

    private func fact(_ name: String) throws(FileFault) -> [UInt8]? {
        readFact.bind(1, name)
        defer { readFact.reset() }
        return try readFact.next() ? checked(readFact, 0) : nil
    }

    private func checkpoint(of series: Int) throws(FileFault) -> [[UInt8]] {
        if series == HistoryTables.fleet { return try fact("fleet").map { [$0] } ?? [] }
        readList.bind(1, series)
        var elements: [[UInt8]] = []
        while try readList.next() {
            if let element = checked(readList, 0) { elements.append(element) }
        }
        return elements
    }

    private func checked(_ statement: Statement, _ column: Int32) -> [UInt8]? {
        let bytes = statement.checked(column)
        if bytes == nil { damaged += 1 }
        return bytes
    }
}

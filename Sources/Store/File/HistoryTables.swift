internal import Detection
internal import SeriesLog

/// Samples that have left the log, for as long as they are kept: chunks of each series, and its
/// fold every few thousand samples, so that nobody has to fold a long series from its beginning.
///
///     history  series, entry (of the chunk's first sample), life, sequence (of the first sample;
///              0 when it is not known), count, last (arrival), earliest, latest (timestamps, in
///              milliseconds), crc, bytes
///     folds    series, entry (all up to it is in the fold), life, samples, crc, bytes
///
/// The fleet's series has the number 0. A life is named after its first entry; a row of life 0 says
/// that the series ended there.
final class HistoryTables {
    /// The fleet's series.
    static let fleet = 0
    /// Samples of a chunk, about; it has whole entries.
    static let chunkSamples = 4_096
    /// Samples from one fold of a series to the next.
    static let foldSpan = 4_096

    let lastChunk, insertChunk, readChunks, chunkBefore, firstChunk: Statement
    let firstLater, lastEarlier: Statement
    let oldestChunks, deleteChunk, newerChunk, deleteFolds, deleteName: Statement
    let lastFold, insertFold, foldsBefore, folds: Statement

    init(_ database: Database) throws(FileFault) {
        lastChunk = try database.prepare(
            "SELECT life, sequence + count, last, sequence FROM history "
                + "WHERE series = ?1 AND entry < ?2 ORDER BY entry DESC LIMIT 1")
        insertChunk = try database.prepare(
            "INSERT OR REPLACE INTO history (series, entry, life, sequence, count, last, earliest, "
                + "latest, crc, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?10, ?8, ?9)")
        readChunks = try database.prepare(
            "SELECT entry, sequence, crc, bytes FROM history "
                + "WHERE series = ?1 AND entry >= ?3 AND entry < ?4 AND life = ?2 ORDER BY entry")
        chunkBefore = try database.prepare(
            "SELECT entry FROM history WHERE series = ?1 AND entry <= ?3 AND life = ?2 "
                + "ORDER BY entry DESC LIMIT 1")
        firstChunk = try database.prepare(
            "SELECT entry, sequence FROM history WHERE series = ?1 AND life = ?2 "
                + "ORDER BY entry LIMIT 1")
        firstLater = try database.prepare(
            "SELECT entry FROM history WHERE series = ?1 AND life = ?2 AND latest >= ?3 "
                + "ORDER BY entry LIMIT 1")
        lastEarlier = try database.prepare(
            "SELECT entry FROM history WHERE series = ?1 AND life = ?2 AND earliest <= ?3 "
                + "ORDER BY entry DESC LIMIT 1")
        oldestChunks = try database.prepare(
            "SELECT series, entry FROM history WHERE last < ?1 ORDER BY last LIMIT ?2")
        deleteChunk = try database.prepare(
            "DELETE FROM history WHERE series = ?1 AND entry = ?2")
        newerChunk = try database.prepare(
            "SELECT entry FROM history WHERE series = ?1 AND entry > ?2 ORDER BY entry LIMIT 1")
        deleteFolds = try database.prepare(
            "DELETE FROM folds WHERE series = ?1 AND entry < ?2")
        deleteName = try database.prepare(
            "DELETE FROM names WHERE series = ?1 AND activity = 0")
        lastFold = try database.prepare(
            "SELECT samples FROM folds WHERE series = ?1 AND life = ?2 ORDER BY entry DESC LIMIT 1")
        insertFold = try database.prepare(
            "INSERT OR REPLACE INTO folds (series, entry, life, samples, crc, bytes) "
                + "VALUES (?1, ?2, ?3, ?4, ?8, ?9)")
        foldsBefore = try database.prepare(
            "SELECT crc, bytes FROM folds WHERE series = ?1 AND life = ?2 "
                + "AND (samples <= ?3 OR entry < ?4) ORDER BY entry DESC")
        folds = try database.prepare(
            "SELECT crc, bytes FROM folds WHERE series = ?1 AND life = ?2 ORDER BY entry")
    }

    // MARK: Writing

    /// Keeps samples that leave the log.
    /// - Parameters:
    ///   - isNew: the series has not been there before.
    ///   - timeToLive: in milliseconds; nil for a series that never ends.
    func keep(
        _ parts: [HistoryPart], of series: Int, isNew: Bool, timeToLive: Int?
    ) throws(FileFault) {
        guard let first = parts.first else { return }
        let start = first.records.first?.entry ?? first.endsAt ?? 0
        let before = try lastChunk(of: series, before: start)
        var life = before?.life ?? 0
        // Where nothing is known of a series that was there, its samples cannot be numbered.
        var next = before?.next ?? 0
        var last = before.flatMap { $0.life == 0 ? nil : $0.last }
        if before == nil, !isNew {
            life = Int(start)
            last = first.records.first?.arrival
        }
        for (records, isNew) in HistoryPart.lives(of: parts, after: last, timeToLive: timeToLive) {
            if isNew {
                life = Int(records[0].entry)
                next = 1
            }
            try insert(records, of: series, life: life, next: &next)
        }
        if let part = parts.last, let end = part.endsAt {
            let arrival = part.records.last?.arrival ?? last ?? 0
            try insert([], of: series, life: 0, at: Int(end), sequence: 0, arrival: arrival)
        }
    }

    private func insert(
        _ records: [HistoryRecord], of series: Int, life: Int, next: inout Int
    ) throws(FileFault) {
        var start = 0
        while start < records.count {
            var end = min(records.count, start + HistoryTables.chunkSamples)
            // Whole entries: a chunk is named after its first.
            while end < records.count, records[end].entry == records[end - 1].entry { end += 1 }
            let chunk = Array(records[start..<end])
            try insert(
                chunk, of: series, life: life, at: Int(chunk[0].entry), sequence: next,
                arrival: chunk[chunk.count - 1].arrival)
            if next > 0 { next += chunk.count }
            start = end
        }
    }

    private func insert(
        _ records: [HistoryRecord], of series: Int, life: Int, at entry: Int, sequence: Int,
        arrival: Int
    ) throws(FileFault) {
        let times = records.map(\.sample.timestamp)
        insertChunk.bind(1, series)
        insertChunk.bind(2, entry)
        insertChunk.bind(3, life)
        insertChunk.bind(4, sequence)
        insertChunk.bind(5, records.count)
        insertChunk.bind(6, arrival)
        insertChunk.bind(7, HistoryTables.milliseconds(times.min() ?? 0, .down))
        insertChunk.bind(10, HistoryTables.milliseconds(times.max() ?? 0, .up))
        try insertChunk.run(with: records.isEmpty ? [] : HistoryChunk.bytes(of: records))
    }

    static func milliseconds(_ seconds: Double, _ rule: FloatingPointRoundingRule) -> Int {
        Int(max(-9e15, min(9e15, (seconds * 1000).rounded(rule))))
    }

    /// Keeps a fold that is written as a checkpoint, when the one before is long ago.
    func keep(fold bytes: [UInt8], of series: Int) throws(FileFault) {
        guard let element = CheckpointCoding.FoldElement(bytes),
            let chunk = try lastChunk(of: series, before: element.lastEntry + 1), chunk.life > 0
        else { return }
        let samples = element.totals.samples
        lastFold.bind(1, series)
        lastFold.bind(2, chunk.life)
        defer { lastFold.reset() }
        var known = chunk.isNumbered ? 0 : -HistoryTables.foldSpan
        if try lastFold.next() { known = lastFold.integer(0) }
        guard samples - known >= HistoryTables.foldSpan else { return }
        insertFold.bind(1, series)
        insertFold.bind(2, Int(element.asOf))
        insertFold.bind(3, chunk.life)
        insertFold.bind(4, samples)
        try insertFold.run(with: bytes)
    }

    /// A series with more samples is not folded again after a change of settings: it learns anew.
    private static let refoldLimit = 4_000_000

    /// A fold that was made with other settings, or by another version, made again from samples.
    /// - Returns: nil when some of them are not here any more.
    func refolded(
        _ element: CheckpointCoding.FoldElement, of series: Int, _ parameters: FoldParameters
    ) throws(FileFault) -> CheckpointCoding.FoldElement? {
        guard element.totals.samples <= HistoryTables.refoldLimit,
            let chunk = try lastChunk(of: series, before: element.lastEntry + 1), chunk.life > 0
        else { return nil }
        readChunks.bind(1, series)
        readChunks.bind(2, chunk.life)
        readChunks.bind(3, 0)
        readChunks.bind(4, Int(clamping: element.asOf + 1))
        defer { readChunks.reset() }
        var fold = SeriesFold(parameters)
        while try readChunks.next() {
            guard let bytes = readChunks.checked(2), let records = HistoryChunk.records(bytes)
            else { return nil }
            for record in records where record.entry <= element.asOf {
                _ = fold.fold(record.sample, parameters, at: record.came)
            }
        }
        guard fold.count == element.totals.samples else { return nil }
        var other = element
        other.totals = fold.totals
        other.fold = fold.encode(parameters)
        return other
    }

    // MARK: Ages

    /// Drops the oldest chunks.
    /// - Parameters:
    ///   - arrival: only those whose last sample came before, in Unix milliseconds.
    ///   - limit: at most so many.
    /// - Returns: how many.
    func drop(before arrival: Int, limit: Int) throws(FileFault) -> Int {
        oldestChunks.bind(1, arrival)
        oldestChunks.bind(2, limit)
        var chunks: [(series: Int, entry: Int)] = []
        while try oldestChunks.next() {
            chunks.append((oldestChunks.integer(0), oldestChunks.integer(1)))
        }
        for (series, entry) in chunks {
            deleteChunk.bind(1, series)
            deleteChunk.bind(2, entry)
            try deleteChunk.run()
            newerChunk.bind(1, series)
            newerChunk.bind(2, entry)
            let next = try newerChunk.next() ? newerChunk.integer(0) : nil
            newerChunk.reset()
            deleteFolds.bind(1, series)
            deleteFolds.bind(2, next.map { $0 - 1 } ?? Int.max)
            try deleteFolds.run()
            guard next == nil else { continue }
            deleteName.bind(1, series)
            try deleteName.run()
        }
        return chunks.count
    }

    // MARK: Reading

    struct LastChunk {
        let life: Int
        /// The sequence of the sample that comes next; less than its count when it is not known.
        let next: Int
        let last: Int
        let isNumbered: Bool
    }

    /// The series' last chunk that begins before an entry.
    func lastChunk(of series: Int, before entry: UInt64) throws(FileFault) -> LastChunk? {
        lastChunk.bind(1, series)
        lastChunk.bind(2, Int(clamping: entry))
        defer { lastChunk.reset() }
        guard try lastChunk.next() else { return nil }
        let isNumbered = lastChunk.integer(3) > 0
        return LastChunk(
            life: lastChunk.integer(0), next: isNumbered ? lastChunk.integer(1) : 0,
            last: lastChunk.integer(2), isNumbered: isNumbered)
    }
}

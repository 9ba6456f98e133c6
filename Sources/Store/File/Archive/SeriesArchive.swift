package import Detection
internal import SeriesLog
internal import System

/// Why a tool cannot do what it was asked for.
package struct ArchiveError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// A file of series as a tool reads it, beside the service or without it. All that is asked of it
/// is as of the moment it was opened.
package final class SeriesArchive {
    let path: String
    let database: Database
    private let tables: HistoryTables
    private(set) var replay: LogReplay
    private(set) var birth: UInt64 = 0
    /// Rows that have changed by themselves.
    private(set) var damaged = 0
    private let readAll, readNames: Statement

    /// A device with its number in the file.
    struct Device {
        let series: Int
        let name: [UInt8]
        /// Whether it goes on, as far as the file says.
        let isLive: Bool
    }

    /// - Parameter keyLimit: IDEMPOTENCY_KEYS of the service that wrote the file.
    package init(path: String, keyLimit: Int) throws(ArchiveError) {
        self.path = path
        guard FileIdentity(path) != nil else {
            throw ArchiveError("\(path): there is no such file")
        }
        do throws(FileFault) {
            database = try Database(path: path)
            try database.run("PRAGMA busy_timeout = 5000; PRAGMA query_only = ON")
            try SeriesArchive.check(database)
            tables = try HistoryTables(database)
            readAll = try database.prepare(
                "SELECT entry, life, sequence, last, crc, bytes FROM history "
                    + "WHERE series = ?1 ORDER BY entry")
            readNames = try database.prepare(
                "SELECT series, name, activity FROM names ORDER BY series")
            try database.run("BEGIN")
            replay = LogReplay(keyLimit: keyLimit)
            try readLog()
        } catch {
            throw ArchiveError("\(path): \(error.reason)")
        }
    }

    private static func check(_ database: Database) throws(FileFault) {
        let format = try FileTables.number("PRAGMA user_version", database)
        let id = try FileTables.number("PRAGMA application_id", database)
        guard id == FileTables.applicationID else {
            throw FileFault(kind: .other, reason: "it is no file of series")
        }
        guard format <= FileTables.format else {
            throw FileFault(
                kind: .newerVersion,
                reason: "it has format \(format), and this build reads \(FileTables.format)")
        }
        guard format == FileTables.format else {
            throw FileFault(
                kind: .other,
                reason: "it has format \(format): start the service on it once, which migrates it")
        }
    }

    private func readLog() throws(FileFault) {
        if let bytes = try fact("birth"), bytes.count == 8 {
            birth = bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        let keys = try database.prepare("SELECT crc, bytes FROM keys ORDER BY number")
        while try keys.next() {
            if let bytes = checked(keys, 0) { replay.take(keyBlock: bytes) }
        }
        let turns = try database.prepare("SELECT number, crc, bytes FROM turns ORDER BY number")
        while try turns.next() {
            let position = LogPosition(birth: birth, number: UInt64(turns.integer(0)))
            let bytes =
                checked(turns, 1)
                ?? TurnCoding.ends(ofDamaged: turns.bytes(2), before: position.number)
            replay.take(StoredTurn(position: position, bytes: bytes))
        }
    }

    /// The settings that judged last.
    package func parameters() throws(ArchiveError) -> FoldParameters {
        let bytes = try asked { () throws(FileFault) in try fact("judges") }
        return FoldJudges(bytes ?? []).parameters ?? FoldParameters()
    }

    private func fact(_ name: String) throws(FileFault) -> [UInt8]? {
        let facts = try database.prepare("SELECT crc, bytes FROM facts WHERE name = ?1")
        facts.bind(1, name)
        return try facts.next() ? checked(facts, 0) : nil
    }

    // MARK: Series

    func devices() throws(ArchiveError) -> [Device] {
        try asked { () throws(FileFault) in
            var devices: [Device] = []
            var names: Set<[UInt8]> = []
            while try readNames.next() {
                let name = readNames.bytes(1)
                names.insert(name)
                devices.append(
                    Device(
                        series: readNames.integer(0), name: name,
                        isLive: readNames.integer(2) > 0 || !replay.parts(of: name).isEmpty))
            }
            // Those whose samples are all in the log have no number yet.
            let rest = replay.names.filter { !names.contains($0) }
                .sorted { $0.lexicographicallyPrecedes($1) }
            return devices + rest.map { Device(series: -1, name: $0, isLive: true) }
        }
    }

    /// What is read of a series.
    enum Step {
        /// The series begins, or begins anew. Whether what follows is all of that life.
        case begins(isWhole: Bool)
        case sample(HistoryRecord)
    }

    /// Reads a series from its oldest sample on.
    /// - Parameters:
    ///   - series: 0 for the fleet's.
    ///   - timeToLive: SERIES_TTL in milliseconds.
    func read(
        _ series: Int, name: [UInt8], timeToLive: Int, _ take: (Step) -> Void
    ) throws(ArchiveError) {
        try asked { () throws(FileFault) in
            var life = 0
            var last: Int?
            readAll.bind(1, series)
            defer { readAll.reset() }
            while try readAll.next() {
                guard readAll.integer(1) > 0 else {
                    last = nil
                    life = 0
                    continue
                }
                guard let bytes = checked(readAll, 4), let records = HistoryChunk.records(bytes)
                else { continue }
                if readAll.integer(1) != life {
                    life = readAll.integer(1)
                    take(.begins(isWhole: readAll.integer(2) == 1))
                }
                last = readAll.integer(3)
                for record in records { take(.sample(record)) }
            }
            let lives = HistoryPart.lives(
                of: series == HistoryTables.fleet ? replay.fleetParts : replay.parts(of: name),
                after: last,
                timeToLive: series == HistoryTables.fleet ? nil : timeToLive)
            for (records, isNew) in lives {
                if isNew { take(.begins(isWhole: true)) }
                for record in records { take(.sample(record)) }
            }
        }
    }

    // MARK: Help

    func checked(_ statement: Statement, _ column: Int32) -> [UInt8]? {
        let bytes = statement.checked(column)
        if bytes == nil { damaged += 1 }
        return bytes
    }

    func asked<Value>(_ body: () throws(FileFault) -> Value) throws(ArchiveError) -> Value {
        do throws(FileFault) {
            return try body()
        } catch {
            throw ArchiveError("\(path): \(error.reason)")
        }
    }
}

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
    /// Which series a log has.
    enum Part {
        case all
        /// The fleet's series is in a log of its own.
        case devices
        case fleet
    }

    /// The file's path, or the key of a log in Redis: by which messages call it.
    package let name: String
    let database: Database
    let part: Part
    private let tables: HistoryTables
    private(set) var replay: LogReplay
    private(set) var birth: UInt64 = 0
    /// Rows that have changed by themselves.
    private(set) var damaged = 0
    private let readAll, readNames, readList: Statement

    /// A device with its number in the file.
    struct Device {
        let series: Int
        let name: [UInt8]
        /// Whether it goes on, as far as the file says.
        let isLive: Bool
    }

    /// - Parameter keyLimit: IDEMPOTENCY_KEYS of the service that wrote the file.
    package convenience init(path: String, keyLimit: Int) throws(ArchiveError) {
        guard FileIdentity(path) != nil else {
            throw ArchiveError("\(path): there is no such file")
        }
        let database: Database
        do throws(FileFault) {
            database = try Database(path: path)
        } catch {
            throw ArchiveError("\(path): \(error.reason)")
        }
        try self.init(database, name: path, .all, keyLimit: keyLimit)
    }

    init(
        _ database: Database, name: String, _ part: Part, keyLimit: Int
    ) throws(ArchiveError) {
        self.name = name
        self.part = part
        self.database = database
        do throws(FileFault) {
            try database.run("PRAGMA query_only = ON")
            try SeriesArchive.check(database)
            tables = try HistoryTables(database)
            readAll = try database.prepare(
                "SELECT entry, life, sequence, last, crc, bytes FROM history "
                    + "WHERE series = ?1 ORDER BY entry")
            readNames = try database.prepare(
                "SELECT series, name, activity FROM names ORDER BY series")
            readList = try database.prepare(
                "SELECT crc, bytes FROM checkpoints WHERE series = ?1 ORDER BY place")
            try database.run("BEGIN")
            replay = LogReplay(keyLimit: keyLimit)
            try readLog()
        } catch {
            throw ArchiveError("\(name): \(error.reason)")
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
        let turns = try database.prepare(
            "SELECT number, crc, bytes FROM turns WHERE number >= ?1 ORDER BY number")
        turns.bind(1, CheckpointCoding.firstEntry(after: try fact("fleet")))
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

    /// All series, the fleet's first.
    func series() throws(ArchiveError) -> [Device] {
        let fleet = Device(series: HistoryTables.fleet, name: [], isLive: true)
        switch part {
        case .all: return [fleet] + (try devices())
        case .devices: return try devices()
        case .fleet: return [fleet]
        }
    }

    /// Whether it has a device's series, or (nil) the fleet's.
    package func has(_ device: [UInt8]?) throws(ArchiveError) -> Bool {
        guard let device else { return part != .devices }
        guard part != .fleet else { return false }
        return try devices().contains { $0.name == device }
    }

    /// What is read of a series.
    enum Step {
        /// The series begins, or begins anew. Whether what follows is all of that life; if not, the
        /// fold of what came before, where it is known.
        case begins(isWhole: Bool, after: CheckpointCoding.FoldElement?)
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
            var through: UInt64 = 0
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
                    take(.begins(isWhole: readAll.integer(2) == 1, after: nil))
                }
                last = readAll.integer(3)
                for record in records { take(.sample(record)) }
            }
            if life == 0, last == nil { (last, through) = try readStart(of: series, take) }
            let parts =
                series == HistoryTables.fleet ? replay.fleetParts : replay.parts(of: name)
            let lives = HistoryPart.lives(
                of: parts.compactMap { $0.later(than: through) }, after: last,
                timeToLive: series == HistoryTables.fleet ? nil : timeToLive)
            for (records, isNew) in lives {
                if isNew { take(.begins(isWhole: true, after: nil)) }
                for record in records { take(.sample(record)) }
            }
        }
    }

    /// Where nothing is kept of what has left the log, its checkpoint tells of it.
    /// - Returns: when its last sample came, nil when there is none; and in which entry: where a
    ///   trim was under way, the log still has it too.
    private func readStart(
        of series: Int, _ take: (Step) -> Void
    ) throws(FileFault) -> (last: Int?, through: UInt64) {
        let start = HistoryStart(try checkpoint(of: series), birth: birth)
        guard let last = start.lastArrival else { return (nil, 0) }
        take(.begins(isWhole: start.element == nil, after: start.element))
        for record in start.records { take(.sample(record)) }
        return (last, start.through)
    }

    private func checkpoint(of series: Int) throws(FileFault) -> [[UInt8]] {
        if series == HistoryTables.fleet { return try fact("fleet").map { [$0] } ?? [] }
        readList.bind(1, series)
        defer { readList.reset() }
        var elements: [[UInt8]] = []
        while try readList.next() {
            if let element = checked(readList, 0) { elements.append(element) }
        }
        return elements
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
            throw ArchiveError("\(name): \(error.reason)")
        }
    }
}

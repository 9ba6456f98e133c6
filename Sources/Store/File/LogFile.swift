internal import Bytes
internal import SeriesLog
internal import System

/// The process' log in an SQLite file: its tables, and what each command of the log does there.
/// One thread at a time uses it.
///
///     facts        name, crc, bytes            birth, fleet (checkpoint), token (of the last trim)
///     turns        number, crc, bytes          the log's entries
///     names        series, name, activity      devices with checkpoints; milliseconds
///     checkpoints  series, place, crc, bytes   a list of elements for each
///     keys         number, crc, bytes          keys of requests, by the entry before which they were
///     flagged      number, device, alert, text
///
/// The library checks what it writes ahead, but not the file's pages: so each row that matters has
/// a check sum of its own.
final class LogFile {
    /// Who reads a file of a greater number refuses it.
    static let format = 1
    /// "TDMK", for `file` and its like.
    private static let applicationID = 0x5444_4D4B
    /// Names of devices in one reply.
    private static let namesPerReply = 16_384
    private static let probeBytes = 1 << 16
    /// A row that was damaged is read as an entry that says nothing.
    private static let damagedTurn: [UInt8] = [1]

    private let path: String
    private let waitsForDisk: Bool
    private let identity: FileIdentity
    private var tables: Tables?
    private var nextNumber = 0
    private var birth: UInt64 = 0
    private var damaged = 0
    private var flights = 0

    /// Opens the file, or makes it.
    /// - Parameter waitsForDisk: what is stored is on the disk before it is answered, so that it
    ///   survives a power cut.
    init(path: String, waitsForDisk: Bool) throws(FileFault) {
        self.path = path
        self.waitsForDisk = waitsForDisk
        let tables = try Tables(path, waitsForDisk: waitsForDisk)
        guard let identity = FileIdentity(path) else {
            throw FileFault(kind: .gone, reason: "it is gone as soon as it was made")
        }
        self.identity = identity
        self.tables = tables
        try readFacts(tables)
    }

    private func readFacts(_ tables: Tables) throws(FileFault) {
        birth = 0
        if let bytes = try fact("birth", tables), bytes.count == 8 {
            birth = bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        nextNumber = 1
        if try tables.lastTurn.next() { nextNumber = tables.lastTurn.integer(0) + 1 }
        tables.lastTurn.reset()
        guard (birth > 0) == (nextNumber > 1) else {
            throw FileFault(kind: .damaged, reason: "its first table says nothing of the log")
        }
    }

    // MARK: Flights

    /// Does what a flight asks for. After a fault nothing of it is done, and the next flight opens
    /// the file anew.
    func execute(_ flight: FileFlight) -> FileLanding {
        var landing = FileLanding()
        do throws(FileFault) {
            try execute(flight, &landing)
        } catch {
            tables = nil
            landing = FileLanding()
            landing.fault = error
        }
        landing.damaged = damaged
        damaged = 0
        if flights % 64 == 0 {
            landing.fileBytes = FileIdentity.bytes(path) + FileIdentity.bytes(path + "-wal")
        }
        flights += 1
        return landing
    }

    private func execute(_ flight: FileFlight, _ landing: inout FileLanding) throws(FileFault) {
        guard FileIdentity(path) == identity else {
            throw FileFault(kind: .gone, reason: "it was removed, or another file is in its place")
        }
        let tables = try open()
        if flight.writes { try tables.begin.run() }
        do throws(FileFault) {
            var nameIndex = 0
            for command in flight.commands {
                landing.replies.append(try reply(to: command, flight, &nameIndex, tables))
            }
            try keep(flight.notes, tables)
            if flight.isProbe { try probe(tables) }
            if flight.writes { try tables.commit.run() }
        } catch {
            if tables.database.isInTransaction { try? tables.database.run("ROLLBACK") }
            throw error
        }
        if let count = flight.flaggedCount { landing.flagged = try newestFlagged(count, tables) }
    }

    private func open() throws(FileFault) -> Tables {
        if let tables { return tables }
        let opened = try Tables(path, waitsForDisk: waitsForDisk)
        try readFacts(opened)
        tables = opened
        return opened
    }

    private func reply(
        to command: LogCommand, _ flight: FileFlight, _ nameIndex: inout Int, _ tables: Tables
    ) throws(FileFault) -> LogReply {
        switch command {
        case .create: return try create(flight, tables)
        case .read(let from, let isExcluded, let limit):
            return .entries(try turns(from: Int(from) + (isExcluded ? 1 : 0), limit, tables))
        case .lookAt(let number):
            let found = try turns(from: Int(number), 1, tables)
            return .entries(found.filter { $0.position.number == number })
        case .first: return .entries(try turns(from: 0, 1, tables))
        case .checkpoint:
            nameIndex += 1
            return .list(try checkpoint(of: flight.names[nameIndex - 1], tables))
        case .fleetCheckpoint: return .list(try fact("fleet", tables).map { [$0] } ?? [])
        case .keys: return .entries(try keyBlocks(tables))
        case .names(let cursor): return try names(after: Int(cursor), tables)
        case .append: return try append(flight, tables)
        case .watch: return .list(try fact("token", tables).map { [$0] } ?? [])
        case .trim:
            guard let group = flight.group else { return .refused }
            try write(group, names: flight.groupNames, tables)
            return .done
        }
    }

    // MARK: Entries

    private func create(_ flight: FileFlight, _ tables: Tables) throws(FileFault) -> LogReply {
        guard birth == 0 else { return .done }
        var bytes: [UInt8] = []
        for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: flight.birth >> (8 * shift))) }
        try setFact("birth", bytes, tables)
        birth = flight.birth
        nextNumber = 1
        _ = try insert(flight.emptyTurn, tables)
        return .done
    }

    private func append(_ flight: FileFlight, _ tables: Tables) throws(FileFault) -> LogReply {
        guard birth > 0 else { return .nothing }
        return .appended(try insert(flight.turn, tables))
    }

    private func insert(_ bytes: [UInt8], _ tables: Tables) throws(FileFault) -> LogPosition {
        tables.insertTurn.bind(1, nextNumber)
        try tables.insertTurn.run(with: bytes)
        nextNumber += 1
        return LogPosition(birth: birth, number: UInt64(nextNumber - 1))
    }

    private func turns(
        from number: Int, _ limit: Int, _ tables: Tables
    ) throws(FileFault) -> [StoredTurn] {
        tables.readTurns.bind(1, number)
        tables.readTurns.bind(2, limit)
        var turns: [StoredTurn] = []
        while try tables.readTurns.next() {
            let position = LogPosition(
                birth: birth, number: UInt64(tables.readTurns.integer(0)))
            turns.append(
                StoredTurn(
                    position: position,
                    bytes: checked(tables.readTurns, 1) ?? LogFile.damagedTurn))
        }
        return turns
    }

    // MARK: Checkpoints

    private func series(_ name: [UInt8], _ tables: Tables) throws(FileFault) -> Int? {
        tables.findName.bind(1, name)
        defer { tables.findName.reset() }
        return try tables.findName.next() ? tables.findName.integer(0) : nil
    }

    /// A list with a damaged element is none: the series begins anew.
    private func checkpoint(
        of name: [UInt8], _ tables: Tables
    ) throws(FileFault) -> [[UInt8]] {
        guard let series = try series(name, tables) else { return [] }
        tables.readList.bind(1, series)
        var elements: [[UInt8]] = []
        var isWhole = true
        while try tables.readList.next() {
            if let element = checked(tables.readList, 0) {
                elements.append(element)
            } else {
                isWhole = false
            }
        }
        return isWhole ? elements : []
    }

    private func write(
        _ group: TrimGroup, names: [[UInt8]], _ tables: Tables
    ) throws(FileFault) {
        for (list, name) in zip(group.lists, names) { try write(list, name, tables) }
        try setFact("token", group.token, tables)
        guard let number = group.trimsTo else { return }
        if !group.fleet.isEmpty { try setFact("fleet", group.fleet, tables) }
        if !group.keys.isEmpty {
            tables.insertKeys.bind(1, Int(number))
            try tables.insertKeys.run(with: group.keys)
        }
        if let oldest = group.forgetsKeysBefore {
            tables.deleteKeys.bind(1, Int(oldest))
            try tables.deleteKeys.run()
        }
        if group.forgetsNamesBefore > 0 {
            for statement in [tables.deleteOldLists, tables.deleteOldNames] {
                statement.bind(1, group.forgetsNamesBefore)
                try statement.run()
            }
        }
        tables.deleteTurns.bind(1, Int(number))
        try tables.deleteTurns.run()
    }

    private func write(
        _ list: TrimGroup.List, _ name: [UInt8], _ tables: Tables
    ) throws(FileFault) {
        var known = try series(name, tables)
        if let series = known, list.replaces {
            tables.deleteList.bind(1, series)
            try tables.deleteList.run()
        }
        guard let activity = list.activity else {
            if let series = known, list.replaces {
                tables.deleteName.bind(1, series)
                try tables.deleteName.run()
            }
            return
        }
        if let series = known {
            tables.setActivity.bind(1, series)
            tables.setActivity.bind(2, activity)
            try tables.setActivity.run()
        } else {
            tables.insertName.bind(1, name)
            tables.insertName.bind(2, activity)
            try tables.insertName.run()
            known = try series(name, tables)
        }
        guard let series = known else { return }
        for element in list.elements {
            tables.insertElement.bind(1, series)
            try tables.insertElement.run(with: element)
        }
    }

    // MARK: Beside the series

    private func keyBlocks(_ tables: Tables) throws(FileFault) -> [StoredTurn] {
        var blocks: [StoredTurn] = []
        while try tables.readKeys.next() {
            let position = LogPosition(
                birth: birth, number: UInt64(tables.readKeys.integer(0)))
            guard let bytes = checked(tables.readKeys, 1) else { continue }
            blocks.append(StoredTurn(position: position, bytes: bytes))
        }
        return blocks
    }

    private func names(after series: Int, _ tables: Tables) throws(FileFault) -> LogReply {
        tables.readNames.bind(1, series)
        tables.readNames.bind(2, LogFile.namesPerReply)
        var names: [(name: [UInt8], activity: Int)] = []
        var last = 0
        while try tables.readNames.next() {
            last = tables.readNames.integer(0)
            names.append((tables.readNames.bytes(1), tables.readNames.integer(2)))
        }
        return .names(next: names.count == LogFile.namesPerReply ? UInt64(last) : 0, names)
    }

    private func fact(_ name: String, _ tables: Tables) throws(FileFault) -> [UInt8]? {
        tables.readFact.bind(1, name)
        defer { tables.readFact.reset() }
        return try tables.readFact.next() ? checked(tables.readFact, 0) : nil
    }

    private func setFact(
        _ name: String, _ bytes: [UInt8], _ tables: Tables
    ) throws(FileFault) {
        tables.setFact.bind(1, name)
        try tables.setFact.run(with: bytes)
    }

    private func keep(_ notes: [FlaggedNote], _ tables: Tables) throws(FileFault) {
        guard !notes.isEmpty else { return }
        for note in notes {
            tables.insertFlagged.bind(1, note.device)
            tables.insertFlagged.bind(2, note.isAlert ? 1 : 0)
            tables.insertFlagged.bind(3, note.text)
            try tables.insertFlagged.run()
        }
        tables.deleteFlagged.bind(1, FlaggedNote.limit)
        try tables.deleteFlagged.run()
    }

    private func newestFlagged(
        _ count: Int, _ tables: Tables
    ) throws(FileFault) -> [FlaggedNote] {
        tables.readFlagged.bind(1, count)
        var notes: [FlaggedNote] = []
        while try tables.readFlagged.next() {
            notes.append(
                FlaggedNote(
                    device: tables.readFlagged.bytes(0),
                    isAlert: tables.readFlagged.integer(1) == 1,
                    text: tables.readFlagged.bytes(2)))
        }
        return notes
    }

    private func probe(_ tables: Tables) throws(FileFault) {
        try setFact("probe", Array(repeating: 1, count: LogFile.probeBytes), tables)
        try setFact("probe", [], tables)
    }

    /// The bytes of a column whose check sum stands in the column before it in the list of
    /// columns; nil, and counted, when they have changed by themselves.
    private func checked(_ statement: Statement, _ column: Int32) -> [UInt8]? {
        let bytes = statement.bytes(column + 1)
        guard statement.integer(column) == Int(CRC32C.of(bytes.span)) else {
            damaged += 1
            return nil
        }
        return bytes
    }

    // MARK: Tables

    /// The open file with its statements.
    private final class Tables {
        let database: Database
        let begin, commit: Statement
        let readFact, setFact: Statement
        let lastTurn, readTurns, insertTurn, deleteTurns: Statement
        let readNames, findName, insertName, setActivity, deleteName, deleteOldNames: Statement
        let readList, insertElement, deleteList, deleteOldLists: Statement
        let readKeys, insertKeys, deleteKeys: Statement
        let readFlagged, insertFlagged, deleteFlagged: Statement

        init(_ path: String, waitsForDisk: Bool) throws(FileFault) {
            let database = try Database(path: path)
            self.database = database
            try Tables.prepare(database, waitsForDisk: waitsForDisk)
            begin = try database.prepare("BEGIN IMMEDIATE")
            commit = try database.prepare("COMMIT")
            readFact = try database.prepare("SELECT crc, bytes FROM facts WHERE name = ?1")
            setFact = try database.prepare(
                "INSERT OR REPLACE INTO facts (name, crc, bytes) VALUES (?1, ?8, ?9)")
            lastTurn = try database.prepare(
                "SELECT number FROM turns ORDER BY number DESC LIMIT 1")
            readTurns = try database.prepare(
                "SELECT number, crc, bytes FROM turns WHERE number >= ?1 ORDER BY number LIMIT ?2")
            insertTurn = try database.prepare(
                "INSERT INTO turns (number, crc, bytes) VALUES (?1, ?8, ?9)")
            deleteTurns = try database.prepare("DELETE FROM turns WHERE number < ?1")
            readNames = try database.prepare(
                "SELECT series, name, activity FROM names WHERE series > ?1 "
                    + "ORDER BY series LIMIT ?2")
            findName = try database.prepare("SELECT series FROM names WHERE name = ?1")
            insertName = try database.prepare("INSERT INTO names (name, activity) VALUES (?1, ?2)")
            setActivity = try database.prepare("UPDATE names SET activity = ?2 WHERE series = ?1")
            deleteName = try database.prepare("DELETE FROM names WHERE series = ?1")
            deleteOldNames = try database.prepare("DELETE FROM names WHERE activity < ?1")
            readList = try database.prepare(
                "SELECT crc, bytes FROM checkpoints WHERE series = ?1 ORDER BY place")
            insertElement = try database.prepare(
                "INSERT INTO checkpoints (series, place, crc, bytes) VALUES (?1, "
                    + "(SELECT ifnull(max(place), 0) + 1 FROM checkpoints WHERE series = ?1), "
                    + "?8, ?9)")
            deleteList = try database.prepare("DELETE FROM checkpoints WHERE series = ?1")
            deleteOldLists = try database.prepare(
                "DELETE FROM checkpoints WHERE series IN "
                    + "(SELECT series FROM names WHERE activity < ?1)")
            readKeys = try database.prepare("SELECT number, crc, bytes FROM keys ORDER BY number")
            insertKeys = try database.prepare(
                "INSERT OR REPLACE INTO keys (number, crc, bytes) VALUES (?1, ?8, ?9)")
            deleteKeys = try database.prepare("DELETE FROM keys WHERE number < ?1")
            readFlagged = try database.prepare(
                "SELECT device, alert, text FROM flagged ORDER BY number DESC LIMIT ?1")
            insertFlagged = try database.prepare(
                "INSERT INTO flagged (device, alert, text) VALUES (?1, ?2, ?3)")
            deleteFlagged = try database.prepare(
                "DELETE FROM flagged WHERE number <= (SELECT max(number) FROM flagged) - ?1")
        }

        private static func prepare(
            _ database: Database, waitsForDisk: Bool
        ) throws(FileFault) {
            let version = try number("PRAGMA user_version", database)
            guard version <= LogFile.format else {
                throw FileFault(
                    kind: .newerVersion,
                    reason: "it has format \(version), and this build reads \(LogFile.format)")
            }
            let id = try number("PRAGMA application_id", database)
            let pages = try number("PRAGMA page_count", database)
            guard id == LogFile.applicationID || pages == 0 else {
                throw FileFault(kind: .other, reason: "it is a database of another program")
            }
            try database.run(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = "
                    + (waitsForDisk ? "FULL" : "NORMAL")
                    + "; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -16384")
            guard version == 0 else { return }
            try database.run(
                """
                BEGIN IMMEDIATE;
                CREATE TABLE IF NOT EXISTS facts
                    (name BLOB PRIMARY KEY, crc INTEGER, bytes BLOB) WITHOUT ROWID;
                CREATE TABLE IF NOT EXISTS turns
                    (number INTEGER PRIMARY KEY, crc INTEGER, bytes BLOB);
                CREATE TABLE IF NOT EXISTS names
                    (series INTEGER PRIMARY KEY, name BLOB UNIQUE, activity INTEGER);
                CREATE INDEX IF NOT EXISTS names_by_activity ON names (activity);
                CREATE TABLE IF NOT EXISTS checkpoints
                    (series INTEGER, place INTEGER, crc INTEGER, bytes BLOB,
                     PRIMARY KEY (series, place)) WITHOUT ROWID;
                CREATE TABLE IF NOT EXISTS keys
                    (number INTEGER PRIMARY KEY, crc INTEGER, bytes BLOB);
                CREATE TABLE IF NOT EXISTS flagged
                    (number INTEGER PRIMARY KEY, device BLOB, alert INTEGER, text BLOB);
                PRAGMA application_id = \(LogFile.applicationID);
                PRAGMA user_version = \(LogFile.format);
                COMMIT
                """)
        }

        private static func number(
            _ question: String, _ database: Database
        ) throws(FileFault) -> Int {
            let statement = try database.prepare(question)
            defer { statement.reset() }
            return try statement.next() ? statement.integer(0) : 0
        }
    }
}

extension Statement {
    /// Executes a statement whose parameters 8 and 9 are a check sum and its bytes.
    fileprivate func run(with bytes: [UInt8]) throws(FileFault) {
        bind(8, Int(CRC32C.of(bytes.span)))
        bind(9, bytes)
        try run()
    }
}

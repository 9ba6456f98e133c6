/// The open file with its tables and statements.
final class FileTables {
    /// Who reads a file of a greater number refuses it.
    static let format = 2
    /// "TDMK", for `file` and its like.
    static let applicationID = 0x5444_4D4B

    let database: Database
    let begin, commit: Statement
    let readFact, setFact: Statement
    let lastTurn, oldestTurn, readTurns, insertTurn, deleteTurns: Statement
    let readNames, listNames, findName, insertName, setActivity, endName, endOldNames: Statement
    let readList, insertElement, deleteList, deleteOldLists: Statement
    let readKeys, insertKeys, deleteKeys: Statement
    let readFlagged, insertFlagged, deleteFlagged: Statement
    let readIncidents, keepIncident, dropIncidents: Statement
    let history: HistoryTables

    init(_ path: String, waitsForDisk: Bool) throws(FileFault) {
        let database = try Database(path: path)
        self.database = database
        try FileTables.prepare(database, waitsForDisk: waitsForDisk)
        begin = try database.prepare("BEGIN IMMEDIATE")
        commit = try database.prepare("COMMIT")
        readFact = try database.prepare("SELECT crc, bytes FROM facts WHERE name = ?1")
        setFact = try database.prepare(
            "INSERT OR REPLACE INTO facts (name, crc, bytes) VALUES (?1, ?8, ?9)")
        lastTurn = try database.prepare(
            "SELECT number FROM turns ORDER BY number DESC LIMIT 1")
        oldestTurn = try database.prepare("SELECT min(number) FROM turns")
        readTurns = try database.prepare(
            "SELECT number, crc, bytes FROM turns WHERE number >= ?1 ORDER BY number LIMIT ?2")
        insertTurn = try database.prepare(
            "INSERT INTO turns (number, crc, bytes) VALUES (?1, ?8, ?9)")
        deleteTurns = try database.prepare("DELETE FROM turns WHERE number < ?1")
        readNames = try database.prepare(
            "SELECT series, name, activity FROM names WHERE series > ?1 AND activity > 0 "
                + "ORDER BY series LIMIT ?2")
        listNames = try database.prepare(
            "SELECT series, name, activity FROM names WHERE activity > 0 "
                + "AND (activity, series) < (?1, ?2) ORDER BY activity DESC, series DESC LIMIT ?3")
        findName = try database.prepare("SELECT series, activity FROM names WHERE name = ?1")
        insertName = try database.prepare("INSERT INTO names (name, activity) VALUES (?1, 0)")
        setActivity = try database.prepare("UPDATE names SET activity = ?2 WHERE series = ?1")
        endName = try database.prepare("UPDATE names SET activity = 0 WHERE series = ?1")
        endOldNames = try database.prepare(
            "UPDATE names SET activity = 0 WHERE activity > 0 AND activity < ?1")
        readList = try database.prepare(
            "SELECT crc, bytes FROM checkpoints WHERE series = ?1 ORDER BY place")
        insertElement = try database.prepare(
            "INSERT INTO checkpoints (series, place, crc, bytes) VALUES (?1, "
                + "(SELECT ifnull(max(place), 0) + 1 FROM checkpoints WHERE series = ?1), "
                + "?8, ?9)")
        deleteList = try database.prepare("DELETE FROM checkpoints WHERE series = ?1")
        deleteOldLists = try database.prepare(
            "DELETE FROM checkpoints WHERE series IN "
                + "(SELECT series FROM names WHERE activity > 0 AND activity < ?1)")
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
        readIncidents = try database.prepare("SELECT crc, bytes FROM incidents ORDER BY arrival")
        keepIncident = try database.prepare(
            "INSERT OR REPLACE INTO incidents (id, arrival, crc, bytes) VALUES (?1, ?2, ?8, ?9)")
        dropIncidents = try database.prepare(
            "DELETE FROM incidents WHERE arrival < ?1 OR id IN (SELECT id FROM incidents "
                + "ORDER BY arrival DESC LIMIT -1 OFFSET ?2)")
        history = try HistoryTables(database)
    }

    private static let incidents =
        "CREATE TABLE IF NOT EXISTS incidents "
        + "(id BLOB PRIMARY KEY, arrival INTEGER, crc INTEGER, bytes BLOB) WITHOUT ROWID"

    private static func prepare(
        _ database: Database, waitsForDisk: Bool
    ) throws(FileFault) {
        let version = try number("PRAGMA user_version", database)
        guard version <= FileTables.format else {
            throw FileFault(
                kind: .newerVersion,
                reason: "it has format \(version), and this build reads \(FileTables.format)")
        }
        let id = try number("PRAGMA application_id", database)
        // After a power cut of the first seconds there may be a database of nobody, and nothing in
        // it.
        let things = try number("SELECT count(*) FROM sqlite_master", database)
        guard id == FileTables.applicationID || (id == 0 && things == 0) else {
            throw FileFault(kind: .other, reason: "it is a database of another program")
        }
        try database.run(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = "
                + (waitsForDisk ? "FULL" : "NORMAL")
                + "; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -16384"
        )
        guard version < FileTables.format else {
            // Builds before this one have no use for it, and leave it alone.
            return try database.run(incidents)
        }
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
            CREATE TABLE IF NOT EXISTS history
                (series INTEGER, entry INTEGER, life INTEGER, sequence INTEGER, count INTEGER,
                 last INTEGER, earliest INTEGER, latest INTEGER, crc INTEGER, bytes BLOB,
                 PRIMARY KEY (series, entry)) WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS history_by_age ON history (last);
            CREATE TABLE IF NOT EXISTS folds
                (series INTEGER, entry INTEGER, life INTEGER, samples INTEGER, crc INTEGER,
                 bytes BLOB, PRIMARY KEY (series, entry)) WITHOUT ROWID;
            \(incidents);
            PRAGMA application_id = \(FileTables.applicationID);
            PRAGMA user_version = \(FileTables.format);
            COMMIT
            """)
    }

    /// Bytes of the file that hold something.
    func usedBytes() throws(FileFault) -> Int {
        let pages = try FileTables.number("PRAGMA page_count", database)
        let free = try FileTables.number("PRAGMA freelist_count", database)
        return (pages - free) * (try FileTables.number("PRAGMA page_size", database))
    }

    static func number(
        _ question: String, _ database: Database
    ) throws(FileFault) -> Int {
        let statement = try database.prepare(question)
        defer { statement.reset() }
        return try statement.next() ? statement.integer(0) : 0
    }
}

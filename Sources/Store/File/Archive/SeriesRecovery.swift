internal import SeriesLog
internal import System

/// Copies what can be read of a damaged file into a new one.
///
/// A row that cannot be read is left out, and so is what its check sum shows as changed. Where
/// pages are gone the rows after them are looked for by their keys.
package final class SeriesRecovery {
    /// What became of a table's rows.
    package struct Count: Sendable {
        package let table: String
        package var copied = 0
        package var damaged = 0
        /// Places where rows could not be read.
        package var holes = 0
    }

    private struct Table {
        let name: String
        /// All but a blob and its check sum are numbers.
        let numbers: [String]
        let blobs: [String]
        /// Rows are read in its order; a number.
        let key: String
        var hasCheckSum = true

        var columns: [String] { numbers + (hasCheckSum ? ["crc"] : []) + blobs }
    }

    private static let tables = [
        Table(name: "turns", numbers: ["number"], blobs: ["bytes"], key: "number"),
        Table(
            name: "names", numbers: ["series", "activity"], blobs: ["name"], key: "series",
            hasCheckSum: false),
        Table(
            name: "checkpoints", numbers: ["series", "place"], blobs: ["bytes"], key: "series"),
        Table(name: "keys", numbers: ["number"], blobs: ["bytes"], key: "number"),
        Table(
            name: "flagged", numbers: ["number", "alert"], blobs: ["device", "text"], key: "number",
            hasCheckSum: false),
        Table(
            name: "history",
            numbers: [
                "series", "entry", "life", "sequence", "count", "last", "earliest", "latest",
            ], blobs: ["bytes"], key: "series"),
        Table(
            name: "folds", numbers: ["series", "entry", "life", "samples"], blobs: ["bytes"],
            key: "series"),
        Table(
            name: "incidents", numbers: ["arrival"], blobs: ["bytes", "id"], key: "arrival"),
    ]

    /// After so many holes the rest of a table is given up.
    private static let holeLimit = 10_000

    private let source: Database
    private let fresh: FileTables
    private var birth: UInt64 = 0

    private init(_ path: String, _ copy: String) throws(FileFault) {
        source = try Database(path: path)
        try source.run("PRAGMA query_only = ON")
        fresh = try FileTables(copy, waitsForDisk: false)
    }

    /// - Parameters:
    ///   - path: the damaged file; no service may have it.
    ///   - copy: the new one, which is not there yet.
    package static func recover(_ path: String, to copy: String) throws(ArchiveError) -> [Count] {
        guard FileIdentity(path) != nil else {
            throw ArchiveError("\(path): there is no such file")
        }
        guard FileIdentity(copy) == nil else {
            throw ArchiveError("\(copy): there is such a file already")
        }
        do throws(FileFault) {
            return try SeriesRecovery(path, copy).run()
        } catch {
            throw ArchiveError("\(path): \(error.reason)")
        }
    }

    private func run() throws(FileFault) -> [Count] {
        try fresh.begin.run()
        var counts: [Count] = []
        // A file that only builds before this one have had has no incidents.
        for table in SeriesRecovery.tables where table.name != "incidents" || hasIncidents() {
            counts.append(try copy(table))
        }
        counts.append(try copyFacts())
        try fillTurns()
        try fresh.commit.run()
        return counts
    }

    private func hasIncidents() -> Bool {
        (try? source.prepare("SELECT id FROM incidents LIMIT 1")) != nil
    }

    // MARK: Rows

    private func copy(_ table: Table) throws(FileFault) -> Count {
        var count = Count(table: table.name)
        let places = (1...table.columns.count).map { "?\($0)" }.joined(separator: ", ")
        let names = table.columns.joined(separator: ", ")
        let insert = try fresh.database.prepare(
            "INSERT OR REPLACE INTO \(table.name) (\(names)) VALUES (\(places))")
        var from = Int.min
        var step = 1
        while count.holes <= SeriesRecovery.holeLimit {
            var last = from
            do throws(FileFault) {
                let read = try source.prepare(
                    "SELECT \(table.key), \(names) FROM \(table.name) WHERE \(table.key) >= ?1 "
                        + "ORDER BY \(table.key)")
                read.bind(1, from)
                while try read.next() {
                    last = read.integer(0)
                    try copy(read, of: table, by: insert, &count)
                }
                return count
            } catch {
                guard error.kind == .damaged else { throw error }
                count.holes += 1
                // Farther each time, until there are rows again.
                step = last > from ? 1 : min(step * 2, 1 << 40)
                let (next, isOver) = max(last, 0).addingReportingOverflow(step)
                guard !isOver else { return count }
                from = next
            }
        }
        return count
    }

    private func copy(
        _ read: Statement, of table: Table, by insert: Statement, _ count: inout Count
    ) throws(FileFault) {
        var column: Int32 = 1
        for _ in table.numbers {
            insert.bind(column, read.integer(column))
            column += 1
        }
        if table.hasCheckSum {
            guard read.checked(column) != nil else {
                count.damaged += 1
                return
            }
            insert.bind(column, read.integer(column))
            column += 1
        }
        for _ in table.blobs {
            let bytes = read.bytes(column)
            if birth == 0 { birth = SeriesRecovery.birth(bytes) ?? 0 }
            insert.bind(column, bytes)
            column += 1
        }
        try insert.run()
        count.copied += 1
    }

    /// The birth of the log that a fold belongs to.
    private static func birth(_ bytes: [UInt8]) -> UInt64? {
        CheckpointCoding.FoldElement(bytes)?.birth
    }

    // MARK: What everything needs

    private func copyFacts() throws(FileFault) -> Count {
        var count = Count(table: "facts")
        for name in ["birth", "fleet", "token", "judges"] {
            do throws(FileFault) {
                let read = try source.prepare("SELECT crc, bytes FROM facts WHERE name = ?1")
                read.bind(1, name)
                guard try read.next() else { continue }
                guard let bytes = read.checked(0) else {
                    count.damaged += 1
                    continue
                }
                try set(name, bytes)
                if name == "birth" { birth = 0 }
                count.copied += 1
            } catch {
                guard error.kind == .damaged else { throw error }
                count.holes += 1
            }
        }
        fresh.readFact.bind(1, "birth")
        defer { fresh.readFact.reset() }
        guard try !fresh.readFact.next() else { return count }
        // The folds say of which log they are.
        guard birth > 0 else {
            throw FileFault(kind: .damaged, reason: "nothing says when its log was made")
        }
        var bytes: [UInt8] = []
        for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: birth >> (8 * shift))) }
        try set("birth", bytes)
        return count
    }

    private func set(_ name: String, _ bytes: [UInt8]) throws(FileFault) {
        fresh.setFact.bind(1, name)
        try fresh.setFact.run(with: bytes)
    }

    /// Entries that are gone become entries in which the fleet's series ends: a log has no gaps.
    private func fillTurns() throws(FileFault) {
        fresh.readFact.bind(1, "fleet")
        let fleet = try fresh.readFact.next() ? fresh.readFact.checked(0) : nil
        fresh.readFact.reset()
        fresh.deleteTurns.bind(1, CheckpointCoding.firstEntry(after: fleet))
        try fresh.deleteTurns.run()
        let read = try fresh.database.prepare("SELECT number FROM turns ORDER BY number")
        var missing: [Int] = []
        var last: Int?
        while try read.next() {
            let number = read.integer(0)
            if let last, number > last + 1 { missing += Array(last + 1..<number) }
            last = number
        }
        if last == nil { missing = [try firstAfterHistory()] }
        for number in missing {
            fresh.insertTurn.bind(1, number)
            try fresh.insertTurn.run(
                with: TurnCoding.ends(ofDamaged: [], before: UInt64(number)))
        }
    }

    /// Where the log begins when none of its entries is left.
    private func firstAfterHistory() throws(FileFault) -> Int {
        let read = try fresh.database.prepare("SELECT max(entry) FROM folds WHERE series = 0")
        defer { read.reset() }
        return try read.next() ? read.integer(0) + 1 : 1
    }
}

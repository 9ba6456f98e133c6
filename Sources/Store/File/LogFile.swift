internal import Bytes
internal import SeriesLog
internal import System
internal import Wire

/// The process' log in an SQLite file: its tables, and what each command of the log does there.
/// One thread at a time uses it.
///
///     facts        name, crc, bytes            birth, fleet (checkpoint), token (of the last trim)
///     turns        number, crc, bytes          the log's entries
///     names        series, name, activity      devices with checkpoints; milliseconds
///     checkpoints  series, place, crc, bytes   a list of elements for each
///     keys         number, crc, bytes          keys of requests, by the entry before which
///                                              they were
///     flagged      number, device, alert, text
///
/// The library checks what it writes ahead, but not the file's pages: so each row that matters has
/// a check sum of its own.
final class LogFile {
    /// Names of devices in one reply.
    private static let namesPerReply = 16_384
    private static let probeBytes = 1 << 16
    private let path: String
    private let waitsForDisk: Bool
    private let settings: LogFileSettings
    private let identity: FileIdentity
    private var tables: FileTables?
    private var nextNumber = 0
    private var birth: UInt64 = 0
    private var damaged = 0
    private var flights = 0
    private var flaggedSinceDelete = 0
    var incidentsSinceDelete = 0
    /// About how many bytes were ever written ahead.
    private var ahead = 0
    private let mover: WriteAheadMover

    /// The log's first entry. Those before it are taken out of the file a few at a time, because
    /// each is on many pages; who reads the file knows from the fleet's checkpoint that they are
    /// no more.
    private var first = 0
    /// The first entry that the file has.
    private var oldest = 0
    private static let deletedAtOnce = 4

    /// What is written ahead is moved into the file whenever it is so much more.
    private static let aheadStep = 4 << 20
    /// Chunks of history that one trim drops, at most: more than it writes, in the long run.
    private static let droppedChunks = 4_096
    /// A transaction writes at least so many bytes: some whole pages.
    private static let leastWritten = 8192

    /// Opens the file, or makes it.
    /// - Parameter waitsForDisk: what is stored is on the disk before it is answered, so that it
    ///   survives a power cut.
    init(
        path: String, waitsForDisk: Bool, _ settings: LogFileSettings
    ) throws(FileFault) {
        self.path = path
        self.settings = settings
        self.waitsForDisk = waitsForDisk
        let tables = try FileTables(path, waitsForDisk: waitsForDisk)
        guard let identity = FileIdentity(path) else {
            throw FileFault(kind: .gone, reason: "it is gone as soon as it was made")
        }
        self.identity = identity
        self.tables = tables
        do throws(SystemError) {
            mover = try WriteAheadMover(path: path, identity: identity)
        } catch {
            throw FileFault(kind: .other, reason: error.description)
        }
        try readFacts(in: tables)
    }

    /// Closes the file, when nothing more will be asked of it.
    func close() {
        if let tables, oldest < first {
            // An older version takes the first entry of the file for that of the log.
            tables.deleteTurns.bind(1, first)
            try? tables.deleteTurns.run()
        }
        mover.stop()
        tables = nil
    }

    private func readFacts(in tables: FileTables) throws(FileFault) {
        birth = LogFile.word(try fact("birth", in: tables) ?? [])
        nextNumber = 1
        if try tables.lastTurn.next() { nextNumber = tables.lastTurn.integer(0) + 1 }
        tables.lastTurn.reset()
        guard (birth > 0) == (nextNumber > 1) else {
            throw FileFault(kind: .damaged, reason: "its first table says nothing of the log")
        }
        first = CheckpointCoding.firstEntry(after: try fact("fleet", in: tables))
        oldest = try tables.oldestTurn.next() ? tables.oldestTurn.integer(0) : 0
        tables.oldestTurn.reset()
        var judges = FoldJudges(try fact("judges", in: tables) ?? [])
        let judge = FoldJudges.name(of: settings.parameters)
        if judges.add(judge, from: UInt64(nextNumber)) {
            try setFact("judges", to: judges.bytes, in: tables)
        }
    }

    private static func word(_ bytes: [UInt8]) -> UInt64 {
        bytes.count == 8 ? bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } : 0
    }

    private static func word(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    // MARK: Flights

    /// Does what a flight asks for. After a fault nothing of it is done, and the next flight opens
    /// the file anew.
    func execute(_ flight: FileFlight) -> FileLanding {
        var landing = FileLanding()
        do throws(FileFault) {
            try execute(flight, into: &landing)
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

    /// Sees to it that what is written ahead does not get longer and longer.
    private func boundAhead(_ flight: FileFlight, in tables: FileTables) throws(FileFault) {
        let before = ahead / LogFile.aheadStep
        ahead += LogFile.leastWritten + flight.turn.count
        // At once, because what is left to be moved grows.
        if mover.takeFoundLong() { _ = try tables.database.moveWrittenAhead() }
        if ahead / LogFile.aheadStep > before { mover.move() }
    }

    private func execute(_ flight: FileFlight, into landing: inout FileLanding) throws(FileFault) {
        guard FileIdentity(path) == identity else {
            throw FileFault(kind: .gone, reason: "it was removed, or another file is in its place")
        }
        let tables = try open()
        if flight.writes { try tables.begin.run() }
        do throws(FileFault) {
            var nameIndex = 0
            for command in flight.commands {
                landing.replies.append(try reply(to: command, of: flight, &nameIndex, in: tables))
            }
            try keep(flight.notes, in: tables)
            try keep(flight.incidents, in: tables)
            if let followed = flight.followed, followed > 0 {
                try setFact("followed", to: LogFile.word(followed), in: tables)
            }
            if flight.isProbe { try probe(in: tables) }
            if flight.writes, oldest < first { try dropOldest(in: tables) }
            if flight.writes { try tables.commit.run() }
        } catch {
            if tables.database.isInTransaction { try? tables.database.run("ROLLBACK") }
            throw error
        }
        if flight.writes { try boundAhead(flight, in: tables) }
        if flight.readsIncidents {
            landing.incidents = try incidents(in: tables)
            landing.followed = LogFile.word(try fact("followed", in: tables) ?? [])
        }
        for place in flight.listed { landing.listed.append(try names(place, in: tables)) }
        if let count = flight.flaggedCount {
            landing.flagged = try newestFlagged(count, in: tables)
        }
    }

    private func open() throws(FileFault) -> FileTables {
        if let tables { return tables }
        let opened = try FileTables(path, waitsForDisk: waitsForDisk)
        try readFacts(in: opened)
        tables = opened
        return opened
    }

    private func reply(
        to command: LogCommand, of flight: FileFlight, _ nameIndex: inout Int, in tables: FileTables
    ) throws(FileFault) -> LogReply {
        switch command {
        case .create: return try create(flight, in: tables)
        case .read(let from, let isExcluded, let limit):
            return .entries(
                try turns(from: Int(from) + (isExcluded ? 1 : 0), limit: limit, in: tables))
        case .lookAt(let number):
            let found = try turns(from: Int(number), limit: 1, in: tables)
            return .entries(found.filter { $0.position.number == number })
        case .first: return .entries(try turns(from: 0, limit: 1, in: tables))
        case .checkpoint:
            nameIndex += 1
            return .list(try checkpoint(of: flight.names[nameIndex - 1], in: tables))
        case .fleetCheckpoint:
            let elements = try fact("fleet", in: tables).map { [$0] } ?? []
            return .list(try refolded(elements, of: HistoryTables.fleet, in: tables))
        case .keys: return .entries(try keyBlocks(in: tables))
        case .names(let cursor): return try names(after: Int(cursor), in: tables)
        case .append: return try append(flight, in: tables)
        case .watch: return .list(try fact("token", in: tables).map { [$0] } ?? [])
        case .trim:
            guard let group = flight.group else { return .refused }
            try write(group, names: flight.groupNames, in: tables)
            return .done
        }
    }

    // MARK: Entries

    private func create(_ flight: FileFlight, in tables: FileTables) throws(FileFault) -> LogReply {
        guard birth == 0 else { return .done }
        try setFact("birth", to: LogFile.word(flight.birth), in: tables)
        birth = flight.birth
        nextNumber = 1
        _ = try insert(flight.emptyTurn, in: tables)
        return .done
    }

    private func append(_ flight: FileFlight, in tables: FileTables) throws(FileFault) -> LogReply {
        guard birth > 0 else { return .nothing }
        return .appended(try insert(flight.turn, in: tables))
    }

    private func insert(_ bytes: [UInt8], in tables: FileTables) throws(FileFault) -> LogPosition {
        tables.insertTurn.bind(1, nextNumber)
        try tables.insertTurn.run(with: bytes)
        nextNumber += 1
        return LogPosition(birth: birth, number: UInt64(nextNumber - 1))
    }

    private func turns(
        from number: Int, limit: Int, in tables: FileTables
    ) throws(FileFault) -> [StoredTurn] {
        tables.readTurns.bind(1, max(number, first))
        tables.readTurns.bind(2, limit)
        var turns: [StoredTurn] = []
        while try tables.readTurns.next() {
            let position = LogPosition(
                birth: birth, number: UInt64(tables.readTurns.integer(0)))
            // What it held is lost: the series in it begin anew.
            let bytes =
                checked(tables.readTurns, 1)
                ?? TurnCoding.ends(
                    ofDamaged: tables.readTurns.bytes(2), before: position.number)
            turns.append(StoredTurn(position: position, bytes: bytes))
        }
        return turns
    }

    private func dropOldest(in tables: FileTables) throws(FileFault) {
        oldest = min(oldest + LogFile.deletedAtOnce, first)
        tables.deleteTurns.bind(1, oldest)
        try tables.deleteTurns.run()
    }

    // MARK: Checkpoints

    /// The number of a device's series, and whether it has ended.
    private func series(
        _ name: [UInt8], in tables: FileTables
    ) throws(FileFault) -> (number: Int, isEnded: Bool)? {
        tables.findName.bind(1, name)
        defer { tables.findName.reset() }
        guard try tables.findName.next() else { return nil }
        return (tables.findName.integer(0), tables.findName.integer(1) == 0)
    }

    /// A list with a damaged element is none: the series begins anew.
    private func checkpoint(
        of name: [UInt8], in tables: FileTables
    ) throws(FileFault) -> [[UInt8]] {
        guard let series = try series(name, in: tables) else { return [] }
        tables.readList.bind(1, series.number)
        var elements: [[UInt8]] = []
        var isWhole = true
        while try tables.readList.next() {
            if let element = checked(tables.readList, 0) {
                elements.append(element)
            } else {
                isWhole = false
            }
        }
        return isWhole ? try refolded(elements, of: series.number, in: tables) : []
    }

    /// A checkpoint whose fold is of these settings, where that can be made.
    private func refolded(
        _ elements: [[UInt8]], of series: Int, in tables: FileTables
    ) throws(FileFault) -> [[UInt8]] {
        guard settings.keepsHistory, let first = elements.first,
            let element = CheckpointCoding.FoldElement(first),
            element.decoded(settings.parameters) == nil,
            let other = try tables.history.refolded(element, of: series, settings.parameters)
        else { return elements }
        return [other.bytes] + elements.dropFirst()
    }

    private func write(
        _ group: TrimGroup, names: [[UInt8]], in tables: FileTables
    ) throws(FileFault) {
        for (list, name) in zip(group.lists, names) { try write(list, of: name, in: tables) }
        try keepHistory(group, in: tables)
        try setFact("token", to: group.token, in: tables)
        guard let number = group.trimsTo else { return }
        if !group.fleet.isEmpty { try setFact("fleet", to: group.fleet, in: tables) }
        if !group.keys.isEmpty {
            tables.insertKeys.bind(1, Int(number))
            try tables.insertKeys.run(with: group.keys)
        }
        if let oldest = group.forgetsKeysBefore {
            tables.deleteKeys.bind(1, Int(oldest))
            try tables.deleteKeys.run()
        }
        if group.forgetsNamesBefore > 0 {
            for statement in [tables.deleteOldLists, tables.endOldNames] {
                statement.bind(1, group.forgetsNamesBefore)
                try statement.run()
            }
        }
        first = Int(number)
    }

    private func write(
        _ list: TrimGroup.List, of name: [UInt8], in tables: FileTables
    ) throws(FileFault) {
        let known = try series(name, in: tables)
        if let known, list.replaces {
            tables.deleteList.bind(1, known.number)
            try tables.deleteList.run()
        }
        if known == nil, list.hasEnded, list.history.isEmpty { return }
        let number = if let known { known.number } else { try insertName(name, in: tables) }
        try tables.history.keep(
            list.history, of: number, isNew: known?.isEnded ?? true,
            timeToLive: Int(settings.timeToLive.milliseconds))
        if list.hasEnded { return try end(number, in: tables) }
        if let activity = list.activity, activity > 0 {
            tables.setActivity.bind(1, number)
            tables.setActivity.bind(2, activity)
            try tables.setActivity.run()
        }
        for element in list.elements {
            tables.insertElement.bind(1, number)
            try tables.insertElement.run(with: element)
            if settings.keepsHistory { try tables.history.keep(fold: element, of: number) }
        }
    }

    private func insertName(_ name: [UInt8], in tables: FileTables) throws(FileFault) -> Int {
        tables.insertName.bind(1, name)
        try tables.insertName.run()
        return try series(name, in: tables)?.number ?? 0
    }

    private func end(_ series: Int, in tables: FileTables) throws(FileFault) {
        tables.endName.bind(1, series)
        try tables.endName.run()
        guard !settings.keepsHistory else { return }
        tables.history.deleteName.bind(1, series)
        try tables.history.deleteName.run()
    }

    // MARK: History

    /// What a trim takes out of the fleet's series, and what is too old by now.
    private func keepHistory(
        _ group: TrimGroup, in tables: FileTables
    ) throws(FileFault) {
        guard settings.keepsHistory else { return }
        try tables.history.keep(
            group.fleetHistory, of: HistoryTables.fleet,
            isNew: (group.fleetHistory.first?.records.first?.entry ?? 0) <= 2, timeToLive: nil)
        guard group.trimsTo != nil else { return }
        try tables.history.keep(fold: group.fleet, of: HistoryTables.fleet)
        let limit = LogFile.droppedChunks
        if let retention = settings.retention {
            _ = try tables.history.drop(
                before: group.clock - Int(retention.milliseconds), limit: limit)
        }
        if let most = settings.byteLimit, try tables.usedBytes() > most {
            _ = try tables.history.drop(before: .max, limit: limit)
        }
    }

    // MARK: Beside the series

    private func keyBlocks(in tables: FileTables) throws(FileFault) -> [StoredTurn] {
        var blocks: [StoredTurn] = []
        while try tables.readKeys.next() {
            let position = LogPosition(
                birth: birth, number: UInt64(tables.readKeys.integer(0)))
            guard let bytes = checked(tables.readKeys, 1) else { continue }
            blocks.append(StoredTurn(position: position, bytes: bytes))
        }
        return blocks
    }

    private func names(after series: Int, in tables: FileTables) throws(FileFault) -> LogReply {
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

    private func fact(_ name: String, in tables: FileTables) throws(FileFault) -> [UInt8]? {
        tables.readFact.bind(1, name)
        defer { tables.readFact.reset() }
        return try tables.readFact.next() ? checked(tables.readFact, 0) : nil
    }

    private func setFact(
        _ name: String, to bytes: [UInt8], in tables: FileTables
    ) throws(FileFault) {
        tables.setFact.bind(1, name)
        try tables.setFact.run(with: bytes)
    }

    private func keep(_ notes: [FlaggedNote], in tables: FileTables) throws(FileFault) {
        guard !notes.isEmpty else { return }
        for note in notes {
            tables.insertFlagged.bind(1, note.device)
            tables.insertFlagged.bind(2, note.isAlert ? 1 : 0)
            tables.insertFlagged.bind(3, note.text)
            try tables.insertFlagged.run()
        }
        // A few more than are listed may stay for a while.
        flaggedSinceDelete += notes.count
        guard flaggedSinceDelete >= FlaggedNote.limit / 4 else { return }
        flaggedSinceDelete = 0
        tables.deleteFlagged.bind(1, FlaggedNote.limit)
        try tables.deleteFlagged.run()
    }

    private func newestFlagged(
        _ count: Int, in tables: FileTables
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

    private func probe(in tables: FileTables) throws(FileFault) {
        try setFact("probe", to: Array(repeating: 1, count: LogFile.probeBytes), in: tables)
        try setFact("probe", to: [], in: tables)
    }

    /// The bytes of a column whose check sum stands in the column before it in the list of
    /// columns; nil, and counted, when they have changed by themselves.
    func checked(_ statement: Statement, _ column: Int32) -> [UInt8]? {
        let bytes = statement.checked(column)
        if bytes == nil { damaged += 1 }
        return bytes
    }
}

internal import Bytes
internal import Detection
internal import Redis
internal import SeriesLog

/// Copies a log of Redis, as it is at one moment, into the tables of a file: so all tools that read
/// a file read Redis too. Only reads, a little at a time, while the replicas go on.
///
/// Entries are read first, and after them the checkpoints, which meanwhile grow by what the
/// replicas trim. Each portion of checkpoints comes with the log's first entry at that moment. In
/// the end all are brought to where the log began for the last of them, as a trim would do it: with
/// what the entries before that have of their series.
struct RedisCopy: ~Copyable {
    /// Devices whose checkpoints are read at once, and entries.
    private static let portion = 500

    private let questions: RedisQuestions
    private let keys: LogKeys
    private let tables: FileTables
    private var entries: [StoredTurn] = []
    private var devices: [Device] = []
    private var replay: LogReplay
    private let keyLimit: Int

    private struct Device {
        let name: [UInt8]
        let activity: Int
        var elements: [[UInt8]] = []
        /// The log's first entry when they were read.
        var first: UInt64 = 0
    }

    private enum Fault: Error {
        case redis(RedisQuestions.Failure)
        case file(FileFault)
    }

    private init(
        _ questions: RedisQuestions, keys: LogKeys, tables: FileTables, keyLimit: Int
    ) {
        self.questions = questions
        self.keys = keys
        self.tables = tables
        self.keyLimit = keyLimit
        replay = LogReplay(keyLimit: keyLimit)
    }

    /// - Parameters:
    ///   - tables: of a new file.
    ///   - judge: the settings that the replicas judge with.
    static func copy(
        _ keys: LogKeys, of questions: RedisQuestions, into tables: FileTables, keyLimit: Int,
        judge: FoldParameters
    ) throws(ArchiveError) {
        var copy = RedisCopy(questions, keys: keys, tables: tables, keyLimit: keyLimit)
        do throws(Fault) {
            try copy.run(judge)
        } catch {
            switch error {
            case .redis(let failure): throw ArchiveError(failure.description)
            case .file(let fault): throw ArchiveError(fault.reason)
            }
        }
    }

    private mutating func run(_ judge: FoldParameters) throws(Fault) {
        try readEntries()
        guard let birth = entries.first?.position.birth else {
            throw .redis(RedisQuestions.Failure(description: "there is no log of series"))
        }
        let start = try readState()
        try readNames()
        var index = 0
        while index < devices.count {
            try readEntries()
            try readCheckpoints(&index)
        }
        try readEntries()
        let end = try readState()
        guard let last = entries.last, last.position.birth == birth, end.first.birth == birth,
            end.first.number <= last.position.number
        else {
            throw .redis(
                RedisQuestions.Failure(description: "the log was made anew meanwhile; try again"))
        }
        for block in start.keyBlocks { replay.take(keyBlock: block.bytes) }
        for entry in entries where entry.position.number >= start.first.number {
            if entry.position.number < end.first.number { replay.take(entry) }
        }
        try write(end, judge)
    }

    // MARK: Reading

    private func ask(
        _ count: Int = 1, _ write: (inout CommandBuffer) -> Void
    ) throws(Fault) -> [Reply] {
        var commands = CommandBuffer()
        write(&commands)
        do throws(RedisQuestions.Failure) {
            return try questions.replies(to: commands, count: count)
        } catch {
            throw .redis(error)
        }
    }

    private static func turns(_ reply: Reply) -> [StoredTurn] {
        guard case .array(let found) = reply else { return [] }
        return found.compactMap { RedisMachine.turn($0) }
    }

    /// Reads what has come since the last time.
    private mutating func readEntries() throws(Fault) {
        while true {
            let last = entries.last?.position
            let log = keys.log
            let replies = try ask { commands in
                commands.begin(6)
                commands.add("XRANGE")
                commands.add(log.span)
                if let last {
                    commands.add(
                        EntryID(birth: last.birth, number: last.number), isExcluded: true)
                } else {
                    commands.add("-")
                }
                commands.add("+")
                commands.add("COUNT")
                commands.add(integer: RedisCopy.portion)
                commands.end()
            }
            let found = RedisCopy.turns(replies[0])
            entries += found
            if found.count < RedisCopy.portion { return }
        }
    }

    /// What belongs to the whole log, all at one moment.
    private struct State {
        let first: LogPosition
        let keyBlocks: [StoredTurn]
        let fleet: [UInt8]
    }

    private func readState() throws(Fault) -> State {
        let replies = try ask(5) { commands in
            commands.command("MULTI")
            RedisCopy.addFirst(keys, to: &commands)
            commands.begin(4)
            commands.add("XRANGE")
            commands.add(keys.keys.span)
            commands.add("-")
            commands.add("+")
            commands.end()
            commands.begin(2)
            commands.add("GET")
            commands.add(keys.fleet.span)
            commands.end()
            commands.command("EXEC")
        }
        guard case .array(let parts) = replies[4], parts.count == 3,
            let first = RedisCopy.turns(parts[0]).first
        else {
            throw .redis(RedisQuestions.Failure(description: "there is no log of series"))
        }
        var fleet: [UInt8] = []
        if case .text(let text) = parts[2] { fleet = text }
        return State(first: first.position, keyBlocks: RedisCopy.turns(parts[1]), fleet: fleet)
    }

    private static func addFirst(_ keys: LogKeys, to commands: inout CommandBuffer) {
        commands.begin(6)
        commands.add("XRANGE")
        commands.add(keys.log.span)
        commands.add("-")
        commands.add("+")
        commands.add("COUNT")
        commands.add("1")
        commands.end()
    }

    private mutating func readNames() throws(Fault) {
        var cursor: UInt64 = 0
        var known: Set<[UInt8]> = []
        repeat {
            let names = keys.names
            let replies = try ask { commands in
                commands.begin(5)
                commands.add("ZSCAN")
                commands.add(names.span)
                commands.add(text: String(cursor))
                commands.add("COUNT")
                commands.add(integer: 2 * RedisCopy.portion)
                commands.end()
            }
            guard case .array(let parts) = replies[0],
                case .names(let next, let found)? = RedisMachine.names(parts)
            else { return }
            // A scan may tell of a name twice.
            for one in found where known.insert(one.name).inserted {
                devices.append(Device(name: one.name, activity: one.activity))
            }
            cursor = next
        } while cursor != 0
    }

    private mutating func readCheckpoints(_ index: inout Int) throws(Fault) {
        let range = index..<min(devices.count, index + RedisCopy.portion)
        let keys = keys
        let names = devices[range].map(\.name)
        let replies = try ask(range.count + 3) { commands in
            commands.command("MULTI")
            RedisCopy.addFirst(keys, to: &commands)
            for name in names {
                commands.begin(4)
                commands.add("LRANGE")
                commands.add(keys.checkpoint.span, name.span)
                commands.add("0")
                commands.add("-1")
                commands.end()
            }
            commands.command("EXEC")
        }
        guard case .array(let parts) = replies.last, parts.count == range.count + 1,
            let first = RedisCopy.turns(parts[0]).first
        else { throw .redis(RedisQuestions.Failure(description: "there is no log of series")) }
        for (place, reply) in zip(range, parts.dropFirst()) {
            guard case .array(let found) = reply else { continue }
            devices[place].first = first.position.number
            devices[place].elements = found.compactMap {
                if case .text(let text) = $0 { text } else { nil }
            }
        }
        index = range.upperBound
    }

    // MARK: Writing

    private func write(_ end: State, _ judge: FoldParameters) throws(Fault) {
        do throws(FileFault) {
            try tables.database.run("BEGIN IMMEDIATE")
            try writeLog(end, judge)
            for device in devices { try write(device, birth: end.first.birth) }
            // Their names may have been read before they had any sample.
            let known = Set(devices.map(\.name))
            for name in replay.names where !known.contains(name) && !name.isEmpty {
                try write(Device(name: name, activity: 0), birth: end.first.birth)
            }
            try tables.database.run("COMMIT")
        } catch {
            throw .file(error)
        }
    }

    private func writeLog(_ end: State, _ judge: FoldParameters) throws(FileFault) {
        let birth = end.first.birth
        try set("birth", (0..<8).map { UInt8(truncatingIfNeeded: birth >> (8 * $0)) })
        if !end.fleet.isEmpty { try set("fleet", end.fleet) }
        var judges = FoldJudges([])
        _ = judges.add(FoldJudges.name(of: judge), from: 1)
        try set("judges", judges.bytes)
        for block in end.keyBlocks where block.position.birth == birth {
            tables.insertKeys.bind(1, Int(block.position.number))
            try tables.insertKeys.run(with: block.bytes)
        }
        for entry in entries where entry.position.number >= end.first.number {
            tables.insertTurn.bind(1, Int(entry.position.number))
            try tables.insertTurn.run(with: entry.bytes)
        }
    }

    private func set(_ name: String, _ bytes: [UInt8]) throws(FileFault) {
        tables.setFact.bind(1, name)
        try tables.setFact.run(with: bytes)
    }

    private func write(_ device: Device, birth: UInt64) throws(FileFault) {
        var elements = device.elements
        var activity = device.activity
        for part in replay.parts(of: device.name) {
            let records = part.records.filter { $0.entry >= device.first }
            if let last = records.last {
                elements.append(CheckpointCoding.bytes(of: records, birth: birth))
                activity = max(activity, last.arrival)
            }
            if let end = part.endsAt, end >= device.first { elements = [] }
        }
        guard !elements.isEmpty else { return }
        tables.insertName.bind(1, device.name)
        try tables.insertName.run()
        tables.findName.bind(1, device.name)
        let series = try tables.findName.next() ? tables.findName.integer(0) : 0
        tables.findName.reset()
        tables.setActivity.bind(1, series)
        tables.setActivity.bind(2, activity)
        try tables.setActivity.run()
        for element in elements {
            tables.insertElement.bind(1, series)
            try tables.insertElement.run(with: element)
        }
    }
}

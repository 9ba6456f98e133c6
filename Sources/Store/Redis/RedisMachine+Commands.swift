internal import Bytes
internal import Redis
internal import SeriesLog

/// What a log asks for, in Redis' words, and what Redis replies, in the log's.
extension RedisMachine {
    /// Makes a log, unless it is there.
    private static let createScript =
        "if redis.call('EXISTS',KEYS[1])==0 then "
        + "redis.call('XADD',KEYS[1],ARGV[1],'t',ARGV[2]) end return 1"
    /// Names of devices asked for at once.
    private static var namesPerReply: Int { 1_000 }

    /// A command of Redis that belongs to a log's command, before the one with the reply.
    enum Part {
        case ignored
        /// When it fails, so has the log's command.
        case checked
    }

    /// Writes a command of a log.
    /// - Parameter addPurpose: is told of what is written before the command itself.
    mutating func write(
        _ command: LogCommand, of kept: KeptLog, into commands: inout CommandBuffer,
        _ addPurpose: (Part) -> Void
    ) {
        let keys = kept.keys
        switch command {
        case .create: writeCreate(kept, into: &commands)
        case .read(let from, let isExcluded, let limit):
            writeRead(kept, from: from, isExcluded: isExcluded, limit, into: &commands)
        case .lookAt(let number):
            let place = EntryID(birth: kept.log.position.birth, number: number)
            commands.begin(4)
            commands.add("XRANGE")
            commands.add(keys.log.span)
            commands.add(place)
            commands.add(place)
            commands.end()
        case .first: writeFirst(kept, into: &commands)
        case .checkpoint(let series):
            commands.begin(4)
            commands.add("LRANGE")
            addCheckpointKey(of: series, kept, to: &commands)
            commands.add("0")
            commands.add("-1")
            commands.end()
        case .fleetCheckpoint: writeGet(keys.fleet, into: &commands)
        case .keys:
            commands.begin(4)
            commands.add("XRANGE")
            commands.add(keys.keys.span)
            commands.add("-")
            commands.add("+")
            commands.end()
        case .names(let cursor):
            commands.begin(5)
            commands.add("ZSCAN")
            commands.add(keys.names.span)
            commands.add(text: String(cursor))
            commands.add("COUNT")
            commands.add(integer: RedisMachine.namesPerReply)
            commands.end()
        case .append: writeAppend(kept, into: &commands)
        case .watch:
            commands.command("UNWATCH")
            addPurpose(.ignored)
            commands.begin(2)
            commands.add("WATCH")
            commands.add(keys.trims.span)
            commands.end()
            addPurpose(.checked)
            writeGet(keys.trims, into: &commands)
        case .trim: writeTrim(kept, into: &commands, addPurpose)
        }
    }

    private mutating func writeCreate(_ kept: KeptLog, into commands: inout CommandBuffer) {
        let keys = kept.keys
        commands.begin(6)
        commands.add("EVAL")
        commands.add(text: RedisMachine.createScript)
        commands.add("1")
        commands.add(keys.log.span)
        commands.add(EntryID(birth: nextBirth(), number: 1))
        commands.add(kept.log.emptyTurn.span)
        commands.end()
    }

    private func writeAppend(_ kept: KeptLog, into commands: inout CommandBuffer) {
        let keys = kept.keys
        commands.begin(6)
        commands.add("XADD")
        commands.add(keys.log.span)
        commands.add("NOMKSTREAM")
        commands.add(nextOf: kept.log.position.birth)
        commands.add("t")
        commands.add(kept.log.turnBytes.span)
        commands.end()
    }

    private func writeFirst(_ kept: KeptLog, into commands: inout CommandBuffer) {
        let keys = kept.keys
        commands.begin(6)
        commands.add("XRANGE")
        commands.add(keys.log.span)
        commands.add("-")
        commands.add("+")
        commands.add("COUNT")
        commands.add("1")
        commands.end()
    }

    private func writeRead(
        _ kept: KeptLog, from number: UInt64, isExcluded: Bool, _ limit: Int,
        into commands: inout CommandBuffer
    ) {
        let keys = kept.keys
        commands.begin(6)
        commands.add("XRANGE")
        commands.add(keys.log.span)
        if kept.log.position.birth == 0 {
            commands.add("-")
        } else {
            commands.add(
                EntryID(birth: kept.log.position.birth, number: number), isExcluded: isExcluded)
        }
        commands.add("+")
        commands.add("COUNT")
        commands.add(integer: limit)
        commands.end()
    }

    private func writeGet(_ key: [UInt8], into commands: inout CommandBuffer) {
        commands.begin(2)
        commands.add("GET")
        commands.add(key.span)
        commands.end()
    }

    private func addCheckpointKey(
        of series: SeriesID, _ kept: KeptLog, to commands: inout CommandBuffer
    ) {
        let name = kept.log.name(of: series)
        let prefix = kept.keys.checkpoint
        commands.add(prefix.span, name.bytes)
    }

    // MARK: Trims

    /// How long a checkpoint lives, in milliseconds.
    private var expiry: Int {
        LogSettings.expirySpans * Int(settings.timeToLive.milliseconds) + 1
    }

    /// A transaction: what it queues has replies that say nothing, and its end has the outcome.
    private mutating func writeTrim(
        _ kept: KeptLog, into commands: inout CommandBuffer,
        _ addPurpose: (Part) -> Void
    ) {
        guard let group = kept.log.trimGroup else {
            preconditionFailure("a trim without what it writes")
        }
        let keys = kept.keys
        commands.command("MULTI")
        var count = 1
        for list in group.lists { count += write(list, kept, into: &commands) }
        count += writeNames(group, kept, into: &commands)
        commands.begin(3)
        commands.add("SET")
        commands.add(keys.trims.span)
        commands.add(group.token.span)
        commands.end()
        count += 1
        if let number = group.trimsTo {
            count += writeEnd(of: group, number, kept, into: &commands)
        }
        for _ in 0..<count { addPurpose(.ignored) }
        commands.command("EXEC")
    }

    /// - Returns: how many commands it takes.
    private func write(
        _ list: TrimGroup.List, _ kept: KeptLog, into commands: inout CommandBuffer
    ) -> Int {
        var count = 0
        if list.replaces {
            commands.begin(2)
            commands.add("UNLINK")
            addCheckpointKey(of: list.series, kept, to: &commands)
            commands.end()
            count += 1
        }
        if !list.elements.isEmpty {
            commands.begin(2 + list.elements.count)
            commands.add("RPUSH")
            addCheckpointKey(of: list.series, kept, to: &commands)
            for element in list.elements { commands.add(element.span) }
            commands.end()
            count += 1
        }
        if list.expires {
            commands.begin(3)
            commands.add("PEXPIRE")
            addCheckpointKey(of: list.series, kept, to: &commands)
            commands.add(integer: expiry)
            commands.end()
            count += 1
        }
        return count
    }

    private func writeNames(
        _ group: TrimGroup, _ kept: KeptLog, into commands: inout CommandBuffer
    ) -> Int {
        let keys = kept.keys
        let active = group.lists.filter { $0.activity != nil }
        let ended = group.lists.filter(\.hasEnded)
        if !active.isEmpty {
            commands.begin(2 + 2 * active.count)
            commands.add("ZADD")
            commands.add(keys.names.span)
            for list in active {
                commands.add(integer: list.activity ?? 0)
                let name = kept.log.name(of: list.series)
                commands.add(name.bytes)
            }
            commands.end()
        }
        if !ended.isEmpty {
            commands.begin(2 + ended.count)
            commands.add("ZREM")
            commands.add(keys.names.span)
            for list in ended {
                let name = kept.log.name(of: list.series)
                commands.add(name.bytes)
            }
            commands.end()
        }
        return (active.isEmpty ? 0 : 1) + (ended.isEmpty ? 0 : 1)
    }

    /// What goes with the last group: the fleet, the keys, and the log gets shorter.
    private func writeEnd(
        of group: TrimGroup, _ number: UInt64, _ kept: KeptLog,
        into commands: inout CommandBuffer
    ) -> Int {
        let keys = kept.keys
        let birth = kept.log.position.birth
        var count = 2
        if !group.fleet.isEmpty {
            commands.begin(3)
            commands.add("SET")
            commands.add(keys.fleet.span)
            commands.add(group.fleet.span)
            commands.end()
            count += 1
        }
        if !group.keys.isEmpty {
            commands.begin(5)
            commands.add("XADD")
            commands.add(keys.keys.span)
            commands.add(EntryID(birth: birth, number: number))
            commands.add("k")
            commands.add(group.keys.span)
            commands.end()
            count += 1
        }
        if let oldest = group.forgetsKeysBefore {
            writeTrim(of: keys.keys, to: EntryID(birth: birth, number: oldest), &commands)
            count += 1
        }
        // Names stay as long as checkpoints.
        commands.begin(4)
        commands.add("ZREMRANGEBYSCORE")
        commands.add(keys.names.span)
        commands.add("-inf")
        commands.add(
            integer: group.forgetsNamesBefore)
        commands.end()
        writeTrim(of: keys.log, to: EntryID(birth: birth, number: number), &commands)
        return count
    }

    private func writeTrim(
        of key: [UInt8], to place: EntryID, _ commands: inout CommandBuffer
    ) {
        commands.begin(4)
        commands.add("XTRIM")
        commands.add(key.span)
        commands.add("MINID")
        commands.add(place)
        commands.end()
    }

    // MARK: Replies

    /// What a reply, which is no failure, means for the log; nil when it makes no sense.
    func read(_ reply: Reply, to command: LogCommand) -> LogReply? {
        switch (command, reply) {
        case (.append, .text(let text)):
            return EntryID(text.span).map {
                .appended(LogPosition(birth: $0.birth, number: $0.number))
            }
        case (.append, .null), (.trim, .null): return .nothing
        case (.read, .array(let found)), (.lookAt, .array(let found)),
            (.first, .array(let found)), (.keys, .array(let found)):
            return .entries(found.compactMap { RedisMachine.turn($0) })
        case (.checkpoint, .array(let found)):
            return .list(found.compactMap { if case .text(let text) = $0 { text } else { nil } })
        case (.fleetCheckpoint, .text(let text)): return .list([text])
        case (.fleetCheckpoint, .null): return .list([])
        case (.names, .array(let parts)): return RedisMachine.names(parts)
        case (.watch, .text(let token)): return .list([token])
        case (.watch, .null): return .list([])
        case (.create, .integer): return .done
        case (.trim, .array(let parts)):
            // One that failed inside did not undo the others.
            let failed = parts.contains { if case .failure = $0 { true } else { false } }
            return failed ? .refused : .done
        default: return nil
        }
    }

    /// Reads `[id, [field, value]]`.
    static func turn(_ reply: Reply) -> StoredTurn? {
        guard case .array(let parts) = reply, parts.count == 2, case .text(let id) = parts[0],
            let place = EntryID(id.span), case .array(let fields) = parts[1], fields.count >= 2,
            case .text(let bytes) = fields[1]
        else { return nil }
        return StoredTurn(
            position: LogPosition(birth: place.birth, number: place.number), bytes: bytes)
    }

    /// Reads `[cursor, [name, score, …]]`.
    static func names(_ parts: [Reply]) -> LogReply? {
        guard parts.count == 2, case .text(let cursor) = parts[0],
            let next = UInt64(String(decoding: cursor, as: UTF8.self)),
            case .array(let found) = parts[1]
        else { return nil }
        var names: [(name: [UInt8], activity: Int)] = []
        for index in stride(from: 0, to: found.count - 1, by: 2) {
            guard case .text(let name) = found[index], case .text(let score) = found[index + 1],
                let activity = Double(String(decoding: score, as: UTF8.self)),
                activity >= 0, activity < 1e15
            else { continue }
            names.append((name, Int(activity)))
        }
        return .names(next: next, names)
    }
}

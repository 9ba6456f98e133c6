import Bytes
import Redis
import SeriesLog

/// A command as Redis reads it: its name, its key, and so on.
typealias Words = [[UInt8]]

/// The data of a server in memory, and what commands do to it: as much of a Redis as the store
/// uses. It knows no connection and no cluster.
struct ModelRedis {
    struct Entry: Equatable {
        let id: EntryID
        let fields: [[UInt8]]
    }

    struct Stream {
        var entries: [Entry] = []
        var last = EntryID.zero
        /// All entries that ever were appended, whether they are trimmed or not.
        var story: [Entry] = []
    }

    enum Value {
        case string([UInt8])
        case list([[UInt8]])
        case scores([[UInt8]: Int])
        case stream(Stream)
    }

    /// What a command did.
    struct Effect {
        var reply: Reply
        /// What replicas execute, if anything was changed.
        var replicated: Words?

        init(_ reply: Reply, _ replicated: Words? = nil) {
            self.reply = reply
            self.replicated = replicated
        }
    }

    /// Memory is full: commands that need more are refused.
    var isFull = false
    /// A fault to plant: times to live are divided by this.
    var expiryDivisor = 1
    private var values: [String: Value] = [:]
    private var expiries: [String: Int] = [:]
    /// How often a key was changed: this is what WATCH looks at.
    private var changes: [String: UInt64] = [:]
    private var changeCount: UInt64 = 0

    static let ok = Reply.text(Array("OK".utf8))
    static let full = Reply.error(
        Array("OOM command not allowed when used memory > 'maxmemory'.".utf8))

    // MARK: Keys

    /// All keys, in an order that is always the same.
    var keys: [String] { values.keys.sorted() }

    func stream(_ key: String) -> Stream? {
        if case .stream(let stream) = values[key] { stream } else { nil }
    }

    func string(_ key: String) -> [UInt8]? {
        if case .string(let bytes) = values[key] { bytes } else { nil }
    }

    func list(_ key: String) -> [[UInt8]]? {
        if case .list(let elements) = values[key] { elements } else { nil }
    }

    func exists(_ key: String) -> Bool { values[key] != nil }

    func version(of key: String) -> UInt64 { changes[key] ?? 0 }

    /// Drops the key when its time is over.
    mutating func expire(_ key: String, at now: Int) {
        guard let expiry = expiries[key], expiry <= now else { return }
        remove(key)
    }

    private mutating func touch(_ key: String) {
        changeCount += 1
        changes[key] = changeCount
    }

    mutating func remove(_ key: String) {
        guard values.removeValue(forKey: key) != nil else { return }
        expiries[key] = nil
        touch(key)
    }

    mutating func removeAll() {
        for key in keys { remove(key) }
    }

    /// Takes a key away, to give it to another server.
    mutating func take(_ key: String) -> (value: Value, expiry: Int?)? {
        guard let value = values[key] else { return nil }
        let expiry = expiries[key]
        remove(key)
        return (value, expiry)
    }

    mutating func put(_ value: Value, expiry: Int?, at key: String) {
        values[key] = value
        expiries[key] = expiry
        touch(key)
    }

    // MARK: Commands

    /// Whether a command writes, and whether it needs memory to do so.
    static func isWrite(_ name: String) -> Bool { needsMemory(name) || freeing.contains(name) }
    static func needsMemory(_ name: String) -> Bool { growing.contains(name) }
    private static let growing: Set<String> = ["XADD", "RPUSH", "SET", "ZADD", "INCR", "EVAL"]
    private static let freeing: Set<String> = [
        "XTRIM", "UNLINK", "PEXPIRE", "PEXPIREAT", "ZREM", "ZREMRANGEBYSCORE",
    ]

    /// The keys of a command.
    static func keys(_ words: Words) -> [String] {
        switch text(words[0]) {
        case "EVAL": [text(words[3])]
        case "ROLE", "INFO", "WAIT", "CLUSTER", "ASKING", "MULTI", "EXEC", "UNWATCH": []
        default: words.count > 1 ? [text(words[1])] : []
        }
    }

    mutating func execute(_ words: Words, now: Int) -> Effect {
        for key in ModelRedis.keys(words) { expire(key, at: now) }
        let name = text(words[0])
        switch name {
        case "XADD", "XRANGE", "XREVRANGE", "XTRIM", "EVAL": return executeStream(name, words)
        case "ZADD", "ZREM", "ZSCAN", "ZREMRANGEBYSCORE": return executeScores(name, words)
        default: return executeKey(name, words, now: now)
        }
    }

    private mutating func executeKey(_ name: String, _ words: Words, now: Int) -> Effect {
        let key = words.count > 1 ? text(words[1]) : ""
        switch name {
        case "GET":
            guard let value = values[key] else { return Effect(.null) }
            guard case .string(let bytes) = value else { return ModelRedis.wrongType }
            return Effect(.text(bytes))
        case "SET": return set(key, words)
        case "INCR":
            let number = (string(key).flatMap { Int(text($0)) } ?? 0) + 1
            put(.string(Array(String(number).utf8)), expiry: expiries[key], at: key)
            return Effect(.integer(number), words)
        case "EXISTS": return Effect(.integer(exists(key) ? 1 : 0))
        case "UNLINK":
            guard exists(key) else { return Effect(.integer(0)) }
            remove(key)
            return Effect(.integer(1), words)
        case "PEXPIRE", "PEXPIREAT":
            guard exists(key), let span = Int(text(words[2])) else { return Effect(.integer(0)) }
            let expiry = name == "PEXPIRE" ? now + span / expiryDivisor : span
            expiries[key] = expiry
            touch(key)
            return Effect(
                .integer(1), [Array("PEXPIREAT".utf8), words[1], Array(String(expiry).utf8)])
        case "LRANGE":
            guard case .list(let elements) = values[key] else { return Effect(.array([])) }
            return Effect(.array(elements.map { .text($0) }))
        case "RPUSH":
            var elements: [[UInt8]] = []
            if case .list(let found) = values[key] { elements = found }
            elements += words[2...]
            put(.list(elements), expiry: expiries[key], at: key)
            return Effect(.integer(elements.count), words)
        default:
            return Effect(.error(Array("ERR unknown command '\(name)'".utf8)))
        }
    }

    private mutating func set(_ key: String, _ words: Words) -> Effect {
        let options = words.dropFirst(3).map { text($0) }
        if options.contains("NX"), exists(key) { return Effect(.null) }
        put(.string(words[2]), expiry: nil, at: key)
        return Effect(ModelRedis.ok, words)
    }

    private static let wrongType = Effect(
        .error(
            Array("WRONGTYPE Operation against a key holding the wrong kind of value".utf8)))
}

// MARK: Streams

extension ModelRedis {
    private mutating func executeStream(_ name: String, _ words: Words) -> Effect {
        switch name {
        case "EVAL":
            let key = text(words[3])
            if exists(key) { return Effect(.integer(1)) }
            let add = [Array("XADD".utf8), words[3], words[4], Array("t".utf8), words[5]]
            return Effect(.integer(1), executeStream("XADD", add).replicated)
        case "XADD": return add(words)
        case "XRANGE": return Effect(range(words, isReversed: false))
        case "XREVRANGE": return Effect(range(words, isReversed: true))
        default:
            let place = words[3]
            guard var stream = stream(text(words[1])), let bound = EntryID(place.span)
            else { return Effect(.integer(0)) }
            let before = stream.entries.count
            stream.entries.removeAll { $0.id < bound }
            let removed = before - stream.entries.count
            guard removed > 0 else { return Effect(.integer(0)) }
            put(.stream(stream), expiry: nil, at: text(words[1]))
            return Effect(.integer(removed), words)
        }
    }

    private mutating func add(_ words: Words) -> Effect {
        let key = text(words[1])
        var place = 2
        var mayMake = true
        var length: Int?
        while true {
            if text(words[place]) == "NOMKSTREAM" {
                mayMake = false
                place += 1
            } else if text(words[place]) == "MAXLEN" {
                length = Int(text(words[place + 2]))
                place += 3
            } else {
                break
            }
        }
        guard mayMake || exists(key) else { return Effect(.null) }
        var stream = stream(key) ?? Stream()
        guard let id = ModelRedis.place(text(words[place]), after: stream.last) else {
            return Effect(
                .error(
                    Array(
                        ("ERR The ID specified in XADD is equal or smaller than the target "
                            + "stream top item").utf8)))
        }
        let entry = Entry(id: id, fields: Array(words[(place + 1)...]))
        stream.entries.append(entry)
        stream.story.append(entry)
        stream.last = id
        if let length { stream.entries = stream.entries.suffix(length) }
        put(.stream(stream), expiry: nil, at: key)
        var replicated = words
        replicated[place] = id.text
        return Effect(.text(id.text), replicated)
    }

    private static func place(_ text: String, after last: EntryID) -> EntryID? {
        if text == "*" { return EntryID(birth: max(1, last.birth), number: last.number + 1) }
        let parts = text.split(separator: "-").map(String.init)
        guard let birth = UInt64(parts[0]) else { return nil }
        if let number = UInt64(parts[1]) {
            let id = EntryID(birth: birth, number: number)
            return id > last ? id : nil
        }
        if birth < last.birth { return nil }
        return birth == last.birth ? last.next : EntryID(birth: birth, number: 0)
    }

    private func range(_ words: Words, isReversed: Bool) -> Reply {
        let entries = stream(text(words[1]))?.entries ?? []
        let (low, high) = isReversed ? (words[3], words[2]) : (words[2], words[3])
        let found = entries.filter { isAbove($0.id, text(low)) && isBelow($0.id, text(high)) }
        let count = words.count > 5 ? Int(text(words[5])) ?? 0 : found.count
        let page = isReversed ? Array(found.reversed().prefix(count)) : Array(found.prefix(count))
        return .array(
            page.map { entry in
                .array([.text(entry.id.text), .array(entry.fields.map { .text($0) })])
            })
    }

    private func isAbove(_ id: EntryID, _ bound: String) -> Bool {
        if bound == "-" { return true }
        let isExcluded = bound.hasPrefix("(")
        guard let limit = EntryID(Array(bound.dropFirst(isExcluded ? 1 : 0).utf8).span)
        else { return false }
        return isExcluded ? id > limit : id >= limit
    }

    private func isBelow(_ id: EntryID, _ bound: String) -> Bool {
        if bound == "+" { return true }
        guard let limit = EntryID(Array(bound.utf8).span) else { return false }
        return id <= limit
    }
}

// MARK: Sorted sets

extension ModelRedis {
    private mutating func executeScores(_ name: String, _ words: Words) -> Effect {
        let key = text(words[1])
        var scores: [[UInt8]: Int] = [:]
        if case .scores(let found) = values[key] { scores = found }
        let before = scores
        switch name {
        case "ZADD":
            for index in stride(from: 2, to: words.count, by: 2) {
                scores[words[index + 1]] = Int(text(words[index])) ?? 0
            }
        case "ZREM": for member in words[2...] { scores[member] = nil }
        case "ZREMRANGEBYSCORE":
            let bound = Int(text(words[3])) ?? 0
            scores = scores.filter { $0.value > bound }
        default:
            let sorted = scores.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            let pairs = sorted.flatMap { [Reply.text($0.key), .text(Array("\($0.value)".utf8))] }
            return Effect(.array([.text(Array("0".utf8)), .array(pairs)]))
        }
        guard scores != before else { return Effect(.integer(0)) }
        if scores.isEmpty { remove(key) } else { put(.scores(scores), expiry: nil, at: key) }
        return Effect(.integer(abs(scores.count - before.count)), words)
    }
}

extension EntryID {
    var text: [UInt8] { Array("\(birth)-\(number)".utf8) }
}

func text(_ word: [UInt8]) -> String { String(decoding: word, as: UTF8.self) }

/// The commands of a pipeline, word by word.
func parseCommands(_ buffer: borrowing CommandBuffer) -> [Words] {
    let bytes = Array(buffer.bytes.readable)
    var commands: [Words] = []
    var offset = 0
    func number() -> Int {
        offset += 1
        var value = 0
        while bytes[offset] != 0x0D {
            value = value * 10 + Int(bytes[offset] - 0x30)
            offset += 1
        }
        offset += 2
        return value
    }
    while offset < bytes.count {
        var words: Words = []
        for _ in 0..<number() {
            let length = number()
            words.append(Array(bytes[offset..<offset + length]))
            offset += length + 2
        }
        commands.append(words)
    }
    return commands
}

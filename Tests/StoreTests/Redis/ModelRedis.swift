import Bytes
import Detection
import Redis
import SeriesLog
import Store

/// As much of a Redis as the log uses, in memory: it executes commands one by one, and folds every
/// stream as it grows, so that it knows the verdict on each sample of each stream.
struct ModelRedis {
    struct Entry {
        let id: EntryID
        let fields: [Reply]
    }

    struct Stream {
        var entries: [Entry] = []
        var last = EntryID.zero
        var fold: [UInt8]?
    }

    /// A sample in a stream: its timestamps are unique in a simulation.
    struct Place: Hashable {
        let key: String
        let timestamp: Double
    }

    let parameters: FoldParameters
    private(set) var streams: [String: Stream] = [:]
    private(set) var scores: [String: Int] = [:]
    /// The verdicts on each sample that is in the log, one for each time it is there.
    private(set) var verdicts: [Place: [Verdict]] = [:]
    /// Counts what no client can prevent: data that vanished.
    private(set) var epoch = 0
    private(set) var executed: [String: Int] = [:]
    /// What was done, for the message of a failure.
    private(set) var history: [String] = []

    init(_ parameters: FoldParameters) { self.parameters = parameters }

    mutating func flush() {
        note("FLUSHALL")
        streams = [:]
        scores = [:]
        verdicts = [:]
        epoch += 1
    }

    /// Comes back as it was earlier.
    mutating func restore(_ earlier: ModelRedis) {
        let epoch = self.epoch
        self = earlier
        self.epoch = epoch + 1
        note("restored")
    }

    mutating func drop(_ key: String) {
        note("drop \(key)")
        streams[key] = nil
        verdicts = verdicts.filter { $0.key.key != key }
        epoch += 1
    }

    // MARK: Commands

    mutating func execute(_ words: [[UInt8]]) -> Reply {
        let reply = perform(words)
        let shown = words.map { $0.count > 40 ? show($0) : text($0) }
        history.append(shown.joined(separator: " ") + " -> " + show(reply))
        return reply
    }

    private func show(_ reply: Reply) -> String {
        switch reply {
        case .text(let bytes): bytes.count > 40 ? show(bytes) : text(bytes)
        case .array(let parts):
            "[" + parts.map { show($0) }.joined(separator: " ") + "]"
        case .null, .integer, .failure: "\(reply)"
        }
    }

    /// The mark and the timestamps of a packed entry.
    private func show(_ packed: [UInt8]) -> String {
        let entry = EntryCoding.decode(
            .array([.text(Array("1-1".utf8)), .array([.text([0x73]), .text(packed)])]))
        guard let entry else { return "(\(packed.count) bytes)" }
        let times = entry.samples.map { String(Int($0.timestamp) % 10_000) }
        return "<\(entry.mark.writer).\(entry.mark.number): \(times.joined(separator: ","))>"
    }

    mutating func note(_ line: String) { history.append(line) }

    private mutating func perform(_ words: [[UInt8]]) -> Reply {
        let name = text(words[0])
        executed[name, default: 0] += 1
        switch name {
        case "XADD": return add(words)
        case "XRANGE": return range(words, isReversed: false)
        case "XREVRANGE": return range(words, isReversed: true)
        case "XLEN": return .integer(streams[text(words[1])]?.entries.count ?? 0)
        case "PEXPIRE": return .integer(streams[text(words[1])] == nil ? 0 : 1)
        case "WAIT": return .integer(Int(text(words[1])) ?? 0)
        case "ZADD":
            for index in stride(from: 3, to: words.count, by: 2) {
                let member = text(words[index + 1])
                scores[member] = max(scores[member] ?? 0, Int(text(words[index])) ?? 0)
            }
            return .integer(0)
        case "ZCARD": return .integer(scores.count)
        case "ZREVRANK":
            return ranked().firstIndex(of: text(words[2])).map { .integer($0) } ?? .null
        case "ZREVRANGE":
            let (first, last) = (Int(text(words[2])) ?? 0, Int(text(words[3])) ?? 0)
            return .array(
                ranked().dropFirst(first).prefix(last - first + 1).map { .text(Array($0.utf8)) })
        case "ZREMRANGEBYSCORE":
            let bound = Int(text(words[3])) ?? 0
            scores = scores.filter { $0.value > bound }
            return .integer(0)
        case "UNLINK":
            streams[text(words[1])] = nil
            return .integer(1)
        default: return .error(Array("ERR unknown command \(name)".utf8))
        }
    }

    private func ranked() -> [String] {
        scores.sorted { ($0.value, $0.key) > ($1.value, $1.key) }.map(\.key)
    }

    private mutating func add(_ words: [[UInt8]]) -> Reply {
        let key = text(words[1])
        var index = 2
        var oldest: EntryID?
        while true {
            if text(words[index]) == "NOMKSTREAM" {
                if streams[key] == nil { return .null }
                index += 1
            } else if text(words[index]) == "MINID" {
                let bound = words[index + 2]
                oldest = EntryID(bound.span)
                index += 3
            } else {
                break
            }
        }
        var stream = streams[key] ?? Stream()
        guard let id = place(text(words[index]), after: stream.last) else {
            return .error(
                Array(
                    "ERR The ID specified in XADD is equal or smaller than the target stream top item"
                        .utf8))
        }
        let fields = words[(index + 1)...].map { Reply.text($0) }
        stream.entries.append(Entry(id: id, fields: fields))
        stream.last = id
        fold(fields, at: id, of: key, into: &stream)
        if let oldest { stream.entries.removeAll { $0.id < oldest } }
        streams[key] = stream
        return .text(Array("\(id.birth)-\(id.number)".utf8))
    }

    private func place(_ text: String, after last: EntryID) -> EntryID? {
        let parts = text.split(separator: "-").map(String.init)
        guard let birth = UInt64(parts[0]) else { return nil }
        if let number = UInt64(parts[1]) {
            let id = EntryID(birth: birth, number: number)
            return id > last ? id : nil
        }
        if birth < last.birth { return nil }
        return birth == last.birth ? last.next : EntryID(birth: birth, number: 0)
    }

    private mutating func fold(
        _ fields: [Reply], at id: EntryID, of key: String, into stream: inout Stream
    ) {
        guard key.hasPrefix("tidemark:"),
            let entry = EntryCoding.decode(
                .array([.text(Array("\(id.birth)-\(id.number)".utf8)), .array(fields)]))
        else { return }
        var fold = SeriesFold(parameters)
        if let known = stream.fold, let decoded = try? SeriesFold(decoding: known.span, parameters)
        {
            fold = decoded
        }
        for sample in entry.samples {
            let verdict = fold.fold(sample, parameters)
            verdicts[Place(key: key, timestamp: sample.timestamp), default: []].append(verdict)
        }
        stream.fold = fold.encode(parameters)
    }

    private func range(_ words: [[UInt8]], isReversed: Bool) -> Reply {
        let entries = streams[text(words[1])]?.entries ?? []
        let (low, high) = isReversed ? (words[3], words[2]) : (words[2], words[3])
        let found = entries.filter { isAbove($0.id, text(low)) && isBelow($0.id, text(high)) }
        let count = Int(text(words[5])) ?? 0
        let page = isReversed ? Array(found.reversed().prefix(count)) : Array(found.prefix(count))
        return .array(
            page.map { entry in
                .array([
                    .text(Array("\(entry.id.birth)-\(entry.id.number)".utf8)),
                    .array(entry.fields),
                ])
            })
    }

    private func isAbove(_ id: EntryID, _ bound: String) -> Bool {
        if bound == "-" { return true }
        let isExcluded = bound.hasPrefix("(")
        guard let limit = EntryID(Array(bound.dropFirst(isExcluded ? 1 : 0).utf8).span) else {
            return false
        }
        return isExcluded ? id > limit : id >= limit
    }

    private func isBelow(_ id: EntryID, _ bound: String) -> Bool {
        if bound == "+" { return true }
        let isExcluded = bound.hasPrefix("(")
        guard let limit = EntryID(Array(bound.dropFirst(isExcluded ? 1 : 0).utf8).span) else {
            return false
        }
        return isExcluded ? id < limit : id <= limit
    }

    private func text(_ word: [UInt8]) -> String { String(decoding: word, as: UTF8.self) }
}

/// The commands of a pipeline, word by word.
func parseCommands(_ buffer: borrowing CommandBuffer) -> [[[UInt8]]] {
    let bytes = Array(buffer.bytes.readable)
    var commands: [[[UInt8]]] = []
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
        var words: [[UInt8]] = []
        for _ in 0..<number() {
            let length = number()
            words.append(Array(bytes[offset..<offset + length]))
            offset += length + 2
        }
        commands.append(words)
    }
    return commands
}

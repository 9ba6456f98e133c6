import Detection

@testable import SeriesLog

/// What a driver makes of a log's command when it sends it.
enum ModelCommand {
    case create
    case read(from: LogPosition, isExcluded: Bool, limit: Int)
    case lookAt(LogPosition)
    case first
    case checkpoint([UInt8])
    case fleetCheckpoint
    case keys
    case names(cursor: UInt64)
    case append(birth: UInt64, bytes: [UInt8])
    case watch
    case trim(birth: UInt64, TrimGroup, names: [[UInt8]])
}

/// What the server keeps of a connection.
struct ModelSession {
    /// The counter as it was when it was watched; nil when it is not.
    var watched: Int?
}

/// A log as a server keeps it, and all that belongs to it. Commands are executed one at a time.
struct ModelStore {
    struct List {
        var elements: [[UInt8]] = []
        /// By the server's clock, in Unix milliseconds; nil for never.
        var expires: Int?
    }

    /// Rules of the store, or of what a trim writes, that are left out.
    struct Faults: OptionSet {
        let rawValue: Int
        static let noToken = Faults(rawValue: 1)
        static let noKeys = Faults(rawValue: 2)
        static let duplicatesToo = Faults(rawValue: 4)
        static let splitTrim = Faults(rawValue: 8)
        static let earlyExpiry = Faults(rawValue: 16)
        static let birthOfNames = Faults(rawValue: 32)
    }

    let settings: LogSettings
    var faults: Faults = []
    private(set) var isThere = false
    private(set) var entries: [StoredTurn] = []
    private(set) var last = LogPosition.zero
    private var lists: [[UInt8]: List] = [:]
    private var fleet: [UInt8] = []
    private var blocks: [StoredTurn] = []
    private var names: [[UInt8]: Int] = [:]
    /// Changes with every trim.
    private var counter = 0
    var reference: Reference
    private(set) var trims = 0
    private(set) var lostTrims = 0
    /// A command that a real server would have refused.
    private(set) var error: String?

    init(_ settings: LogSettings) {
        self.settings = settings
        reference = Reference(settings)
    }

    var first: LogPosition? { entries.first?.position }

    // MARK: Commands

    /// - Parameters:
    ///   - now: the server's clock, in Unix milliseconds.
    ///   - birth: for a log that is made.
    ///   - landed: told of each part of an entry that is appended.
    mutating func execute(
        _ command: ModelCommand, _ session: inout ModelSession, now: Int, birth: UInt64,
        landed: (LogPosition, [Reference.Part]) -> Void
    ) -> LogReply {
        switch command {
        case .create:
            create(birth)
            return .done
        case .read(let from, let isExcluded, let limit):
            let found = entries.filter {
                isExcluded ? $0.position > from : $0.position >= from
            }
            return .entries(Array(found.prefix(limit)))
        case .lookAt(let position): return .entries(entries.filter { $0.position == position })
        case .first: return .entries(Array(entries.prefix(1)))
        case .checkpoint(let name): return .list(list(name, now)?.elements ?? [])
        case .fleetCheckpoint: return .list(fleet.isEmpty ? [] : [fleet])
        case .keys: return .entries(blocks)
        case .names(let cursor): return scan(cursor)
        case .append(let birth, let bytes): return append(birth, bytes, telling: landed)
        case .watch:
            if session.watched == nil { session.watched = counter }
            return .done
        case .trim(let birth, let group, let names):
            let isAllowed = session.watched == counter || faults.contains(.noToken)
            session.watched = nil
            guard isAllowed else {
                lostTrims += 1
                return .nothing
            }
            trim(birth, group, names: names, now: now)
            return .done
        }
    }

    private mutating func create(_ birth: UInt64) {
        guard !isThere else { return }
        isThere = true
        last = LogPosition(birth: birth, number: 1)
        entries = [StoredTurn(position: last, bytes: [])]
        reference = Reference(settings)
        counter += 1
        if !faults.contains(.birthOfNames) { names = [:] }
    }

    private mutating func append(
        _ birth: UInt64, _ bytes: [UInt8], telling landed: (LogPosition, [Reference.Part]) -> Void
    ) -> LogReply {
        guard isThere, birth >= last.birth else { return .nothing }
        if birth > last.birth {
            last = LogPosition(birth: birth, number: 0)
            reference = Reference(settings)
        } else {
            last.number += 1
        }
        entries.append(StoredTurn(position: last, bytes: bytes))
        if last.number > 0 { landed(last, reference.take(bytes, number: last.number)) }
        return .appended(last)
    }

    private mutating func list(_ name: [UInt8], _ now: Int) -> List? {
        guard let list = lists[name] else { return nil }
        if let expires = list.expires, expires <= now {
            lists[name] = nil
            return nil
        }
        return list
    }

    /// Names in the order of their hashes, some at a time: all that are there from the first call
    /// to the last are told.
    private func scan(_ cursor: UInt64) -> LogReply {
        let rest = names.map { (hash: ModelStore.hash($0.key), name: $0.key, activity: $0.value) }
            .filter { $0.hash > cursor }.sorted { $0.hash < $1.hash }
        let page = rest.prefix(3)
        return .names(
            next: page.count < rest.count ? page.last?.hash ?? 0 : 0,
            page.map { (name: $0.name, activity: $0.activity) })
    }

    private static func hash(_ name: [UInt8]) -> UInt64 {
        name.reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
    }

    // MARK: Trims

    private mutating func trim(
        _ birth: UInt64, _ group: TrimGroup, names writtenNames: [[UInt8]], now: Int
    ) {
        counter += 1
        trims += 1
        if !(faults.contains(.splitTrim) && group.trimsTo != nil && now % 3 == 0) {
            for (list, name) in zip(group.lists, writtenNames) { write(list, of: name, now: now) }
        }
        names = names.filter { $0.value >= group.forgetsNamesBefore }
        guard let end = group.trimsTo else { return }
        let position = LogPosition(birth: birth, number: end)
        fleet = group.fleet
        let keys = faults.contains(.duplicatesToo) ? allKeys(before: position) : group.keys
        if !keys.isEmpty, !faults.contains(.noKeys) {
            if let last = blocks.last, last.position >= position {
                error = "a block of keys is older than the last"
            }
            blocks.append(StoredTurn(position: position, bytes: keys))
        }
        if let bound = group.forgetsKeysBefore {
            blocks.removeAll { $0.position < LogPosition(birth: birth, number: bound) }
        }
        entries.removeAll { $0.position < position }
        checkKeys(birth)
    }

    /// What is remembered must still be in blocks or in the log.
    private mutating func checkKeys(_ birth: UInt64) {
        guard faults.isEmpty, birth == last.birth else { return }
        var kept: Set<UInt64> = []
        for block in blocks where block.position.birth == birth {
            for offset in stride(from: 8, to: block.bytes.count, by: 8) {
                kept.insert(block.bytes.span.word(at: offset))
            }
        }
        for entry in entries {
            var turn = DecodedTurn()
            guard (try? turn.decode(entry.bytes.span)) != nil else { continue }
            for part in turn.parts where part.kind == .keyedSamples { kept.insert(part.key) }
        }
        let lost = reference.keys.count { !kept.contains($0) }
        if lost > 0 { error = "a trim loses \(lost) keys of \(reference.keys.count)" }
    }

    private mutating func write(_ list: TrimGroup.List, of name: [UInt8], now: Int) {
        var stored = self.list(name, now) ?? List()
        if list.replaces { stored = List() }
        stored.elements += list.elements
        if list.expires {
            let life =
                faults.contains(.earlyExpiry)
                ? settings.timeToLive / 8 : LogSettings.expirySpans * settings.timeToLive + 1
            stored.expires = now + life
        }
        lists[name] = stored.elements.isEmpty ? nil : stored
        if list.hasEnded { names[name] = nil }
        if let activity = list.activity { names[name] = activity }
    }

    /// What a trim would write that does not know duplicates.
    private func allKeys(before end: LogPosition) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(word: 0)
        for entry in entries where entry.position < end {
            var turn = DecodedTurn()
            guard (try? turn.decode(entry.bytes.span)) != nil else { continue }
            for part in turn.parts where part.kind == .keyedSamples { bytes.append(word: part.key) }
        }
        return bytes.count > 8 ? bytes : []
    }

    // MARK: Disasters

    /// Everything is gone.
    mutating func flush() {
        let next = counter + 1
        let trims = trims
        let lost = lostTrims
        let faults = faults
        self = ModelStore(settings)
        self.faults = faults
        counter = next
        self.trims = trims
        lostTrims = lost
    }

    /// The log alone is gone: the server was out of memory.
    mutating func evict() {
        isThere = false
        entries = []
        last = .zero
        reference = Reference(settings)
    }
}

extension LogPosition {
    static func < (left: LogPosition, right: LogPosition) -> Bool {
        (left.birth, left.number) < (right.birth, right.number)
    }
    static func <= (left: LogPosition, right: LogPosition) -> Bool { !(right < left) }
    static func > (left: LogPosition, right: LogPosition) -> Bool { right < left }
    static func >= (left: LogPosition, right: LogPosition) -> Bool { !(left < right) }
}

internal import Bytes
internal import Redis
internal import SeriesLog

/// The keys of one log in Redis. The braces put them all into one hash slot of a Redis Cluster.
struct LogKeys: Sendable {
    /// The entries: a stream.
    let log: [UInt8]
    /// Names the transaction that trimmed last: one that watches it fails when another process has
    /// trimmed meanwhile.
    let trims: [UInt8]
    /// Known devices by their last activity: a sorted set.
    let names: [UInt8]
    /// Hashes of keys of requests that have left the log: a stream of blocks.
    let keys: [UInt8]
    /// The fleet's checkpoint.
    let fleet: [UInt8]
    /// Written so that a WAIT after it confirms all that came before.
    let mark: [UInt8]
    /// How many replicas have confirmed at once, where that matters (REDIS_REPLICAS_STRICT).
    let replicas: [UInt8]
    /// Names the process that follows all series of the log.
    let lease: [UInt8]
    /// Before the name of a device: its checkpoint, a list.
    let checkpoint: [UInt8]
    let hashSlot: UInt16

    init(tag: String) {
        let stem = "tm:{\(tag)}"
        let log = Array(stem.utf8)
        self.log = log
        trims = Array("\(stem):trim".utf8)
        names = Array("\(stem):d".utf8)
        keys = Array("\(stem):k".utf8)
        fleet = Array("\(stem):f".utf8)
        mark = Array("\(stem):w".utf8)
        replicas = Array("\(stem):r".utf8)
        lease = Array("\(stem):l".utf8)
        checkpoint = Array("\(stem):c:".utf8)
        hashSlot = SlotMap.slot(ofKey: log.span)
    }
}

/// What all processes agree on, in the key `tm:meta`: written once, by the first.
struct LogMeta: Equatable, Sendable {
    static let key = "tm:meta" as StaticString
    /// Logs of devices, at most: one for each master that was there when the first process came.
    static let logLimit = 16

    /// Tags of the logs with devices' series. One alone has the fleet's series too.
    var tags: [String]
    /// Tag of the log with the fleet's series, where there are several logs.
    var fleetTag: String?

    init(tags: [String], fleetTag: String?) {
        self.tags = tags
        self.fleetTag = fleetTag
    }

    var text: String {
        "1 logs=\(tags.joined(separator: ","))" + (fleetTag.map { " fleet=\($0)" } ?? "")
    }

    /// nil when the text is of another format.
    init?(_ bytes: [UInt8]) {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        guard words.count == 2 || words.count == 3, words[0] == "1", words[1].hasPrefix("logs=")
        else { return nil }
        tags = words[1].dropFirst(5).split(separator: ",").map(String.init)
        if words.count == 3 {
            guard words[2].hasPrefix("fleet=") else { return nil }
            fleetTag = String(words[2].dropFirst(6))
        }
        guard (1...LogMeta.logLimit).contains(tags.count), (tags.count > 1) == (fleetTag != nil)
        else { return nil }
    }

    /// One log for each master, with a tag whose hash slot the master holds now.
    static func chosen(_ map: SlotMap) -> LogMeta {
        let masters = map.nodes.indices.filter { map.isOwner($0) }.prefix(logLimit)
        guard masters.count > 1 else { return LogMeta(tags: ["0"], fleetTag: nil) }
        var tags: [String] = []
        for master in masters {
            // Of so many numbers one falls into each master's slots, however few it has.
            let number = (0..<100_000).first { number in
                let slot = SlotMap.slot(ofKey: Array("tm:{\(number)}".utf8).span)
                return map.owner(slot) == master && !tags.contains(String(number))
            }
            if let number { tags.append(String(number)) }
        }
        return LogMeta(tags: tags, fleetTag: "fleet")
    }
}

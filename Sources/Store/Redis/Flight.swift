internal import Bytes
internal import Redis

/// Commands under way, in their order, and what came of them so far.
struct Flight: Sendable {
    var isFlying = false
    var sentAt = Instant.zero
    var entries: [Int32] = []
    var series: [Int32] = []
    var tags: [Tag] = []
    /// Replies that have come.
    var cursor = 0
    var reads: [Read] = []
    var extras: [QueuedExtra] = []
    var samples = 0
    var isReplicated = true

    struct Read: Sendable {
        let series: Int32
        let need: ReadNeed
        let asked: Int
        let reply: Reply
    }

    /// What a command is for, so that its reply is understood.
    struct Tag: Sendable {
        enum Kind: UInt8, Sendable { case append, length, read, expiry, extra, asking, wait }
        let kind: Kind
        let index: Int32
    }

    mutating func clear() {
        isFlying = false
        entries.removeAll(keepingCapacity: true)
        series.removeAll(keepingCapacity: true)
        tags.removeAll(keepingCapacity: true)
        reads.removeAll(keepingCapacity: true)
        extras.removeAll(keepingCapacity: true)
        cursor = 0
        samples = 0
        isReplicated = true
    }
}

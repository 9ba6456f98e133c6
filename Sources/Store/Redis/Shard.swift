package import Redis
internal import Bytes

/// One master, and what is to be sent to it. At most one flight of commands is under way; what
/// comes meanwhile gathers for the next. The replies to a flight settle all that was sent with it.
package struct Shard: Sendable {
    package let address: NodeAddress
    /// The connection is there and greeted.
    package internal(set) var isReady = false
    /// Which connection it is: every new one has another number.
    package internal(set) var generation: UInt32 = 0
    /// The connection before this one can write no more. What it had in flight and is not in the
    /// log will never be in it.
    var isFenced = true
    /// Replicas that were attached when it greeted.
    var replicas = 0
    /// Since when it cannot be reached; never while it can.
    var downSince = Instant.zero
    /// A server that asked for patience is left alone until then.
    var notBefore = Instant.zero
    /// The server has become a replica, or says things that make no sense: connect anew.
    package internal(set) var wantsReconnect = false

    /// It owns hash slots, by the newest map.
    package internal(set) var isOwner = true

    var gathering: [Int32] = []
    var extras: [QueuedExtra] = []
    var flight = Flight()

    init(_ address: NodeAddress) { self.address = address }

    /// All that has gathered goes with the next flight; the two lists change places.
    mutating func takeAllGathered() { swap(&gathering, &flight.entries) }

    package var isFlying: Bool { flight.isFlying }
    package var hasWork: Bool { !gathering.isEmpty || !extras.isEmpty }
}

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

/// A command beside the series, on its way to a server.
struct QueuedExtra: Sendable {
    let extra: Extra
    /// The hash slot is moving to this server: it executes the command only after ASKING.
    var needsAsking = false
}

/// A command beside the series: the lists that all replicas share.
enum Extra: Sendable {
    /// No request waits for it. It is sent again when the connection is cut.
    case write(hashSlot: UInt16, command: [UInt8])
    case deviceRank(ticket: Int32, after: [UInt8], limit: Int)
    case devicePage(ticket: Int32, start: Int, limit: Int)
    /// The number of devices, for a ticket or (-1) for the gauge.
    case deviceTotal(ticket: Int32)
    case anomalyPage(ticket: Int32, count: Int)
    /// Devices beyond the limit leave the list, and their streams with them.
    case prune(count: Int)
    /// Which master has which hash slots. Every server knows.
    case map
    /// Whether the server still is a master, and how many replicas it has.
    case role

    var ticket: Int32 {
        switch self {
        case .deviceRank(let ticket, _, _), .devicePage(let ticket, _, _),
            .deviceTotal(let ticket), .anomalyPage(let ticket, _):
            ticket
        case .write, .prune, .map, .role: PendingTable.none
        }
    }
}

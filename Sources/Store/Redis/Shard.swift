package import Redis
internal import Bytes
internal import SeriesLog

/// One of the process' logs.
package struct LogID: Hashable, Sendable {
    let index: Int
}

/// A server, in the order in which servers were heard of.
package struct ShardID: Hashable, Sendable {
    package let index: Int

    package init(_ index: Int) { self.index = index }
}

/// One master, and what is to be sent to it. At most one pipeline is under way; what comes
/// meanwhile gathers for the next.
package struct Shard: Sendable {
    package let address: NodeAddress
    /// The connection is there and greeted.
    package internal(set) var isReady = false
    /// Replicas that are attached.
    var replicas = 0
    /// Since when it cannot be reached; never while it can.
    var downSince = Instant.zero
    /// A server that asked for patience is left alone until then.
    var notBefore = Instant.zero
    /// The server has become a replica, or says things that make no sense: connect anew.
    package internal(set) var wantsReconnect = false
    /// It owns hash slots, by the newest map.
    package internal(set) var isOwner = true
    var extras: [QueuedExtra] = []
    var pipeline = Pipeline()

    init(_ address: NodeAddress) { self.address = address }

    package var isUnderWay: Bool { pipeline.isUnderWay }
    package var hasExtras: Bool { !extras.isEmpty }
}

/// Commands under way on one connection, in their order.
struct Pipeline: Sendable {
    /// What a command is for, so that its reply is understood.
    enum Purpose: Sendable {
        /// A command of a log's flight: which, and of which flight.
        case log(LogID, flight: UInt32, command: Int)
        /// A reply that says nothing: ASKING, MULTI and what a transaction has queued.
        case ignored
        case extra(QueuedExtra)
        case wait
    }

    var purposes: [Purpose] = []
    /// Replies that have come.
    var cursor = 0
    var sentAt = Instant.zero
    /// Logs whose flights end when the last reply has come.
    var logs: [LogID] = []

    var isUnderWay: Bool { !purposes.isEmpty }
    var isComplete: Bool { cursor == purposes.count }

    mutating func removeAll() {
        purposes.removeAll(keepingCapacity: true)
        logs.removeAll(keepingCapacity: true)
        cursor = 0
    }
}

/// A log with its way through the servers.
final class KeptLog {
    let id: LogID
    let keys: LogKeys
    var log: TurnLog
    /// Counts its flights, so that a reply to one that was given up is known.
    var flight: UInt32 = 0
    /// Replies to the flight, by the commands; nil for those that have not come.
    var replies: [LogReply?] = []
    var missing = 0
    var hasDetour = false
    /// The server that its last flight was sent to.
    var shard: ShardID?

    init(_ id: LogID, _ keys: LogKeys, _ log: consuming TurnLog) {
        self.id = id
        self.keys = keys
        self.log = log
    }
}

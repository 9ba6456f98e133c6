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
    /// What its replicas confirm.
    var replicas: ReplicaWatch
    /// Its memory, as last told.
    var memory = ServerMemory()
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

    init(_ address: NodeAddress, _ settings: RedisSettings) {
        self.address = address
        replicas = ReplicaWatch(wanted: settings.replicas, settings.strictness)
    }

    package var isUnderWay: Bool { pipeline.isUnderWay }
    package var hasExtras: Bool { !extras.isEmpty }
}

/// Commands under way on one connection, in their order.
struct Pipeline: Sendable {
    /// What a command is for, so that its reply is understood.
    enum Purpose: Sendable {
        /// A command of a log's flight: which, and of which flight.
        case log(LogID, flight: UInt32, command: Int)
        /// A part of one, of which only a failure counts.
        case part(LogID, flight: UInt32, command: Int)
        /// A reply that says nothing: ASKING, MULTI and what a transaction has queued.
        case ignored
        case extra(QueuedExtra)
        /// A write of no meaning before a `wait`, which confirms only what its own connection
        /// wrote.
        case mark
        /// So many replicas are to confirm.
        case wait(ReplicaWatch.Wish)
    }

    /// A log's flight, or a part of it, is in the pipeline.
    struct Passenger: Equatable, Sendable {
        let log: LogID
        let flight: UInt32
    }

    var purposes: [Purpose] = []
    /// Replies that have come.
    var cursor = 0
    var sentAt = Instant.zero
    /// When something was heard of it last: a long one may take its time as long as it goes on.
    var heardAt = Instant.zero
    /// Flights that cannot end before the last reply has come.
    var passengers: [Passenger] = []

    var isUnderWay: Bool { !purposes.isEmpty }
    var isComplete: Bool { cursor == purposes.count }

    mutating func removeAll() {
        purposes.removeAll(keepingCapacity: true)
        passengers.removeAll(keepingCapacity: true)
        cursor = 0
    }

    /// The log's commands in it, on their way to the log's server or on a detour, are forgotten.
    mutating func ignoreLogs() {
        for index in purposes.indices {
            switch purposes[index] {
            case .log, .part: purposes[index] = .ignored
            case .extra(let queued): if case .detour = queued.extra { purposes[index] = .ignored }
            case .ignored, .mark, .wait: break
            }
        }
        passengers.removeAll()
    }
}

/// A log with its way through the servers.
@safe final class KeptLog {
    let id: LogID
    let keys: LogKeys
    // SAFETY: allocated and initialised by `init`, freed by `deinit`, and never handed out.
    private let pointer: UnsafeMutablePointer<TurnLog>
    /// Counts its flights, so that a reply to one that was given up is known.
    var flight: UInt32 = 0
    /// Replies to the flight, by the commands; nil for those that have not come.
    var replies: [LogReply?] = []
    var missing = 0
    var hasDetour = false
    /// The server that its last flight was sent to.
    var shard: ShardID?
    /// The birth of the log that was followed last; 0 before the first.
    var birth: UInt64 = 0
    /// Connections that are gone, on which an entry of the log may still be on its way.
    var loose: [LooseEnd] = []
    /// What the log was told of them.
    var isFenced = true
    /// How many replicas were noted in Redis as seen.
    var rememberedReplicas = 0
    /// This process is the one that follows all series of the log: those that had samples since
    /// then, in Unix milliseconds.
    var hasLease = false
    var followsSince = 0

    struct LooseEnd {
        let shard: ShardID
        /// The server had the log's hash slot not yet, and may have it when the entry arrives.
        let isDetour: Bool
        /// The server did not let us close it.
        var isLasting = false
    }

    init(_ id: LogID, keys: LogKeys, _ log: consuming TurnLog) {
        self.id = id
        self.keys = keys
        // SAFETY: nobody reads the place before it is initialised, below.
        unsafe pointer = .allocate(capacity: 1)
        // SAFETY: the place was just allocated for one log.
        unsafe pointer.initialize(to: log)
    }

    deinit {
        // SAFETY: the log is there since `init`, and nobody uses it after this.
        unsafe pointer.deinitialize(count: 1)
        unsafe pointer.deallocate()
    }

    /// The log. It is behind a pointer, because as a stored property of a class it would be copied
    /// by each call of a function of it, and checked for overlapping use.
    var log: TurnLog {
        // SAFETY: the log is there as long as this object. One thread uses it, and no function of
        // a log calls anybody who could reach it again.
        unsafeAddress { unsafe UnsafePointer(pointer) }
        unsafeMutableAddress { unsafe pointer }
    }

    /// Whether nothing that was sent before can be added to the log, while this server has it. A
    /// server that has lost the log can add nothing.
    func isFenced(at id: ShardID) -> Bool {
        !loose.contains { $0.shard == id || $0.isDetour }
    }

    /// A connection to the server is there again.
    /// - Parameter isFenced: the one before it can write no more.
    func tie(_ id: ShardID, isFenced: Bool) {
        if isFenced {
            loose.removeAll { $0.shard == id && !$0.isLasting }
        } else {
            for index in loose.indices where loose[index].shard == id {
                loose[index].isLasting = true
            }
        }
    }

    /// Tells the log, when it has no flight under way, whether anything can still be added to it.
    func tellFence(at id: ShardID) {
        isFenced = isFenced(at: id)
        log.connected(isFenced: isFenced)
    }
}

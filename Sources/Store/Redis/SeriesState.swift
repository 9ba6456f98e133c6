internal import Redis
internal import Bytes

/// What this loop knows of a series' stream: which entry its fold has reached, and how sure that
/// is.
struct SeriesState {
    enum Standing: UInt8 {
        /// Nothing is known: the stream must be read before anything can be appended.
        case unknown
        /// The stream was read and is not there.
        case absent
        /// The first entry is on its way; whether it really is the first, the stream's length
        /// tells.
        case creating
        /// The fold holds all entries up to `position`.
        case known
    }

    var standing = Standing.unknown
    /// The last entry the fold has taken in.
    var position = EntryID.zero
    /// Who wrote that entry: tells whether the log still is the one that was folded.
    var mark = Mark.none
    /// The newest entry that was heard of.
    var top = EntryID.zero
    /// The last entry in the newest checkpoint that was seen or written.
    var checkpoint = EntryID.zero
    /// The connection on which `position` was found in the log. On another, it may be another log.
    var verifiedBy: UInt32 = 0
    /// Flights in which the stream is still read with each append, because others write too.
    var contention: UInt8 = 0
    var hashSlot: UInt16 = 0
    /// The server to ask once, while the hash slot moves from one master to another; -1 is none.
    var askShard: Int32 = -1
    /// When the time to live was last set.
    var expirySet = Instant(nanoseconds: .min / 2)
    /// Position in `LogMachine.touches`; -1 is none.
    var touch: Int32 = -1

    // The series' entries that are not finished, oldest first, and the one that takes more samples.
    var firstEntry = PendingTable.none
    var lastEntry = PendingTable.none
    var openEntry = PendingTable.none

    // The flight that the series takes part in.
    var isFlying = false
    var need = ReadNeed.none
    var appended: Int32 = 0
    var isRead = false

    /// After another loop has written, the stream is read with each append for so many flights.
    static let contentionSpan: UInt8 = 8

    var isPinned: Bool { firstEntry != PendingTable.none || isFlying }

    /// How far the fold has come since the newest checkpoint.
    var entriesSinceCheckpoint: UInt64 {
        checkpoint.birth == position.birth && checkpoint.number <= position.number
            ? position.number - checkpoint.number : position.number
    }

    /// Entries between the fold and the newest one heard of.
    var entriesBehind: UInt64 {
        guard top > position else { return 0 }
        return top.birth == position.birth ? top.number - position.number : .max
    }

    /// Forgets what was known of the stream, not what is to be done.
    mutating func forget() {
        standing = .unknown
        position = .zero
        mark = .none
        top = .zero
        checkpoint = .zero
        expirySet = Instant(nanoseconds: .min / 2)
    }
}

/// What must be read of a stream in a flight; the larger includes the smaller.
enum ReadNeed: UInt8, Comparable {
    case none
    /// What came after the fold.
    case after
    /// The same, and the fold's own last entry, to see that it is still there.
    case check
    /// From the newest entry backwards to a checkpoint.
    case load

    static func < (left: ReadNeed, right: ReadNeed) -> Bool { left.rawValue < right.rawValue }
}

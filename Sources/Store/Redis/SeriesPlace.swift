internal import Redis
internal import Bytes

/// What this loop knows of a series' stream: how far its fold has come, and how sure that is.
struct SeriesPlace {
    enum Standing: UInt8 {
        /// Nothing is known: the stream must be read before anything can be appended.
        case unknown
        /// The stream was read and is not there.
        case absent
        /// The first entry is on its way; whether it really is the first, the stream's length tells.
        case creating
        /// The fold is as of `position`.
        case known
    }

    var standing = Standing.unknown
    /// The last entry the fold has taken in.
    var position = EntryID.zero
    /// Who wrote that entry: tells whether the log still is the one that was folded.
    var mark = Mark.none
    /// The newest entry that was heard of.
    var top = EntryID.zero
    /// The newest checkpoint that was seen or written, by the entry it is as of.
    var checkpoint = EntryID.zero
    /// The connection on which `position` was found in the log. On another, it may be another log.
    var verifiedBy: UInt32 = 0
    /// Flights during which the stream is read along with each append, because others write too.
    var contention: UInt8 = 0
    var slotNumber: UInt16 = 0
    /// Where this series must be asked for once, while its slot is on its way between two masters.
    var askShard: Int32 = -1
    /// When the time to live was last set.
    var expirySet = Instant(nanoseconds: .min / 2)
    /// Place among the devices touched since the list of devices was last told; -1 is none.
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

    /// A series that others wrote to is read along for so many flights more.
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

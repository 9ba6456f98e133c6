/// What a log asks of the store that keeps it. A flight is some of these in order: the store
/// executes them one after the other, and replies to each.
package enum LogCommand: Equatable, Sendable {
    /// Makes the log with one empty entry, unless it is there.
    case create
    /// Reads entries from this number on, or behind it.
    case read(from: UInt64, isExcluded: Bool, limit: Int)
    /// Reads one entry, if it is there.
    case lookAt(UInt64)
    /// Reads the log's first entry.
    case first
    /// Reads the checkpoint of a series.
    case checkpoint(SeriesID)
    /// Reads the checkpoint of the fleet's series.
    case fleetCheckpoint
    /// Reads the keys of requests that have left the log.
    case keys
    /// Reads names of devices from a cursor on.
    case names(cursor: UInt64)
    /// Appends the turn that is under way, unless the log is gone.
    case append
    /// From here to the next `trim`, a trim by anybody else lets that one fail. The reply is a list
    /// of the token that the last group left, if there was any.
    case watch
    /// Writes a group of checkpoints, and with the last of them trims the log: all or nothing.
    case trim
}

/// What the store says to a command.
package enum LogReply: Sendable {
    /// Entries of the log, or blocks of keys by the entries before which they stood.
    case entries([StoredTurn])
    /// The position that an appended entry got.
    case appended(LogPosition)
    /// There is no such log, key or entry; or the transaction was not executed.
    case nothing
    /// The elements of a checkpoint's list; of `watch` the last group's token.
    case list([[UInt8]])
    /// Names with their last activity, and where to go on; 0 when that was all.
    case names(next: UInt64, [(name: [UInt8], activity: Int)])
    case done
    /// The command was not executed: another server has to be asked, or this one later.
    case elsewhere
    /// The store refuses it for good, or says something that makes no sense.
    case refused
}

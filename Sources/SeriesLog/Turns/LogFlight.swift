/// The commands of a log that are under way, and what has come of them so far.
struct LogFlight {
    enum Append {
        case none
        case stored(LogPosition)
        /// The log is gone, or is another one: nothing was written.
        case missing
        /// Nothing was written, because another server has the log, or this one cannot now.
        case elsewhere
        case refused
    }

    var commands: [LogCommand] = []
    var cursor = 0
    var append = Append.none
    /// Checkpoints that were read, by the commands' order.
    var checkpoints: [(series: SeriesID, elements: [[UInt8]])] = []
    /// A checkpoint was read by a detour, perhaps after the entries.
    var hasDetour = false
    var turns: [StoredTurn] = []
    /// What `first` found; nil for none.
    var first: LogPosition?
    /// What `lookAt` found.
    var seen: StoredTurn?
    /// Of the fleet; nil while it has not come.
    var fleetCheckpoint: [[UInt8]]?
    var keyBlocks: [StoredTurn] = []
    /// Names of devices, and where to go on.
    var names: (next: UInt64, found: [(name: [UInt8], activity: Int)])?
    var isTrimDone = false
    /// Those of them that another process may have changed before it was watched for that.
    var checkpointsBeforeWatch = 0
    /// What the group that was written last left for `watch`; nil for none.
    var trimToken: [UInt8]?
    var isElsewhere = false
    /// Something that the flight is of no use without was refused.
    var isRefused = false
    /// Series whose checkpoints the store refuses to read; `none` is the fleet's.
    var refusedCheckpoints: [SeriesID] = []
    /// The servers that were to confirm what was written have done so.
    var isReplicated = true

    /// As many entries were read as were asked for: there may be more.
    var isFull: Bool {
        for case .read(_, _, let limit) in commands { return turns.count >= limit }
        return false
    }

    var isUnderWay: Bool { !commands.isEmpty }
    /// Whether a reply to each command has come.
    var isComplete: Bool { cursor == commands.count }

    mutating func take(_ reply: LogReply, to command: LogCommand) {
        switch reply {
        case .elsewhere:
            isElsewhere = true
            if command == .append { append = .elsewhere }
        case .refused: refuse(command)
        case .appended(let position): append = .stored(position)
        case .nothing: if command == .append { append = .missing }
        case .entries(let found): take(found, to: command)
        case .list(let elements):
            switch command {
            case .checkpoint(let series): checkpoints.append((series, elements))
            case .watch:
                trimToken = elements.first
                checkpointsBeforeWatch = checkpoints.count
            default: fleetCheckpoint = elements
            }
        case .done: if command == .trim { isTrimDone = true }
        case .names(let next, let found): names = (next, found)
        }
    }

    private mutating func refuse(_ command: LogCommand) {
        switch command {
        case .append: append = .refused
        case .checkpoint(let series): refusedCheckpoints.append(series)
        case .fleetCheckpoint: refusedCheckpoints.append(.none)
        case .names, .trim, .watch, .lookAt: break
        case .create, .read, .first, .keys: isRefused = true
        }
    }

    private mutating func take(_ found: [StoredTurn], to command: LogCommand) {
        switch command {
        case .first: first = found.first?.position
        case .lookAt: seen = found.first
        case .keys: keyBlocks = found
        default: turns = found
        }
    }
}

/// Which devices a log has: their names are read once, and followed from then on.
enum Directory {
    case unread
    case reading(cursor: UInt64, [(name: [UInt8], activity: Int)])
    case complete

    var isComplete: Bool {
        if case .complete = self { true } else { false }
    }
}

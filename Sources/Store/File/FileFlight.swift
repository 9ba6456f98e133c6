internal import SeriesLog

/// What the log asks the file for, in this order. All of it is done, or nothing.
struct FileFlight: Sendable {
    var commands: [LogCommand] = []
    /// Names of the devices whose checkpoints are asked for, in the order of the commands.
    var names: [[UInt8]] = []
    /// The entry that is appended.
    var turn: [UInt8] = []
    /// The first entry of a new log, and the log's birth.
    var emptyTurn: [UInt8] = []
    var birth: UInt64 = 0
    /// What a trim writes, and the names of its series.
    var group: TrimGroup?
    var groupNames: [[UInt8]] = []

    /// Flagged samples to keep.
    var notes: [FlaggedNote] = []
    /// So many of the newest flagged samples are asked for; nil when nobody asks.
    var flaggedCount: Int?
    /// Something of some size is written and taken out again, to see whether that can be done.
    var isProbe = false

    var writes: Bool {
        isProbe || !notes.isEmpty
            || commands.contains { $0 == .append || $0 == .trim || $0 == .create }
    }
}

/// What came of a flight.
struct FileLanding: Sendable {
    /// To each command; none when there was a fault.
    var replies: [LogReply] = []
    var flagged: [FlaggedNote] = []
    var fault: FileFault?
    /// Rows that were found damaged.
    var damaged = 0
    /// Bytes of the file and of what is beside it.
    var fileBytes = 0
}

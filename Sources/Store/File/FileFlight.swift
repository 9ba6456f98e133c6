internal import SeriesLog
internal import Wire

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
    /// Incidents as they are now.
    var incidents: [Incident] = []
    /// They are those of all entries up to this one; nil when that is not to be noted, or (0) is
    /// not known.
    var followed: UInt64?
    /// All incidents that the file has are wanted.
    var readsIncidents = false
    /// So many of the newest flagged samples are asked for; nil when nobody asks.
    var flaggedCount: Int?
    /// From where on names of devices are asked for.
    var listed: [NamesPlace] = []
    /// Something of some size is written and taken out again, to see whether that can be done.
    var isProbe = false

    var writes: Bool {
        isProbe || !notes.isEmpty || !incidents.isEmpty
            || commands.contains { $0 == .append || $0 == .trim || $0 == .create }
    }
}

/// What came of a flight.
struct FileLanding: Sendable {
    /// To each command; none when there was a fault.
    var replies: [LogReply] = []
    var flagged: [FlaggedNote] = []
    /// Those that the file has; nil where nobody asked.
    var incidents: [[UInt8]]?
    /// Up to which entry they are all.
    var followed: UInt64 = 0
    /// To each question for names.
    var listed: [NamesPage] = []
    var fault: FileFault?
    /// Rows that were found damaged.
    var damaged = 0
    /// Bytes of the file and of what is beside it.
    var fileBytes = 0
}

/// A place in the list of devices, the newest activity first.
enum NamesPlace: Sendable {
    /// Devices whose last activity is not later, in Unix milliseconds.
    case from(activity: Int)
    /// Those that follow a device.
    case after([UInt8])
    /// Those that follow a row of the file.
    case behind(Row)

    struct Row: Sendable {
        let activity: Int
        let series: Int
    }
}

/// A part of the list of devices, as the file has it.
struct NamesPage: Sendable {
    /// nil where there is no such device to go on from.
    var names: [[UInt8]]?
    /// Where the list goes on; nil at its end.
    var next: NamesPlace.Row?
}

/// Who asks for names of devices, and how many are still wanted.
struct NamesWanted {
    let ticket: TicketNumber
    var limit: Int
    var place: NamesPlace
}

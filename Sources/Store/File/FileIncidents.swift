internal import SeriesLog
internal import Wire

/// Incidents on their way into the file, and out of it.
struct FileIncidents {
    /// Those of the file that are told at once: the others follow in the next turns.
    private static let toldAtOnce = 2_000
    /// More are kept only once each, until the file takes them.
    private static let keptLimit = 2 * IncidentBook.limit

    /// As the file is to have them, and those of the flight under way.
    private(set) var waiting: [Incident] = []
    private var flying: [Incident] = []
    /// What the file has: it is read once, and told some at a time.
    private var read: ArraySlice<[UInt8]> = []
    private(set) var isRead = false
    /// What the file has is complete up to this entry.
    private(set) var followed: UInt64 = 0

    /// Whether more of the file's are to be told.
    var hasMore: Bool { !read.isEmpty }

    mutating func keep(_ incidents: [Incident]) {
        waiting += incidents
        guard waiting.count > FileIncidents.keptLimit else { return }
        var newest: [IncidentID: Incident] = [:]
        for incident in waiting { newest[incident.id] = incident }
        waiting = Array(newest.values)
    }

    /// Those that wait go with a flight.
    mutating func depart() {
        flying = waiting
        waiting = []
    }

    /// Nothing of the flight was done.
    mutating func putBack() {
        waiting = flying + waiting
        flying = []
    }

    mutating func take(_ landing: FileLanding) {
        flying = []
        guard let found = landing.incidents else { return }
        read = found[...]
        isRead = true
        followed = landing.followed
    }

    /// Some of what the file has, the oldest first, but for those that this build does not know.
    mutating func takeRead() -> [Incident] {
        let some = read.prefix(FileIncidents.toldAtOnce)
        read = read.dropFirst(some.count)
        return some.compactMap { Incident($0) }
    }
}

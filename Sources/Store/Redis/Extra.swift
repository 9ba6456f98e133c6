internal import Redis
internal import SeriesLog

/// A command beside the logs, on its way to a server.
struct QueuedExtra: Sendable {
    let extra: Extra
    /// The hash slot is moving to this server: it executes the command only after ASKING.
    var needsAsking = false

    var isDetour: Bool {
        if case .detour = extra { true } else { false }
    }
}

/// A command beside the logs' own flights.
enum Extra: Sendable {
    /// No request waits for it. It is sent again when the connection is cut.
    case write(hashSlot: UInt16, command: [UInt8])
    case anomalyPage(ticket: TicketNumber, count: Int)
    /// What has changed about incidents.
    case incidentPage
    /// Whether this process is to follow all series of a log.
    case lease(LogID)
    /// Whether this process is to tell the webhook of something.
    case claim(IncidentClaim)
    /// How many replicas have been seen where the log is.
    case replicasSeen(LogID)
    /// A log's command that its server has sent elsewhere, while a hash slot moves.
    case detour(LogID, flight: UInt32, command: Int)
    /// Reads what all processes agree on; writes it before, when it is not there.
    case meta
    case writeMeta(text: String)
    /// Streams of the layout before this one.
    case oldLayout
    /// Which master has which hash slots. Every server knows.
    case map
    /// Whether the server still is a master, and how many replicas it has.
    case role
    /// How much memory the server has, and uses.
    case memory

    var ticket: TicketNumber {
        switch self {
        case .anomalyPage(let ticket, _): ticket
        case .write, .incidentPage, .lease, .claim, .replicasSeen, .detour, .meta, .writeMeta,
            .oldLayout, .map,
            .role,
            .memory:
            .none
        }
    }
}

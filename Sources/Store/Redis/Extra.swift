/// A command beside the series, on its way to a server.
struct QueuedExtra: Sendable {
    let extra: Extra
    /// The hash slot is moving to this server: it executes the command only after ASKING.
    var needsAsking = false
}

/// A command beside the series: the lists that all replicas share.
enum Extra: Sendable {
    /// No request waits for it. It is sent again when the connection is cut.
    case write(hashSlot: UInt16, command: [UInt8])
    case deviceRank(ticket: Int32, after: [UInt8], limit: Int)
    case devicePage(ticket: Int32, start: Int, limit: Int)
    /// The number of devices, for a ticket or (-1) for the gauge.
    case deviceTotal(ticket: Int32)
    case anomalyPage(ticket: Int32, count: Int)
    /// Devices beyond the limit leave the list, and their streams with them.
    case prune(count: Int)
    /// Which master has which hash slots. Every server knows.
    case map
    /// Whether the server still is a master, and how many replicas it has.
    case role

    var ticket: Int32 {
        switch self {
        case .deviceRank(let ticket, _, _), .devicePage(let ticket, _, _),
            .deviceTotal(let ticket), .anomalyPage(let ticket, _):
            ticket
        case .write, .prune, .map, .role: PendingTable.none
        }
    }
}

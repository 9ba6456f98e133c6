internal import Bytes
internal import Wire
internal import System

/// A request that waits for the log: everything its answer will need. They are used again, so that
/// waiting costs no allocation.
final class WaitingRequest {
    enum Kind {
        case samples, analysis, stats, devices, anomalies
    }

    var kind = Kind.samples
    /// Whose request it is.
    var token = Token(bits: 0)
    var request = PendingRequest()
    var query = Query()
    var batch = SampleBatch()
}

/// The requests of a worker that wait for the log, by their tickets.
struct WaitingTable {
    private var waiting: [WaitingRequest?] = []
    private var spare: [WaitingRequest] = []

    /// A request to fill, at the ticket's place.
    mutating func add(_ ticket: Int32) -> WaitingRequest {
        while waiting.count <= Int(ticket) { waiting.append(nil) }
        let request = spare.popLast() ?? WaitingRequest()
        waiting[Int(ticket)] = request
        return request
    }

    mutating func take(_ ticket: Int32) -> WaitingRequest? {
        guard Int(ticket) < waiting.count else { return nil }
        return waiting[Int(ticket)].take()
    }

    /// Gives a request back, to be filled again.
    mutating func reuse(_ request: WaitingRequest) { spare.append(request) }
}

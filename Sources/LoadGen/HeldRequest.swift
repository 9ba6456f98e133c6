internal import Bytes

/// What is known of a request that is under way, beside its bytes.
struct RequestState {
    var kind = RequestKind.plain
    var action = Action.ingest
    /// The plan's step in which it was due.
    var step = 0
    /// When it was due.
    var intended = Instant.zero
    /// Whether it counts: those of the warm-up do not.
    var counts = true
    /// How often it was sent again.
    var retries = 0
}

/// Why a request is sent again.
package enum RetryCause: Int, CaseIterable, Sendable {
    /// It was answered 503: the server could not take it, or not all of it.
    case unavailable
    /// The connection was closed before the answer was whole.
    case reset
    /// The answer was not whole in time.
    case timeout
    /// There was no connection for it.
    case connect

    /// As results spell it.
    package var name: String {
        switch self {
        case .unavailable: "503"
        case .reset, .timeout, .connect: failure.name
        }
    }

    /// What the request has failed by, if it is not sent again.
    var failure: Failure {
        switch self {
        case .unavailable: .status5xx
        case .reset: .reset
        case .timeout: .timeout
        case .connect: .connect
        }
    }

    /// Nil for a failure that another attempt would meet too.
    init?(_ failure: Failure) {
        switch failure {
        case .reset: self = .reset
        case .timeout: self = .timeout
        case .connect: self = .connect
        case .status3xx, .status4xx, .status5xx, .unexpectedStatus, .badAnswer: return nil
        }
    }
}

/// A request as it was sent, kept until its final answer: a retry has the same bytes.
final class HeldRequest {
    var bytes = ByteBuffer(limit: Traffic.requestLimit)
    /// The target that its bytes name.
    var address = 0
    var state = RequestState()
    /// Why it waits to be sent again.
    var cause = RetryCause.unavailable
}

/// The requests of one thread that wait to be sent again, the first due first.
struct RetryQueue {
    /// Most requests, and bytes of requests, that wait in all threads together.
    static let requestLimit = 100_000
    static let byteLimit = 256 * 1024 * 1024

    /// A heap: no entry is due before its parent, which stands at half its place.
    private var entries: [(due: Instant, request: HeldRequest)] = []
    private var byteCount = 0
    private let requestLimit: Int
    private let byteLimit: Int

    /// - Parameter threads: those that share the limits.
    init(threads: Int) {
        requestLimit = RetryQueue.requestLimit / threads
        byteLimit = RetryQueue.byteLimit / threads
    }

    var isEmpty: Bool { entries.isEmpty }
    /// When the first is due; nil where none waits.
    var nextDue: Instant? { entries.first?.due }

    /// - Returns: false where there is no room for another.
    mutating func add(_ request: HeldRequest, at due: Instant) -> Bool {
        guard entries.count < requestLimit, byteCount + request.bytes.count <= byteLimit else {
            return false
        }
        byteCount += request.bytes.count
        entries.append((due, request))
        var place = entries.count - 1
        while place > 0, entries[place].due < entries[(place - 1) / 2].due {
            entries.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
        return true
    }

    mutating func removeFirst() -> HeldRequest? {
        guard let first = entries.first?.request else { return nil }
        byteCount -= first.bytes.count
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2]
            where child < entries.count && entries[child].due < entries[least].due {
                least = child
            }
            if least == place { return first }
            entries.swapAt(place, least)
            place = least
        }
    }
}

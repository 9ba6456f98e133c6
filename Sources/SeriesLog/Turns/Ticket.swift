internal import Bytes
package import Detection
package import Wire

/// A request that waits for the logs; it names the request until its ticket is released.
package struct TicketNumber: Hashable, Sendable {
    package let index: Int32

    package init(index: Int32) { self.index = index }

    /// Nobody waits.
    package static let none = TicketNumber(index: -1)

    package var isNone: Bool { index < 0 }
}

/// One request that waits for the logs, and what it has got so far.
package struct Ticket: Sendable {
    /// Parts that are not finished: each sample, each question, and the opener's own.
    var outstanding = 0
    var deadline = Instant.zero
    var serial: UInt32 = 0
    var isOpen = false
    /// The answer is decided: all parts are finished, or one has failed, or time is over.
    var isDecided = false
    var isReleased = false

    package internal(set) var failure: StoreFailure?
    /// By the samples' places in the request.
    package internal(set) var verdicts: [Verdict] = []
    /// Places of samples that an earlier request with the same key had stored.
    package internal(set) var duplicates: [Int32] = []
    /// By the places asked for; nil for a series that is not there.
    package var summaries: [SeriesSummary?] = []
    /// What there is of a series that is to be folded again; nil when it is not there.
    package var history: SeriesHistory?

    // A step is one call, not a line for each field: every access of an array's element from
    // outside asks first whether the array is anybody else's.

    /// - Returns: its serial.
    mutating func open(samples: Int, deadline: Instant) -> UInt32 {
        outstanding = 1
        self.deadline = deadline
        serial &+= 1
        isOpen = true
        isDecided = false
        isReleased = false
        failure = nil
        verdicts.removeAll(keepingCapacity: true)
        if samples > 0 {
            verdicts.append(contentsOf: repeatElement(Verdict(), count: samples))
        }
        return serial
    }

    mutating func extend(to count: Int, of total: Int) {
        verdicts.reserveCapacity(total)
        verdicts.append(contentsOf: repeatElement(Verdict(), count: count - verdicts.count))
    }

    /// - Returns: whether they were the last parts.
    mutating func finish(parts: Int, nextBy deadline: Instant) -> Bool {
        outstanding -= parts
        precondition(outstanding >= 0, "a part of a request is finished twice")
        self.deadline = deadline
        return outstanding == 0
    }

    /// - Returns: whether nothing will ever be done with it again, and it can be opened anew.
    mutating func closeIfReleased() -> Bool {
        guard isReleased, outstanding == 0, isOpen else { return false }
        isOpen = false
        if !summaries.isEmpty { summaries = [] }
        if !duplicates.isEmpty { duplicates = [] }
        history = nil
        // A large batch is rare; what it took is not kept for small ones.
        if verdicts.capacity > 4096 { verdicts = [] }
        return true
    }
}

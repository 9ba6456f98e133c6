internal import Bytes
package import Detection
package import Wire

/// One request that waits for the log, and what it has got so far.
package struct Ticket: Sendable {
    /// Parts that are not finished: each sample in each of its series, each series to be seen.
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
    /// By the places asked for; nil for a series that is not there.
    package internal(set) var summaries: [SeriesSummary?] = []
    /// GET /devices: the page's names, and how many there are in all.
    package internal(set) var names: [[UInt8]]?
    package internal(set) var total = 0
    /// GET /anomalies: JSON objects, newest first.
    package internal(set) var flagged: [FlaggedNote] = []

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

    /// - Returns: whether it was the last part.
    mutating func finishPart(nextBy deadline: Instant) -> Bool {
        outstanding -= 1
        self.deadline = deadline
        return outstanding == 0
    }

    /// - Returns: whether nothing will ever be done with it again, and it can be opened anew.
    mutating func closeIfReleased() -> Bool {
        guard isReleased, outstanding == 0, isOpen else { return false }
        isOpen = false
        if !summaries.isEmpty { summaries = [] }
        if names != nil { names = nil }
        if !flagged.isEmpty { flagged = [] }
        // A large batch is rare; what it took is not kept for small ones.
        if verdicts.capacity > 4096 { verdicts = [] }
        return true
    }
}

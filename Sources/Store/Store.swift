package import Bytes
package import Detection
package import System
package import Telemetry
package import Wire

/// Where series live, as one loop of the process sees it. Each loop has one of its own.
///
/// A turn of the loop: `tellTime`, then `handle`, `append` and `ask` as things arrive, then
/// `lookAtWhatIsDue`, `nextFinished` until there is none left, and `endTurn`.
package protocol Store: ~Copyable, SendableMetatype {
    /// What all loops of the process share.
    associatedtype Shared: SharedStore

    init(_ shared: Shared, _ seat: StoreSeat)

    /// Tells the time; before anything else in a turn.
    mutating func tellTime(_ now: Instant, unixMilliseconds: Int)

    /// Stores the samples of a batch, which has at least one. Where the batch has a key, the pieces
    /// of the same request that are stored already become duplicates. When that is done at once the
    /// batch has its verdicts afterwards. When it has to wait, the store keeps the batch and leaves
    /// another.
    mutating func append(_ batch: inout SampleBatch) -> Storing

    /// Asks for what a GET is answered with.
    mutating func ask(_ call: Call) -> Asking

    /// The next request whose outcome is known now; each ticket comes once.
    /// - Parameter batch: where the outcome is `stored`, the batch with its verdicts afterwards.
    mutating func nextFinished(_ batch: inout SampleBatch) -> Finished?

    /// Whether something has gathered that leaves together with what else arrives now.
    var isGathering: Bool { mutating get }

    /// Serves an event of one of the store's own descriptors.
    mutating func handle(_ event: Event)

    /// Does what is due at this time.
    mutating func lookAtWhatIsDue()

    /// Sends what this turn brought, and watches the store's own descriptors.
    mutating func endTurn(_ poller: borrowing Poller)

    /// When something is due next; never when nothing is.
    mutating func nextLook() -> Instant

    /// Whether other loops still need this one, though it has nothing to do itself.
    var isServingOthers: Bool { get }

    /// The loop is about to end: what others should know is told now.
    mutating func startDraining()

    /// What the operator should read, once each.
    mutating func takeNotices() -> [Notice]
}

/// What all loops of a process share of a store. Any thread may ask.
package protocol SharedStore: AnyObject, Sendable {
    /// The store in words, for the log; without a password.
    var summary: String { get }
    /// Why samples cannot be stored; nil while they can.
    var failure: StoreFailure? { get }
    /// What went wrong last, in the words of the log; empty while nothing has.
    var failureReason: String { get }
    /// The fleet's series, as last seen.
    var fleet: SeriesSummary { get }
    /// The incidents of all series.
    var incidents: IncidentBook { get }
    /// Devices, as last counted.
    var deviceCount: Int { get }
    /// When the oldest request that is remembered by its key arrived, about, in Unix seconds; nil
    /// when none is remembered.
    var oldestKeyTime: Int? { get }
    /// Writes the store's own metrics, in all their families.
    func write(_ writer: inout ExpositionWriter, into output: inout ByteBuffer)
}

extension SharedStore {
    package var failureReason: String { "" }
}

/// What a store gets from the loop it belongs to.
package struct StoreSeat: Sendable {
    /// The loop's number; the first looks after what all loops share.
    package let loop: Int
    /// Wakes the loop from other threads.
    package let wakeUp: Int32
    /// Kind of the tokens whose events belong to the store.
    package let tokenKind: UInt8

    package init(loop: Int, wakeUp: Int32, tokenKind: UInt8) {
        self.loop = loop
        self.wakeUp = wakeUp
        self.tokenKind = tokenKind
    }
}

/// A request that waits for a store.
package struct TicketID: Hashable, Sendable {
    /// Small numbers, used again.
    package let number: Int32

    package init(_ number: Int32) { self.number = number }
}

/// How far the samples of a request have come. Small, because every request with samples has one.
package enum Storing {
    /// They are stored; their verdicts stand in the batch.
    case stored
    case waiting(TicketID)
    case failed(StoreFailure)
}

/// How far the answer to a call has come.
package enum Asking {
    case answered(Answer)
    case waiting(TicketID)
    case failed(StoreFailure)
}

/// What became of a request that waited.
package enum Outcome {
    /// The samples are stored; their verdicts stand in the batch.
    case stored
    case answered(Answer)
    case failed(StoreFailure)
    /// Some of the samples are stored, and the others are not, or nobody can tell.
    case storedPartly(StoreFailure, accepted: Int)
}

/// A request that waited, with its outcome.
package struct Finished {
    package let ticket: TicketID
    package let outcome: Outcome
}

/// A line for the operator.
package struct Notice: Sendable {
    package let isWarning: Bool
    package let text: String
}

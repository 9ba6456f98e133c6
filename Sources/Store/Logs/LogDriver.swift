package import Bytes
package import Detection
package import SeriesLog
package import System
package import Wire

/// The logs of a process, in Redis or in a file, as the loop that keeps them uses them.
///
/// A turn of the loop: `tellTime`, then `handle`, `append` and the questions as things arrive, then
/// `lookAtWhatIsDue`, and `flush`.
package protocol LogDriver: ~Copyable {
    associatedtype Shared: SharedLogs

    init(_ shared: Shared, _ seat: StoreSeat)

    /// The requests that wait.
    var tickets: TicketTable { get set }
    var now: Instant { get }
    /// The time, in Unix milliseconds.
    var unixMilliseconds: Int { get }

    /// Whether the store has not been heard of yet, and has not been given up.
    var isStarting: Bool { mutating get }
    /// How long a request waits while the store is starting.
    var timeout: TimeSpan { get }
    /// Why so many samples cannot be taken in now; nil when they can.
    mutating func obstacle(to samples: Int) -> StoreFailure?
    /// Whether there is no room for new devices.
    var isFull: Bool { get }
    /// Places of the batch's samples whose devices have no series yet.
    mutating func newDevices(of batch: borrowing SampleBatch) -> [Int]

    /// Takes in a piece of a request with samples, whose ticket the keeper has opened.
    mutating func append(piece: Int, of batch: borrowing SampleBatch, _ ticket: TicketNumber)
    /// Whether the log has become long, because trims do not keep up.
    var isBehind: Bool { mutating get }
    /// Samples that gather for the next entry.
    var gatheredSamples: Int { mutating get }
    /// Asks for a device's series as it is now, or for the fleet's when there is no name.
    mutating func ask(about device: [UInt8]?) -> TicketNumber
    /// Asks for a page of the devices with the newest activity, or of those that follow `after`.
    mutating func askForDevices(after: [UInt8]?, limit: Int) -> TicketNumber
    /// Asks for the newest flagged samples.
    mutating func askForFlagged(count: Int) -> TicketNumber
    /// Asks for what there is of a series, to be folded again: it comes as the ticket's history,
    /// or not, when there is no such series.
    mutating func askForSeries(_ query: SeriesQuery) -> TicketNumber
    /// What a listing is made of; once.
    mutating func takeListing(_ ticket: TicketNumber) -> Listing

    /// Samples are stored: what others want to know of them is told.
    mutating func stored(_ batch: borrowing SampleBatch, flagged: [FlaggedNote])

    /// What folds have said of incidents since the last time.
    mutating func takeIncidentEvents() -> [IncidentEvent]
    /// Sees to it that the incidents of all series become known, where that is this process' work.
    mutating func followIncidents()
    /// Incidents that the store has told of since the last time.
    mutating func takeIncidents() -> [Incident]
    /// Gives incidents as they are now to the store.
    mutating func keep(_ incidents: [Incident])
    /// When the last sample of a device (empty for the fleet) came, at the latest, in Unix
    /// milliseconds; nil when it has no series. Only while nothing fails.
    func lastActivity(of device: [UInt8]) -> Int?

    mutating func tellTime(_ now: Instant, unixMilliseconds: Int)
    mutating func handle(_ event: Event)
    mutating func lookAtWhatIsDue()
    /// Whether something has gathered that can be sent now.
    var canFly: Bool { mutating get }
    /// Sends what has gathered, and watches what is to be watched.
    mutating func flush(_ poller: borrowing Poller)
    mutating func nextLook() -> Instant
    /// What the operator should read, once each.
    mutating func takeNotices() -> [Notice]

    /// Why samples cannot be stored, or not safely; nil when they can.
    var failure: StoreFailure? { mutating get }
    /// The fleet's series, about, for gauges.
    mutating func glanceAtFleet() -> SeriesSummary
    var deviceCount: Int { mutating get }
    /// Tells the metrics what has been counted.
    mutating func tellMetrics()
}

/// What all loops of a process share of a store with logs.
package protocol SharedLogs: SharedStore {
    var exchange: LoopExchange { get }
    var reader: HistoryReader { get }
}

extension SharedLogs {
    package var failure: StoreFailure? { exchange.failure }
    package var failureReason: String { exchange.reason }
    package var fleet: SeriesSummary { exchange.fleet }
    package var incidents: IncidentBook { exchange.incidents }
    package var deviceCount: Int { exchange.deviceCount }
}

/// What a list of devices, or of flagged samples, is made of.
package struct Listing {
    package var flagged: [FlaggedNote] = []
    /// nil where there is no such device to go on from.
    package var names: [[UInt8]]?
    package var total = 0
}

internal import Bytes
internal import Detection
internal import Synchronization
internal import Wire

/// What the loops of a process exchange with the one that keeps the logs, and what that one last
/// saw.
package final class LoopExchange: Sendable {
    /// From the other loops to the one that keeps the logs.
    let requests = RequestQueue()
    /// From that one to each of the others, by loop.
    let answers: [RequestQueue]
    let incidents: IncidentBook
    private let otherLoops = Atomic<Int>(0)
    private let seenFleet = Mutex(SeriesSummary.empty)
    /// Until the keeper has told otherwise, nothing can be stored.
    private let seenFailure = Mutex<StoreFailure?>(.unreachable)
    private let seenReason = Mutex("")
    private let seenDevices = Atomic<Int>(0)

    /// - Parameter timeToLive: SERIES_TTL.
    init(loops: Int, timeToLive: TimeSpan) {
        answers = (0..<loops).map { _ in RequestQueue() }
        incidents = IncidentBook(keepsChanges: true, timeToLive: timeToLive)
    }

    var failure: StoreFailure? { seenFailure.withLock { $0 } }
    var fleet: SeriesSummary { seenFleet.withLock { $0 } }
    var deviceCount: Int { seenDevices.load(ordering: .relaxed) }

    /// Takes over whether samples can be stored.
    func see(failure: StoreFailure?) {
        seenFailure.withLock { if $0 != failure { $0 = failure } }
    }

    /// What went wrong last, in words.
    var reason: String { seenReason.withLock { $0 } }
    func see(reason: String) { seenReason.withLock { $0 = reason } }

    /// Takes over what the keeper has seen.
    func see(_ fleet: SeriesSummary, devices: Int) {
        seenFleet.withLock { $0 = fleet }
        seenDevices.store(devices, ordering: .relaxed)
    }

    // MARK: Loops

    /// Whether another loop still needs the one that keeps the logs.
    var hasOtherLoops: Bool { otherLoops.load(ordering: .acquiring) > 0 }

    /// A loop that needs the keeper begins.
    func join() { otherLoops.add(1, ordering: .acquiringAndReleasing) }

    /// It has ended; the keeper may be waiting for that.
    func leave() {
        otherLoops.subtract(1, ordering: .acquiringAndReleasing)
        requests.wake()
    }
}

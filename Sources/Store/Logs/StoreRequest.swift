internal import Synchronization
internal import System
internal import Wire

/// A request on its way between the loop that has it and the loop that keeps the logs. It is used
/// again for other requests, so that waiting costs no allocation.
///
/// SAFETY of `@unchecked`: one loop has it at a time; queues hand it over under their locks.
final class StoreRequest: @unchecked Sendable {
    /// nil for a request with samples.
    var call: Call?
    var batch = SampleBatch()
    /// How it ended; nil while it waits.
    var outcome: Outcome?
    /// The loop that has it, and its ticket there.
    let loop: Int
    let ticket: TicketID

    init(loop: Int, ticket: TicketID) {
        self.loop = loop
        self.ticket = ticket
    }
}

/// Requests that one loop gives to another.
final class RequestQueue: Sendable {
    private struct State {
        var requests: [StoreRequest] = []
        /// Wakes the loop that takes them; nil while it does not run.
        var wakeUp: Int32?
    }

    private let state = Mutex(State())
    private let hasRequests = Atomic(false)

    /// The loop that takes them runs from now on, or (nil) does so no more.
    func serve(by wakeUp: Int32?) {
        state.withLock { $0.wakeUp = wakeUp }
    }

    func put(_ requests: inout [StoreRequest]) {
        guard !requests.isEmpty else { return }
        state.withLock { state in
            let wasEmpty = state.requests.isEmpty
            state.requests += requests
            hasRequests.store(true, ordering: .releasing)
            if wasEmpty, let wakeUp = state.wakeUp { WakeUp.signal(wakeUp) }
        }
        requests.removeAll(keepingCapacity: true)
    }

    /// Wakes the loop though there is nothing to take.
    func wake() {
        state.withLock { state in
            if let wakeUp = state.wakeUp { WakeUp.signal(wakeUp) }
        }
    }

    /// Takes all that has gathered.
    func take(_ taken: inout [StoreRequest]) {
        guard hasRequests.load(ordering: .acquiring) else { return }
        state.withLock { state in
            if taken.isEmpty {
                swap(&taken, &state.requests)
            } else {
                taken += state.requests
                state.requests.removeAll(keepingCapacity: true)
            }
            hasRequests.store(false, ordering: .releasing)
        }
    }
}

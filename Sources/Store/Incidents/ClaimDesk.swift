internal import Synchronization
package import Wire

/// The right to tell the webhook of one event of an incident: one process has it at a time.
package struct IncidentClaim: Hashable, Sendable {
    package let id: IncidentID
    package let occasion: IncidentOccasion

    package init(_ id: IncidentID, _ occasion: IncidentOccasion) {
        self.id = id
        self.occasion = occasion
    }

    /// The same for the same event, whoever tells of it.
    package var text: String { "\(id.text)-\(occasion.word)" }
}

/// Where whoever tells the webhook asks for claims, and the loop that keeps the store answers.
/// Where no other process shares the store, all are granted at once.
package final class ClaimDesk: Sendable {
    private struct State {
        var asked: [IncidentClaim] = []
        /// What was told: its claims are to outlive what others know of it.
        var settled: [IncidentClaim] = []
        var answers: [IncidentClaim: Bool] = [:]
        var wakeKeeper: (@Sendable () -> Void)?
        var wakeAsker: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    private let hasAsked = Atomic<Bool>(false)

    init() {}

    /// Claims are shared with other processes.
    /// - Parameter wake: wakes the loop that answers.
    func share(waking wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.wakeKeeper = wake }
    }

    /// - Parameter wake: called when there is an answer.
    package func serve(_ wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.wakeAsker = wake }
    }

    // MARK: Who asks

    /// - Returns: whether it is granted at once; if not, an answer may come.
    package func ask(_ claim: IncidentClaim) -> Bool {
        let wake = state.withLock { state in
            // An answer to an earlier question may be out of date.
            state.answers[claim] = nil
            if state.wakeKeeper != nil { state.asked.append(claim) }
            return state.wakeKeeper
        }
        guard let wake else { return true }
        hasAsked.store(true, ordering: .releasing)
        wake()
        return false
    }

    /// Whether a claim is granted; nil while that is not known.
    package func takeAnswer(_ claim: IncidentClaim) -> Bool? {
        state.withLock { $0.answers.removeValue(forKey: claim) }
    }

    /// What was claimed is told.
    package func settle(_ claim: IncidentClaim) {
        let wake = state.withLock { state in
            if state.wakeKeeper != nil { state.settled.append(claim) }
            return state.wakeKeeper
        }
        hasAsked.store(true, ordering: .releasing)
        wake?()
    }

    // MARK: Who answers

    func takeAsked() -> (asked: [IncidentClaim], settled: [IncidentClaim]) {
        guard hasAsked.exchange(false, ordering: .acquiringAndReleasing) else { return ([], []) }
        return state.withLock { state in
            defer { (state.asked, state.settled) = ([], []) }
            return (state.asked, state.settled)
        }
    }

    func answer(_ claim: IncidentClaim, isGranted: Bool) {
        let wake = state.withLock { state in
            state.answers[claim] = isGranted
            return state.wakeAsker
        }
        wake?()
    }
}

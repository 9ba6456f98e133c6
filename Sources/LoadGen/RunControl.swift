internal import Synchronization

/// By which whoever watches a run ends it early; its threads look at it once a turn.
final class RunControl: Sendable {
    private let stopped = Atomic(false)

    var isStopped: Bool { stopped.load(ordering: .relaxed) }
    func stop() { stopped.store(true, ordering: .relaxed) }
}

/// How a run ended.
enum Ending: Equatable, Sendable {
    /// As its plan says.
    case complete
    /// By a signal.
    case interrupted
    /// By a rule of `--abort-on`, in words.
    case aborted(String)
}

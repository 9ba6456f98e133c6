internal import Synchronization

/// Who is told of incidents.
package enum PushKind: Int, Sendable, CaseIterable {
    case alertmanager, webhook

    package var word: StaticString { self == .alertmanager ? "alertmanager" : "webhook" }
}

/// What became of notifications, for /metrics.
package final class PushMetrics: Sendable {
    package enum Outcome: Int, Sendable, CaseIterable {
        /// The target has taken them.
        case sent
        /// The target could not be reached, or said that it could not: they are sent again.
        case failed
        /// The target does not want them as they are: they are not sent again.
        case refused
        /// They were given up.
        case dropped

        package var word: StaticString {
            switch self {
            case .sent: "sent"
            case .failed: "failed"
            case .refused: "refused"
            case .dropped: "dropped"
            }
        }
    }

    private let counts = Mutex(
        Array(repeating: 0, count: PushKind.allCases.count * Outcome.allCases.count))
    private let waitingCounts = Mutex(Array(repeating: 0, count: PushKind.allCases.count))

    package init() {}

    private static func place(_ kind: PushKind, _ outcome: Outcome) -> Int {
        kind.rawValue * Outcome.allCases.count + outcome.rawValue
    }

    func add(_ count: Int, _ outcome: Outcome, to kind: PushKind) {
        counts.withLock { $0[PushMetrics.place(kind, outcome)] += count }
    }

    /// Incidents, or events of them, that a target is still to be told of.
    func change(waiting kind: PushKind, by difference: Int) {
        if difference != 0 { waitingCounts.withLock { $0[kind.rawValue] += difference } }
    }

    package func count(_ kind: PushKind, _ outcome: Outcome) -> Int {
        counts.withLock { $0[PushMetrics.place(kind, outcome)] }
    }

    package func waiting(_ kind: PushKind) -> Int {
        waitingCounts.withLock { $0[kind.rawValue] }
    }
}

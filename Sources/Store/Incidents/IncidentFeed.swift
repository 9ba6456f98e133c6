internal import Synchronization
package import Wire

/// Which incidents have changed since somebody last took them, each once.
package final class IncidentFeed: Sendable {
    private let changed = Mutex<Set<IncidentID>>([])
    private let ring: @Sendable () -> Void

    /// - Parameter ring: called from any thread when there is something to take.
    package init(ring: @escaping @Sendable () -> Void) { self.ring = ring }

    func note(_ id: IncidentID) {
        let isFirst = changed.withLock { changed in
            changed.insert(id)
            return changed.count == 1
        }
        if isFirst { ring() }
    }

    package func take() -> Set<IncidentID> {
        changed.withLock { changed in
            var taken: Set<IncidentID> = []
            swap(&taken, &changed)
            return taken
        }
    }
}

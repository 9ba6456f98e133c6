internal import Bytes
package import Detection
internal import SeriesLog
internal import Synchronization
package import Wire

/// The incidents that this process knows of, for all its loops. Alerts are rare enough for a lock.
///
/// What a series' fold says makes them (`take`), and what other processes or a file know of them
/// is merged. Both may come twice and in any order.
package final class IncidentBook: Sendable {
    /// Incidents that are kept, some 300 bytes each. The oldest closed ones go first.
    package static let limit = 100_000
    /// How long a closed one is kept, in milliseconds.
    package static let keptFor = 30 * 86_400_000
    private static let looksPerPage = 10_000
    /// A device that sends nothing for so long, in milliseconds, has no incident any more.
    static let silence = 3_600_000

    fileprivate struct Pages: ~Copyable {
        var incidents: [IncidentID: Incident] = [:]
        /// By their begin, the oldest first; what is before `first` has gone.
        var order: [(arrival: Int, id: IncidentID)] = []
        var first = 0
        var open: Set<IncidentID> = []
        var openedByReason: [Int] = Array(repeating: 0, count: Reason.allCases.count)
        var feedback = (real: 0, other: 0)
        /// Those that the store does not know as they are.
        var changed: Set<IncidentID> = []
    }

    private let pages = Mutex(Pages())
    /// Looked at in each turn, so it takes no lock.
    private let changes = Atomic<Int>(0)
    private let openNow = Atomic<Int>(0)
    /// Whether changes are kept for a store.
    private let keepsChanges: Bool

    package init(keepsChanges: Bool) { self.keepsChanges = keepsChanges }

    // MARK: Changes

    /// Takes what a fold has said of a sample.
    func take(_ event: IncidentEvent) {
        let (verdict, sample) = (event.verdict, event.sample)
        pages.withLock { pages in
            let id = IncidentID(
                life: verdict.life, sequence: verdict.incident, device: event.device)
            if pages.incidents[id] != nil {
                guard pages.incidents[id]?.take(verdict, of: sample) ?? false else { return }
                note(id, in: &pages)
            } else if verdict.alert, verdict.incident == verdict.sequence {
                let incident = Incident(
                    verdict, of: sample, device: event.device, arrival: event.arrival)
                // A series has one at a time: the fold has ended the one before, in silence.
                for other in pages.open where other.device == id.device {
                    endInSilence(other, lastActivity: nil, in: &pages)
                }
                pages.add(incident)
                pages.openedByReason[Int(incident.reason.rawValue)] += 1
                note(id, in: &pages)
            }
        }
    }

    private func note(_ id: IncidentID, in pages: inout Pages) {
        noteState(of: id, in: &pages)
        guard keepsChanges else { return }
        pages.changed.insert(id)
        changes.store(pages.changed.count, ordering: .relaxed)
    }

    private func noteState(of id: IncidentID, in pages: inout Pages) {
        pages.noteState(of: id)
        openNow.store(pages.open.count, ordering: .relaxed)
    }

    /// Whether there is anything that the store is to keep.
    var hasChanged: Bool { changes.load(ordering: .relaxed) > 0 }

    private func endInSilence(
        _ id: IncidentID, lastActivity: Int?, in pages: inout Pages
    ) {
        guard var incident = pages.incidents[id] else { return }
        let wait = Double((lastActivity ?? incident.arrival) - incident.arrival) / 1000
        incident.end(
            .silence, at: incident.startedAt + max(0, wait), sequence: incident.lastAlert)
        pages.incidents[id] = incident
        note(id, in: &pages)
    }

    /// What the store is to keep, each once.
    func takeChanged() -> [Incident] {
        pages.withLock { pages in
            guard !pages.changed.isEmpty else { return [] }
            let changed = pages.changed.compactMap { pages.incidents[$0] }
            pages.changed.removeAll()
            changes.store(0, ordering: .relaxed)
            return changed
        }
    }

    /// What was taken could not be kept.
    func putBack(_ incidents: [Incident]) {
        pages.withLock { pages in
            for incident in incidents where pages.incidents[incident.id] != nil {
                pages.changed.insert(incident.id)
            }
            changes.store(pages.changed.count, ordering: .relaxed)
        }
    }

    /// Takes what a store keeps of an incident.
    func merge(_ other: Incident) {
        pages.withLock { pages in
            if pages.incidents[other.id] == nil {
                pages.add(other)
            } else {
                _ = pages.incidents[other.id]?.merge(other)
            }
            noteState(of: other.id, in: &pages)
        }
    }

    /// Notes what a person found out.
    /// - Returns: the incident; nil when there is none of this ID.
    package func tell(_ feedback: IncidentFeedback, of id: IncidentID) -> Incident? {
        pages.withLock { pages in
            guard pages.incidents[id] != nil else { return nil }
            if feedback.isReal { pages.feedback.real += 1 } else { pages.feedback.other += 1 }
            pages.incidents[id]?.feedback = feedback
            note(id, in: &pages)
            return pages.incidents[id]
        }
    }

    /// Ends incidents of series that have been silent for too long.
    /// - Parameters:
    ///   - now: in Unix milliseconds.
    ///   - lastActivity: when the last sample of a device (empty for the fleet) came, in Unix
    ///     milliseconds; nil when the series is gone.
    func endSilent(now: Int, _ lastActivity: ([UInt8]) -> Int?) {
        for id in pages.withLock({ $0.open }) {
            let last = lastActivity(id.device)
            if let last, now - last <= IncidentBook.silence { continue }
            pages.withLock { endInSilence(id, lastActivity: last, in: &$0) }
        }
    }

    // MARK: Questions

    package func find(_ id: IncidentID) -> Incident? {
        pages.withLock { $0.incidents[id] }
    }

    /// The newest that the filter accepts; nil when there is none to go on from. Only so many are
    /// looked at that no loop stalls: a page may have fewer than were asked for, and a `next`.
    package func page(_ filter: IncidentFilter) -> IncidentPage? {
        pages.withLock { pages in
            var end = pages.order.count
            if let after = filter.after {
                guard let known = pages.incidents[after],
                    let place = pages.place(of: known)
                else { return nil }
                end = place
            }
            var page = IncidentPage(incidents: [], open: pages.open.count, next: nil)
            let least = max(pages.first, end - IncidentBook.looksPerPage)
            while end > least, page.incidents.count < filter.limit {
                end -= 1
                guard let incident = pages.incidents[pages.order[end].id],
                    filter.accepts(incident)
                else { continue }
                page.incidents.append(incident)
            }
            if end > pages.first { page.next = pages.order[end].id }
            return page
        }
    }

    /// Incidents that are open.
    package var openCount: Int { openNow.load(ordering: .relaxed) }
    /// Incidents that this process saw begin, by reason.
    package func opened(_ reason: Reason) -> Int {
        pages.withLock { $0.openedByReason[Int(reason.rawValue)] }
    }
    /// What people told this process.
    package var feedback: (real: Int, other: Int) { pages.withLock { $0.feedback } }
}

extension IncidentBook.Pages {
    mutating func add(_ incident: Incident) {
        incidents[incident.id] = incident
        var place = order.count
        while place > first, order[place - 1].arrival > incident.arrival { place -= 1 }
        order.insert((incident.arrival, incident.id), at: place)
        noteState(of: incident.id)
        if order.count - first > IncidentBook.limit { dropOldest() }
        // None is open for so long.
        let bound = incident.arrival - IncidentBook.keptFor
        while first < order.count, order[first].arrival < bound {
            incidents[order[first].id] = nil
            open.remove(order[first].id)
            first += 1
        }
        if first > 1_024, 2 * first > order.count {
            order.removeFirst(first)
            first = 0
        }
    }

    mutating func noteState(of id: IncidentID) {
        if incidents[id]?.isOpen ?? false { open.insert(id) } else { open.remove(id) }
    }

    /// The oldest closed one goes, or the oldest of all where all are open.
    private mutating func dropOldest() {
        let place = order[first...].firstIndex { !open.contains($0.id) } ?? first
        let id = order[place].id
        if place == first { first += 1 } else { order.remove(at: place) }
        incidents[id] = nil
        open.remove(id)
    }

    func place(of incident: Incident) -> Int? {
        var low = first
        var high = order.count
        while low < high {
            let middle = (low + high) / 2
            if order[middle].arrival < incident.arrival { low = middle + 1 } else { high = middle }
        }
        while low < order.count, order[low].arrival == incident.arrival {
            if order[low].id == incident.id { return low }
            low += 1
        }
        return nil
    }
}

package import Bytes
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
    /// Open incidents of which one look for silent series takes care.
    private static let looksForSilence = 1_000

    fileprivate struct State: ~Copyable {
        var incidents: [IncidentID: Incident] = [:]
        /// By their begin, the oldest first; what is before `first` has gone.
        var order: [(arrival: Int, id: IncidentID)] = []
        var first = 0
        /// The incident that a series has now, by its device.
        var open: [[UInt8]: IncidentID] = [:]
        /// Open incidents whose series are still to be looked at, before all are again.
        var unchecked: [IncidentID] = []
        /// Incidents of which people told whether they were real.
        var judged: [IncidentID: Bool] = [:]
        var openedByReason: [Int] = Array(repeating: 0, count: Reason.allCases.count)
        var feedback = (real: 0, other: 0)
        /// Those that the store does not know as they are.
        var changed: Set<IncidentID> = []
    }

    private let state = Mutex(State())
    /// Who wants to hear which incidents have changed; set before the loops begin.
    private let feeds = Mutex<[IncidentFeed]>([])
    private let hasFeeds = Atomic<Bool>(false)
    /// Which process tells the webhook of what.
    package let claims = ClaimDesk()
    /// Looked at in each turn, so it takes no lock.
    private let changes = Atomic<Int>(0)
    private let openNow = Atomic<Int>(0)
    /// Whether changes are kept for a store.
    private let keepsChanges: Bool
    /// After so many milliseconds without a sample a series has no incident any more.
    private let silence: Int

    /// - Parameter timeToLive: SERIES_TTL.
    package init(keepsChanges: Bool, timeToLive: TimeSpan) {
        self.keepsChanges = keepsChanges
        silence = min(IncidentEnding.longestSilence, Int(timeToLive.milliseconds))
    }

    /// From now on the feed hears of each incident that changes, and of those that are known.
    package func attach(_ feed: IncidentFeed) {
        feeds.withLock { $0.append(feed) }
        hasFeeds.store(true, ordering: .releasing)
        state.withLock { state in for id in state.incidents.keys { feed.note(id) } }
    }

    private func feed(_ id: IncidentID) {
        guard hasFeeds.load(ordering: .acquiring) else { return }
        for feed in feeds.withLock({ $0 }) { feed.note(id) }
    }

    // MARK: Changes

    /// Takes what a fold has said of a sample.
    func take(_ event: IncidentEvent) {
        let (verdict, sample) = (event.verdict, event.sample)
        state.withLock { state in
            let id = IncidentID(
                life: verdict.life, sequence: verdict.incident, device: event.device)
            if state.incidents[id] != nil {
                guard
                    state.incidents[id]?.take(
                        verdict, of: sample, arrival: event.arrival) ?? false
                else { return }
                note(id, in: &state)
            } else if verdict.alert, verdict.incident == verdict.sequence {
                let incident = Incident(
                    verdict, of: sample, device: event.device, arrival: event.arrival)
                add(incident, to: &state)
                state.openedByReason[Int(incident.reason.rawValue)] += 1
                note(id, in: &state)
            }
        }
    }

    /// A series has one incident at a time: of two that seem open, its fold has ended the older one
    /// in silence.
    private func add(_ incident: Incident, to state: inout State) {
        let rival = incident.isOpen ? state.open[incident.id.device] : nil
        state.add(incident)
        guard let rival, let other = state.incidents[rival] else { return noteOpen(state) }
        let isNewer = other.arrival <= incident.arrival
        endInSilence(
            isNewer ? rival : incident.id, lastActivity: nil,
            now: max(other.arrival, incident.arrival), in: &state)
        state.noteState(of: isNewer ? incident.id : rival)
        noteOpen(state)
    }

    /// Notes that an incident is another one than the store knows.
    private func note(_ id: IncidentID, in state: inout State) {
        state.noteState(of: id)
        noteOpen(state)
        feed(id)
        guard keepsChanges else { return }
        state.changed.insert(id)
        changes.store(state.changed.count, ordering: .relaxed)
    }

    private func noteOpen(_ state: borrowing State) {
        openNow.store(state.open.count, ordering: .relaxed)
    }

    /// Whether there is anything that the store is to keep.
    var hasChanged: Bool { changes.load(ordering: .relaxed) > 0 }

    private func endInSilence(
        _ id: IncidentID, lastActivity: Int?, now: Int, in state: inout State
    ) {
        guard var incident = state.incidents[id], incident.isOpen else { return }
        let wait = Double((lastActivity ?? incident.arrival) - incident.arrival) / 1000
        incident.end(
            .silence, at: incident.startedAt + max(0, wait), sequence: incident.lastAlert,
            closedAt: now)
        state.incidents[id] = incident
        note(id, in: &state)
    }

    /// What the store is to keep, each once.
    func takeChanged() -> [Incident] {
        state.withLock { state in
            guard !state.changed.isEmpty else { return [] }
            let changed = state.changed.compactMap { state.incidents[$0] }
            state.changed.removeAll()
            changes.store(0, ordering: .relaxed)
            return changed
        }
    }

    /// Takes what a store keeps of an incident.
    func merge(_ other: Incident) {
        state.withLock { state in
            if state.incidents[other.id] == nil {
                add(other, to: &state)
            } else {
                guard state.incidents[other.id]?.merge(other) ?? false else { return }
                state.noteState(of: other.id)
                noteOpen(state)
            }
            feed(other.id)
        }
    }

    /// Notes that the webhook has been told.
    package func noteDelivered(_ occasion: IncidentOccasion, of id: IncidentID) {
        state.withLock { state in
            guard let incident = state.incidents[id], !incident.isDelivered(occasion) else {
                return
            }
            state.incidents[id]?.noteDelivered(occasion)
            note(id, in: &state)
        }
    }

    /// Notes what a person found out.
    /// - Returns: the incident; nil when there is none of this ID.
    package func tell(_ feedback: IncidentFeedback, of id: IncidentID) -> Incident? {
        state.withLock { state in
            guard state.incidents[id] != nil else { return nil }
            if feedback.isReal { state.feedback.real += 1 } else { state.feedback.other += 1 }
            state.incidents[id]?.feedback = feedback
            note(id, in: &state)
            return state.incidents[id]
        }
    }

    /// Ends incidents of series that have been silent for too long: some at a time, so that no loop
    /// stalls.
    /// - Parameters:
    ///   - now: in Unix milliseconds.
    ///   - lastActivity: when the last sample of a device (empty for the fleet) came, at the
    ///     latest, in Unix milliseconds; nil where there is no such series.
    func endSilent(now: Int, _ lastActivity: ([UInt8]) -> Int?) {
        for incident in state.withLock({ $0.takeUnchecked(IncidentBook.looksForSilence) }) {
            // Others may tell of an incident before its samples were read here: that is no silence.
            let last = lastActivity(incident.id.device) ?? incident.arrival
            if now - last <= silence { continue }
            state.withLock { endInSilence(incident.id, lastActivity: last, now: now, in: &$0) }
        }
    }

    // MARK: Questions

    package func find(_ id: IncidentID) -> Incident? {
        state.withLock { $0.incidents[id] }
    }

    /// The newest that the filter accepts; nil when there is none to go on from. Only so many are
    /// looked at that no loop stalls: a page may have fewer than were asked for, and a `next`.
    package func page(_ filter: IncidentFilter) -> IncidentPage? {
        state.withLock { state in
            var end = state.order.count
            if let after = filter.after {
                guard let known = state.incidents[after],
                    let place = state.place(of: known)
                else { return nil }
                end = place
            }
            var page = IncidentPage(incidents: [], open: state.open.count, next: nil)
            let least = max(state.first, end - IncidentBook.looksPerPage)
            while end > least, page.incidents.count < filter.limit {
                end -= 1
                guard let incident = state.incidents[state.order[end].id],
                    filter.accepts(incident)
                else { continue }
                page.incidents.append(incident)
            }
            if end > state.first { page.next = state.order[end].id }
            return page
        }
    }

    /// Incidents that are open.
    package var openCount: Int { openNow.load(ordering: .relaxed) }
    /// Incidents that this process saw begin, by reason.
    package func opened(_ reason: Reason) -> Int {
        state.withLock { $0.openedByReason[Int(reason.rawValue)] }
    }
    /// Incidents that are kept, by what people found out about them: real ones, and false alarms.
    package var judged: (real: Int, other: Int) {
        state.withLock { state in
            let real = state.judged.values.count { $0 }
            return (real, state.judged.count - real)
        }
    }

    /// The hours of the day at which several incidents of a device (empty for the fleet) were false
    /// alarms.
    package func habits(of device: [UInt8]) -> [FalseAlarmHabit] {
        var counts = Array(repeating: 0, count: 24)
        state.withLock { state in
            for (id, isReal) in state.judged where !isReal && id.device == device {
                guard let time = state.incidents[id]?.startedAt else { continue }
                counts[Int(time / 3600) % counts.count] += 1
            }
        }
        return counts.enumerated().compactMap { hour, count in
            count < FalseAlarmHabit.least ? nil : FalseAlarmHabit(hour: hour, count: count)
        }
    }

    /// What people told this process.
    package var feedback: (real: Int, other: Int) { state.withLock { $0.feedback } }
}

extension IncidentBook.State {
    mutating func add(_ incident: Incident) {
        incidents[incident.id] = incident
        noteState(of: incident.id)
        var place = order.count
        while place > first, order[place - 1].arrival > incident.arrival { place -= 1 }
        order.insert((incident.arrival, incident.id), at: place)
        if order.count - first > IncidentBook.limit { dropOldest() }
        // None is open for so long.
        let bound = incident.arrival - IncidentBook.keptFor
        while first < order.count, order[first].arrival < bound {
            forget(order[first].id)
            first += 1
        }
        if first > 1_024, 2 * first > order.count {
            order.removeFirst(first)
            first = 0
        }
    }

    mutating func noteState(of id: IncidentID) {
        if let feedback = incidents[id]?.feedback {
            judged[id] = feedback.isReal
        } else if !judged.isEmpty {
            judged[id] = nil
        }
        if incidents[id]?.isOpen ?? false {
            open[id.device] = id
        } else if open[id.device] == id {
            open[id.device] = nil
        }
    }

    private mutating func forget(_ id: IncidentID) {
        incidents[id] = nil
        noteState(of: id)
    }

    /// The oldest closed one goes, or the oldest of all where all are open.
    private mutating func dropOldest() {
        let place = order[first...].firstIndex { open[$0.id.device] != $0.id } ?? first
        forget(order[place].id)
        if place == first { first += 1 } else { order.remove(at: place) }
    }

    /// Some of the open incidents; when all were given, all again.
    mutating func takeUnchecked(_ limit: Int) -> [Incident] {
        if unchecked.isEmpty { unchecked = Array(open.values) }
        let some = unchecked.suffix(limit)
        unchecked.removeLast(some.count)
        return some.compactMap { incidents[$0] }
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

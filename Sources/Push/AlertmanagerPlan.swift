internal import Bytes
internal import Wire

/// What an Alertmanager is to be told next. It decides; a `PushThread` performs.
///
/// Open incidents are told at once, and again and again: an Alertmanager that was away or has
/// forgotten hears of them, and one that knows them takes the repeat for what it is. An end is told
/// until it has been heard.
struct AlertmanagerPlan {
    /// Alerts of one request.
    static let batchLimit = 256
    /// How often an open incident is told.
    static let repeatInterval = TimeSpan.seconds(60)
    /// An end that could not be told for so long is not told any more: the Alertmanager has let the
    /// alert end by itself.
    static let endLimit = TimeSpan.seconds(900)

    private struct Entry {
        var due: Instant
        /// Until when its end is told; nil while it is open.
        var endsBy: Instant?
        var isTold = false
    }

    private var entries: [IncidentID: Entry] = [:]
    /// After a failure: not before then, and how long the next pause is.
    private var pause = PushPause()
    /// Ends that were given up.
    private(set) var dropped = 0

    /// Incidents of which this is not told yet: that they are open, or that they have ended.
    var untold: Int { entries.values.count { !$0.isTold } }

    /// Takes what is known of an incident now.
    /// - Parameter age: how long ago it was closed, where it is.
    mutating func note(_ id: IncidentID, isOpen: Bool, closedFor age: TimeSpan, now: Instant) {
        if isOpen {
            if entries[id] == nil { entries[id] = Entry(due: now, endsBy: nil) }
        } else if entries[id]?.endsBy == nil, age < AlertmanagerPlan.endLimit {
            // Whether it was told that it had begun is not known: another process may have.
            entries[id] = Entry(due: now, endsBy: now + AlertmanagerPlan.endLimit)
        } else if age >= AlertmanagerPlan.endLimit {
            entries[id] = nil
        }
    }

    /// It is not known any more.
    mutating func forget(_ id: IncidentID) { entries[id] = nil }

    /// Those that are to be told now; none while there is a pause, or nothing is due.
    mutating func due(_ now: Instant) -> [IncidentID] {
        guard pause.isOver(now) else { return [] }
        var due: [IncidentID] = []
        for (id, entry) in entries where entry.due <= now {
            if let end = entry.endsBy, end <= now {
                entries[id] = nil
                dropped += 1
                continue
            }
            due.append(id)
            if due.count == AlertmanagerPlan.batchLimit { break }
        }
        return due
    }

    /// When something is due next.
    var nextDue: Instant {
        let next = entries.values.reduce(Instant.never) { min($0, $1.due) }
        return next == .never ? .never : max(next, pause.until)
    }

    /// They were told.
    /// - Parameter chance: from 0 to 1; spreads repeats, so that replicas do not come together.
    mutating func told(_ ids: [IncidentID], now: Instant, chance: Double) {
        pause.end()
        let interval = AlertmanagerPlan.repeatInterval.seconds * (0.9 + 0.2 * chance)
        for id in ids {
            if entries[id]?.endsBy == nil {
                entries[id]?.due = now + .seconds(interval)
                entries[id]?.isTold = true
            } else {
                entries[id] = nil
            }
        }
    }

    /// They were refused for what they are: telling them again is of no use. Open ones are told
    /// with the next repeat.
    mutating func refused(_ ids: [IncidentID], now: Instant) {
        told(ids, now: now, chance: 1)
    }

    mutating func failed(now: Instant, retryAfterSeconds: Int?, chance: Double) {
        pause.begin(now: now, retryAfterSeconds: retryAfterSeconds, chance: chance)
    }
}

/// How long a target rests after a failure: longer each time, up to a minute.
struct PushPause {
    private static let first = 0.5
    static let longest = 60.0

    private(set) var until = Instant.zero
    private var failures = 0

    func isOver(_ now: Instant) -> Bool { until <= now }

    mutating func begin(now: Instant, retryAfterSeconds: Int?, chance: Double) {
        let own = PushPause.first * Double(1 << min(failures, 10))
        let asked = Double(max(0, retryAfterSeconds ?? 0))
        failures += 1
        until = now + .seconds(min(PushPause.longest, max(own, asked)) * (0.75 + 0.5 * chance))
    }

    mutating func end() { self = PushPause() }
}

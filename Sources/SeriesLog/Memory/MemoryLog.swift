package import Bytes
package import Detection
internal import Synchronization
package import Wire

/// Every series of this process, in memory, with a limit.
///
/// The devices are divided into stripes by their names' hash. Each stripe has a lock of its own,
/// and the fleet's series has another, so loops on different threads rarely wait for each other. A
/// sample gets its number in its series, and its verdict, under that lock.
package final class MemoryLog: Sendable {
    /// Stripes: many more than threads, so that two loops seldom want the same; few enough that a
    /// listing or an eviction can look at all of them.
    private static let stripeCount = 64
    /// In a full log newcomers go first from this part of the limit on; a small log, which has less
    /// than one for each stripe, drops the series idle longest.
    private static let newcomerPart = 10

    private let parameters: FoldParameters
    private let deviceLimit: Int
    private let timeToLive: TimeSpan
    private let seed: UInt64
    private let fleet: Mutex<Fleet>
    private let history: HistoryRing
    private let stripes: [Stripe]
    private let devices = Atomic<Int>(0)
    private let evictedForRoom = Atomic<Int>(0)
    private let expiredCount = Atomic<Int>(0)

    private struct Fleet: ~Copyable {
        var fold: SeriesFold
        /// Its last sample in the history.
        var lastRow = HistoryRing.none
        /// When its last sample came, in Unix milliseconds.
        var lastArrival = 0

        init(_ parameters: FoldParameters) { fold = SeriesFold(parameters) }
    }

    private final class Stripe: Sendable {
        let table = Mutex(StripeTable())
        /// Of the stripe's oldest series, in nanoseconds: lets an eviction choose without a lock.
        let oldestActivity = Atomic<Int64>(Instant.never.nanoseconds)

        @inline(__always)
        func noteOldest(of table: borrowing StripeTable) {
            oldestActivity.store(table.series.oldestActivity.nanoseconds, ordering: .relaxed)
        }
    }

    /// - Parameters:
    ///   - deviceLimit: series kept; beyond it the one idle longest goes.
    ///   - timeToLive: series without a sample for so long go too.
    ///   - historyLimit: samples of all series together that are kept with their verdicts.
    ///   - seed: of the hash; should be unpredictable to clients.
    package init(
        _ parameters: FoldParameters, deviceLimit: Int, timeToLive: TimeSpan,
        historyLimit: Int = 0, seed: UInt64
    ) {
        precondition(deviceLimit > 0, "a log of no series can serve no device")
        self.parameters = parameters
        self.deviceLimit = deviceLimit
        self.timeToLive = timeToLive
        self.seed = seed
        fleet = Mutex(Fleet(parameters))
        history = HistoryRing(limit: historyLimit)
        stripes = (0..<MemoryLog.stripeCount).map { _ in Stripe() }
    }

    /// Devices in the log.
    package var deviceCount: Int { devices.load(ordering: .relaxed) }
    /// Series dropped because the log was full.
    package var evicted: Int { evictedForRoom.load(ordering: .relaxed) }
    /// Series dropped because nothing came for their time to live.
    package var expired: Int { expiredCount.load(ordering: .relaxed) }

    private func stripe(_ hash: UInt64) -> Stripe {
        // The low bits choose the bucket in a stripe's table, the high ones choose the stripe.
        stripes[Int(truncatingIfNeeded: hash >> 58)]
    }

    // MARK: Appending

    /// Takes a sample of the fleet alone.
    package func appendToFleet(
        _ sample: Sample, at arrival: SampleArrival = .unknown
    ) -> Verdict {
        fleet.withLock { fleet in
            let verdict = fleet.fold.fold(sample, parameters, at: arrival)
            fleet.lastRow = history.add(
                sample, verdict, at: arrival, after: fleet.lastRow)
            fleet.lastArrival = arrival.milliseconds
            return verdict
        }
    }

    /// When the last sample of the fleet came, in Unix milliseconds.
    package var fleetActivity: Int { fleet.withLock { $0.lastArrival } }

    /// How long a device has sent nothing; nil when it is unknown.
    package func idleTime(of name: [UInt8], now: Instant) -> TimeSpan? {
        let hash = DeviceKey.hash(name.span, seed: seed)
        return stripe(hash).table.withLock { table in
            table.series.find(name.span, hash: hash).map { id in
                now - table.series.lastActivity(of: id)
            }
        }
    }

    /// Takes a sample of a device. The verdict comes from the device's own series. The fleet's
    /// series takes the sample too, by `appendToFleet`.
    package func append(
        _ sample: Sample, device name: Span<UInt8>, now: Instant,
        at arrival: SampleArrival = .unknown
    ) -> Verdict {
        let hash = DeviceKey.hash(name, seed: seed)
        let stripe = stripe(hash)
        let verdict: Verdict? = stripe.table.withLock { table in
            guard let series = table.series.find(name, hash: hash) else { return nil }
            if isExpired(table.series.lastActivity(of: series), now) { return nil }
            let verdict = table.take(
                sample, of: series, now: now, at: arrival, parameters, history: history)
            stripe.noteOldest(of: table)
            return verdict
        }
        return verdict
            ?? appendToNew(
                sample, device: name, hash: hash, in: stripe, now: now, at: arrival)
    }

    private func appendToNew(
        _ sample: Sample, device name: Span<UInt8>, hash: UInt64, in stripe: Stripe, now: Instant,
        at arrival: SampleArrival
    ) -> Verdict {
        makeRoom(in: stripe)
        return stripe.table.withLock { table in
            // Another loop may have made it since; an expired one begins anew.
            if let series = table.series.find(name, hash: hash) {
                if !isExpired(table.series.lastActivity(of: series), now) {
                    return table.take(
                        sample, of: series, now: now, at: arrival, parameters, history: history)
                }
                table.remove(series)
                devices.subtract(1, ordering: .relaxed)
                expiredCount.add(1, ordering: .relaxed)
            }
            devices.add(1, ordering: .relaxed)
            let verdict = table.begin(
                name, hash: hash, with: sample, now: now, at: arrival, parameters,
                history: history)
            stripe.noteOldest(of: table)
            return verdict
        }
    }

    // MARK: Bounds

    private func isExpired(_ lastActivity: Instant, _ now: Instant) -> Bool {
        now - lastActivity > timeToLive
    }

    /// Drops series until one more fits in a stripe: those idle longest, or where there are many
    /// newcomers the oldest of these. Names spread evenly over the stripes, so what is many in one
    /// is many in all.
    private func makeRoom(in stripe: Stripe) {
        let share = deviceLimit / MemoryLog.newcomerPart / MemoryLog.stripeCount
        var attempts = 0
        while deviceCount >= deviceLimit, attempts < MemoryLog.stripeCount {
            attempts += 1
            if share > 0, dropNewcomer(of: stripe, beyond: share) {
                evictedForRoom.add(1, ordering: .relaxed)
                continue
            }
            guard let victim = stripeOfOldest() else { return }
            if dropOldest(of: victim) { evictedForRoom.add(1, ordering: .relaxed) }
        }
    }

    private func stripeOfOldest() -> Stripe? {
        var best: Stripe?
        var bestActivity = Instant.never.nanoseconds
        for stripe in stripes {
            let activity = stripe.oldestActivity.load(ordering: .relaxed)
            if activity < bestActivity {
                best = stripe
                bestActivity = activity
            }
        }
        return best
    }

    /// - Returns: false when there are not more than so many.
    private func dropNewcomer(of stripe: Stripe, beyond share: Int) -> Bool {
        stripe.table.withLock { table in
            guard table.newcomerCount > share, table.removeOldestNewcomer() else { return false }
            devices.subtract(1, ordering: .relaxed)
            stripe.noteOldest(of: table)
            return true
        }
    }

    /// - Returns: false when another loop was faster.
    private func dropOldest(of stripe: Stripe) -> Bool {
        stripe.table.withLock { table in
            let dropped = table.removeOldest()
            if dropped { devices.subtract(1, ordering: .relaxed) }
            stripe.noteOldest(of: table)
            return dropped
        }
    }

    /// Drops what has outlived its time, at most `limit` series, so that the caller is not held up.
    /// - Returns: how many were dropped; as many as the limit means that there are more.
    package func dropExpired(now: Instant, limit: Int) -> Int {
        var dropped = 0
        while dropped < limit, let stripe = stripeOfOldest() {
            let oldest = Instant(
                nanoseconds: stripe.oldestActivity.load(ordering: .relaxed))
            guard isExpired(oldest, now) else { break }
            if dropOldest(of: stripe) {
                expiredCount.add(1, ordering: .relaxed)
                dropped += 1
            }
        }
        return dropped
    }

    // MARK: Looking

    package func fleetSummary() -> SeriesSummary {
        fleet.withLock { fleet in fleet.fold.summary }
    }

    /// One device's series; nil when it is unknown.
    package func summary(device name: Span<UInt8>, now: Instant) -> SeriesSummary? {
        let hash = DeviceKey.hash(name, seed: seed)
        return stripe(hash).table.withLock { table in
            guard let series = table.series.find(name, hash: hash),
                !isExpired(table.series.lastActivity(of: series), now)
            else { return nil }
            return table.series[series].fold.summary
        }
    }

    /// Reads samples of a device's series, or of the fleet's.
    /// - Returns: nil when the device is unknown.
    package func scan(_ query: SeriesQuery, now: Instant) -> HistoryScan? {
        let last: Int? =
            if let device = query.device {
                lastRow(of: device.span, now: now)
            } else { fleet.withLock { $0.lastRow } }
        guard let last else { return nil }
        var scan = HistoryScan(query, parameters)
        history.read(query, last: last, into: &scan)
        return scan
    }

    private func lastRow(of name: Span<UInt8>, now: Instant) -> Int? {
        let hash = DeviceKey.hash(name, seed: seed)
        return stripe(hash).table.withLock { table in
            guard let series = table.series.find(name, hash: hash),
                !isExpired(table.series.lastActivity(of: series), now)
            else { return nil }
            return table.series[series].lastRow
        }
    }

    /// The devices with the newest activity, or those that follow `name` in that order.
    ///
    /// Each stripe is in order, and names spread evenly over the stripes. So first it is found how
    /// far back the page goes, from the activities of somewhat more than each stripe's share; then
    /// the page's devices are looked at. A device that becomes active meanwhile, or between two
    /// pages, moves to the front. No page shows a device twice.
    /// - Parameter share: of a stripe at first; nil for twice what it has on average.
    package func devices(
        after name: Span<UInt8>?, limit: Int, now: Instant, share: Int? = nil
    ) -> [DeviceEntry]? {
        var position: ListPosition?
        if let name {
            let hash = DeviceKey.hash(name, seed: seed)
            let activity: Instant? = stripe(hash).table.withLock { table in
                table.series.find(name, hash: hash).map { table.series.lastActivity(of: $0) }
            }
            guard let activity else { return nil }
            position = ListPosition(lastActivity: activity, name: Array(name))
        }
        let end = endOfPage(
            after: position, limit: limit, share: share ?? 2 * limit / MemoryLog.stripeCount + 16,
            now: now)
        var entries: [DeviceEntry] = []
        entries.reserveCapacity(limit)
        for stripe in stripes {
            stripe.table.withLock { table in
                MemoryLog.walk(table.series, after: position) { series, activity in
                    guard activity >= end, !isExpired(activity, now) else { return false }
                    entries.append(
                        DeviceEntry(
                            key: table.series.key(of: series), lastActivity: activity,
                            summary: table.series[series].fold.summary))
                    return true
                }
            }
        }
        // Places are sorted, not entries, which are large.
        let places = entries.indices.sorted {
            DeviceEntry.isListedBefore(entries[$0], entries[$1])
        }
        return places.prefix(limit).map { entries[$0] }
    }

    /// The least activity that a page has: at least `limit` devices from the position on are as
    /// new, where there are so many.
    private func endOfPage(
        after position: ListPosition?, limit: Int, share: Int, now: Instant
    ) -> Instant {
        var share = share
        while true {
            var activities: [Int64] = []
            // How far back each stripe was seen, where it may have more.
            var seenTo = Int64.min
            for stripe in stripes {
                var count = 0
                stripe.table.withLock { table in
                    MemoryLog.walk(table.series, after: position) { _, activity in
                        guard !isExpired(activity, now) else { return false }
                        if count == min(share, limit) {
                            if share < limit { seenTo = max(seenTo, activity.nanoseconds) }
                            return false
                        }
                        activities.append(activity.nanoseconds)
                        count += 1
                        return true
                    }
                }
            }
            guard activities.count > limit || seenTo > .min else {
                return Instant(nanoseconds: .min)
            }
            activities.sort(by: >)
            let end = activities.count < limit ? .min : activities[limit - 1]
            // Where a stripe has more that is newer than that, it was looked at too little.
            if end >= seenTo { return Instant(nanoseconds: end) }
            share *= 4
        }
    }

    /// Where in the list of all devices a page begins: after this device.
    private struct ListPosition {
        let lastActivity: Instant
        let name: [UInt8]

        func isBefore(_ activity: Instant, name other: Span<UInt8>) -> Bool {
            activity < lastActivity
                || activity == lastActivity && name.lexicographicallyPrecedes(Array(other))
        }
    }

    /// Goes through a stripe's devices from the position on, until the body returns false.
    private static func walk(
        _ table: borrowing SeriesTable<StripeTable.Content>, after position: ListPosition?,
        _ body: (SeriesID, Instant) -> Bool
    ) {
        var series = position.map { table.newest(notAfter: $0.lastActivity) } ?? table.newest
        while !series.isNone {
            let activity = table.lastActivity(of: series)
            let isThere =
                if let position, activity == position.lastActivity {
                    position.isBefore(activity, name: table.key(of: series).bytes)
                } else { true }
            if isThere, !body(series, activity) { return }
            series = table.older(than: series)
        }
    }
}

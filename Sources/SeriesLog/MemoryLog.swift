package import Bytes
package import Detection
internal import Synchronization

/// The embedded log: every series of this process in one bounded table.
///
/// The table is cut into stripes by the device's hash, each behind a lock of its own, and the fleet
/// series behind another: loops on different threads rarely meet at one. What a sample's place in its
/// series is, is decided under that lock; so is its verdict.
package final class MemoryLog: Sendable {
    /// Stripes: many more than threads, so that two loops seldom want the same; few enough that a
    /// listing or an eviction can look at all of them.
    private static let stripeCount = 64

    private let parameters: FoldParameters
    private let deviceLimit: Int
    private let timeToLive: TimeSpan
    private let seed: UInt64
    private let fleet: Mutex<SeriesTable>
    private let stripes: [Stripe]
    private let devices = Atomic<Int>(0)
    private let evictedForRoom = Atomic<Int>(0)
    private let expiredCount = Atomic<Int>(0)

    private final class Stripe: Sendable {
        let table: Mutex<SeriesTable>
        /// Of the stripe's oldest series, in nanoseconds: lets an eviction choose without a lock.
        let oldestActivity = Atomic<Int64>(Instant.never.nanoseconds)

        init(_ parameters: FoldParameters) {
            table = Mutex(SeriesTable(parameters))
        }
    }

    /// - Parameters:
    ///   - deviceLimit: series kept; beyond it the one idle longest goes.
    ///   - timeToLive: series without a sample for so long go too.
    ///   - seed: of the hash; should be unpredictable to clients.
    package init(
        _ parameters: FoldParameters, deviceLimit: Int, timeToLive: TimeSpan, seed: UInt64
    ) {
        precondition(deviceLimit > 0, "a log of no series can serve no device")
        self.parameters = parameters
        self.deviceLimit = deviceLimit
        self.timeToLive = timeToLive
        self.seed = seed
        fleet = Mutex(SeriesTable(parameters))
        stripes = (0..<MemoryLog.stripeCount).map { _ in Stripe(parameters) }
    }

    /// Devices in the log.
    package var deviceCount: Int { devices.load(ordering: .relaxed) }
    /// Series dropped because the log was full.
    package var evicted: Int { evictedForRoom.load(ordering: .relaxed) }
    /// Series dropped because nothing came for their time to live.
    package var expired: Int { expiredCount.load(ordering: .relaxed) }

    private func stripe(_ hash: UInt64) -> Stripe {
        // The low bits choose the place inside a stripe's table; the high ones choose the stripe.
        stripes[Int(truncatingIfNeeded: hash >> 58)]
    }

    // MARK: Appending

    /// Takes a sample of the fleet alone.
    package func appendToFleet(_ sample: Sample, now: Instant) -> Verdict {
        fleet.withLock { table in
            if table.count == 0 {
                let unnamed: [UInt8] = []
                _ = table.insert(unnamed.span, hash: 0, now: now)
            }
            return table.fold(sample, into: table.newestSlot, now: now)
        }
    }

    /// Takes a sample of a device; its verdict comes from the device's own series. The fleet's series
    /// takes it too, but through `appendToFleet`.
    package func append(_ sample: Sample, device name: Span<UInt8>, now: Instant) -> Verdict {
        let hash = DeviceKey.hash(name, seed: seed)
        let stripe = stripe(hash)
        let verdict: Verdict? = stripe.table.withLock { table in
            guard let slot = table.find(name, hash: hash) else { return nil }
            if isExpired(table.entryActivity(slot), now) { return nil }
            let verdict = table.fold(sample, into: slot, now: now)
            stripe.oldestActivity.store(table.oldestActivity.nanoseconds, ordering: .relaxed)
            return verdict
        }
        return verdict ?? appendToNew(sample, name, hash, stripe, now)
    }

    private func appendToNew(
        _ sample: Sample, _ name: Span<UInt8>, _ hash: UInt64, _ stripe: Stripe, _ now: Instant
    ) -> Verdict {
        makeRoom(now)
        return stripe.table.withLock { table in
            // Another loop may have made it since; an expired one begins anew.
            if let slot = table.find(name, hash: hash) {
                if !isExpired(table.entryActivity(slot), now) {
                    return table.fold(sample, into: slot, now: now)
                }
                table.remove(slot)
                devices.subtract(1, ordering: .relaxed)
                expiredCount.add(1, ordering: .relaxed)
            }
            devices.add(1, ordering: .relaxed)
            let slot = table.insert(name, hash: hash, now: now)
            let verdict = table.fold(sample, into: slot, now: now)
            stripe.oldestActivity.store(table.oldestActivity.nanoseconds, ordering: .relaxed)
            return verdict
        }
    }

    // MARK: Bounds

    private func isExpired(_ lastActivity: Instant, _ now: Instant) -> Bool {
        now - lastActivity > timeToLive
    }

    /// Drops series idle longest until one more fits.
    private func makeRoom(_ now: Instant) {
        var attempts = 0
        while deviceCount >= deviceLimit, attempts < MemoryLog.stripeCount {
            attempts += 1
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

    /// - Returns: false when another loop was faster.
    private func dropOldest(of stripe: Stripe) -> Bool {
        stripe.table.withLock { table in
            let dropped = table.removeOldest()
            if dropped { devices.subtract(1, ordering: .relaxed) }
            stripe.oldestActivity.store(table.oldestActivity.nanoseconds, ordering: .relaxed)
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
        fleet.withLock { table in
            table.newestSlot >= 0 ? table.summary(table.newestSlot) : .empty
        }
    }

    /// One device's series; nil when it is unknown.
    package func summary(device name: Span<UInt8>, now: Instant) -> SeriesSummary? {
        let hash = DeviceKey.hash(name, seed: seed)
        return stripe(hash).table.withLock { table in
            guard let slot = table.find(name, hash: hash),
                !isExpired(table.entryActivity(slot), now)
            else { return nil }
            return table.summary(slot)
        }
    }

    /// The devices with the newest activity, or those that follow `name` in that order.
    ///
    /// Each stripe is already in order, so its share of a page is its first `limit` entries. A device
    /// that becomes active between two pages moves to the front; it is never shown twice in one page.
    package func devices(after name: Span<UInt8>?, limit: Int, now: Instant) -> [DeviceEntry]? {
        var bound = Instant.never
        var boundKey: [UInt8] = []
        if let name {
            let hash = DeviceKey.hash(name, seed: seed)
            let activity: Instant? = stripe(hash).table.withLock { table in
                table.find(name, hash: hash).map { table.entryActivity($0) }
            }
            guard let activity else { return nil }
            bound = activity
            boundKey = Array(name)
        }
        var entries: [DeviceEntry] = []
        for stripe in stripes {
            stripe.table.withLock { table in
                collect(from: table, after: bound, boundKey, limit, now, &entries)
            }
        }
        entries.sort { DeviceEntry.isListedBefore($0, $1) }
        return Array(entries.prefix(limit))
    }

    private func collect(
        from table: borrowing SeriesTable, after bound: Instant, _ boundKey: [UInt8], _ limit: Int,
        _ now: Instant, _ entries: inout [DeviceEntry]
    ) {
        var slot = table.newestSlot
        var taken = 0
        while slot >= 0, taken < limit {
            let activity = table.entryActivity(slot)
            if isExpired(activity, now) { return }
            let follows =
                activity < bound
                || activity == bound && boundKey.lexicographicallyPrecedes(table.name(slot))
            if follows {
                entries.append(table.entry(slot))
                taken += 1
            }
            slot = table.olderSlot(than: slot)
        }
    }
}

extension DeviceEntry {
    /// Newest activity first; equal activity by name, so that pages neither skip nor repeat.
    static func isListedBefore(_ left: DeviceEntry, _ right: DeviceEntry) -> Bool {
        if left.lastActivity != right.lastActivity { return left.lastActivity > right.lastActivity }
        return Array(left.key.bytes).lexicographicallyPrecedes(Array(right.key.bytes))
    }
}

internal import Wire
internal import Detection
internal import SeriesLog
internal import Synchronization

/// A sample that was flagged, with its verdict.
struct FlaggedSample: Sendable {
    /// nil for a sample of the fleet alone.
    let device: DeviceKey?
    let sample: Sample
    let verdict: Verdict
}

/// The most recent flagged samples of this process. Flagging is rare enough for a lock.
final class RecentAnomalies: Sendable {
    /// How many are kept: some pages of a listing, at 300 bytes each.
    static let limit = 4096

    private struct Ring {
        var entries: [FlaggedSample] = []
        var next = 0
    }

    private let ring = Mutex(Ring())

    func add(_ flagged: FlaggedSample) {
        ring.withLock { ring in
            if ring.entries.count < RecentAnomalies.limit {
                ring.entries.append(flagged)
            } else {
                ring.entries[ring.next] = flagged
                ring.next = (ring.next + 1) % RecentAnomalies.limit
            }
        }
    }

    /// The newest entries that `query` asks for, newest first.
    func newest(_ query: Query) -> [FlaggedSample] {
        let limit = query.limit ?? Query.defaultPage
        return ring.withLock { ring in
            var found: [FlaggedSample] = []
            let count = ring.entries.count
            for age in 0..<count where found.count < limit {
                let entry = ring.entries[(ring.next + count - 1 - age) % count]
                if query.alertsOnly, !entry.verdict.alert { continue }
                if let device = query.deviceID {
                    guard let key = entry.device, key.equals(device.span) else { continue }
                }
                found.append(entry)
            }
            return found
        }
    }
}

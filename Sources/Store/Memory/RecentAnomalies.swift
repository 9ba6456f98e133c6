internal import Bytes
internal import Detection
internal import SeriesLog
internal import Synchronization
internal import Wire

/// The most recent flagged samples of this process. Flagging is rare enough for a lock.
final class RecentAnomalies: Sendable {
    /// How many are kept: some pages of a listing, at 300 bytes each.
    static let limit = 4096

    private struct Flagged {
        /// Empty for a sample of the fleet alone.
        let device: DeviceKey
        let sample: Sample
        let verdict: Verdict
    }

    private struct Ring {
        var entries: [Flagged] = []
        var next = 0
    }

    private let ring = Mutex(Ring())

    func add(_ sample: Sample, _ verdict: Verdict, device: Span<UInt8>) {
        let flagged = Flagged(device: DeviceKey(device), sample: sample, verdict: verdict)
        ring.withLock { ring in
            if ring.entries.count < RecentAnomalies.limit {
                ring.entries.append(flagged)
            } else {
                ring.entries[ring.next] = flagged
                ring.next = (ring.next + 1) % RecentAnomalies.limit
            }
        }
    }

    /// The newest entries that the filter accepts, newest first, as JSON objects.
    func newest(_ filter: AnomalyFilter) -> [[UInt8]] {
        chosen(filter).map { flagged in
            var text = ByteBuffer(limit: 4096)
            text.append(flagged: flagged.sample, flagged.verdict, device: flagged.device.bytes)
            return Array(text.readable)
        }
    }

    private func chosen(_ filter: AnomalyFilter) -> [Flagged] {
        ring.withLock { ring in
            var found: [Flagged] = []
            let count = ring.entries.count
            for age in 0..<count where found.count < filter.limit {
                let entry = ring.entries[(ring.next + count - 1 - age) % count]
                if filter.accepts(device: entry.device.bytes, isAlert: entry.verdict.alert) {
                    found.append(entry)
                }
            }
            return found
        }
    }
}

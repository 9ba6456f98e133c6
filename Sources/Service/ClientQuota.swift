internal import Bytes
internal import System
internal import Synchronization

/// How many requests a second one client address may make, with a second's worth in a burst.
///
/// The generic cell rate algorithm: per client only the time at which it would be back to nothing
/// owed (its theoretical arrival time). A client is refused while that lies over a second ahead.
final class ClientQuota: Sendable {
    /// Clients that are remembered. Beyond it those without recent requests are forgotten. If all
    /// have recent requests, new clients are not limited: nobody is refused because of others.
    private static let clientLimit = 65_536
    private static let burst = TimeSpan.seconds(1)

    private let interval: TimeSpan?
    private let owing = Mutex<[PeerAddress: Instant]>([:])

    /// - Parameter requestsPerSecond: 0 is without limit.
    init(requestsPerSecond: Int) {
        interval =
            requestsPerSecond > 0
            ? TimeSpan(nanoseconds: 1_000_000_000 / Int64(requestsPerSecond)) : nil
    }

    var isOff: Bool { interval == nil }

    /// Counts a request of a client.
    /// - Returns: nil when it is within the quota, else how long until the next would be.
    func count(_ client: PeerAddress, now: Instant) -> TimeSpan? {
        guard let interval else { return nil }
        return owing.withLock { owing in
            let arrival = max(owing[client] ?? now, now) + interval
            let excess = (arrival - now).nanoseconds - ClientQuota.burst.nanoseconds
            if excess > 0 { return TimeSpan(nanoseconds: excess) }
            if owing.count >= ClientQuota.clientLimit, owing[client] == nil {
                owing = owing.filter { $0.value > now }
                if owing.count >= ClientQuota.clientLimit { return nil }
            }
            owing[client] = arrival
            return nil
        }
    }
}

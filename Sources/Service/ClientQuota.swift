internal import Bytes
internal import System
internal import Synchronization

/// How often one client address may do something, with so much at once.
///
/// The generic cell rate algorithm: per client only the time at which it would be back to nothing
/// owed (its theoretical arrival time). A client is refused while that lies further ahead than a
/// burst.
final class ClientQuota: Sendable {
    /// Clients that are remembered. Beyond it those without recent requests are forgotten. If all
    /// have recent requests, new clients are not limited: nobody is refused because of others.
    private static let clientLimit = 65_536

    private let interval: TimeSpan?
    private let burst: TimeSpan
    private let owing = Mutex<[PeerAddress: Instant]>([:])

    /// Of requests, with a second's worth at once.
    /// - Parameter requestsPerSecond: 0 is without limit.
    init(requestsPerSecond: Int) {
        interval =
            requestsPerSecond > 0
            ? TimeSpan(nanoseconds: 1_000_000_000 / Int64(requestsPerSecond)) : nil
        burst = .seconds(1)
    }

    /// Of wrong tokens: ten at once, then one every six seconds.
    static func ofWrongTokens() -> ClientQuota {
        ClientQuota(interval: .seconds(6), burst: .seconds(60))
    }

    private init(interval: TimeSpan, burst: TimeSpan) {
        self.interval = interval
        self.burst = burst
    }

    var isOff: Bool { interval == nil }

    /// Counts what a client did.
    /// - Returns: nil when it is within the quota, else how long until the next would be.
    func count(_ client: PeerAddress, now: Instant) -> TimeSpan? {
        guard let interval else { return nil }
        return owing.withLock { owing in
            let arrival = max(owing[client] ?? now, now) + interval
            let excess = (arrival - now).nanoseconds - burst.nanoseconds
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

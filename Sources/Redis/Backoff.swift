package import Bytes
internal import Numerics

/// How long to wait before connecting again: twice as long each time, up to a bound, and by chance
/// anywhere between half of that and all of it, so that many loops don't knock at once.
package struct Backoff: Sendable {
    package static let first = TimeSpan.milliseconds(20)
    /// Low enough that a server is found again within a second of its return.
    package static let limit = TimeSpan.milliseconds(640)

    private var span = first
    private var random: SeededRandom

    package init(seed: UInt64) { random = SeededRandom(seed: seed) }

    package mutating func next() -> TimeSpan {
        let wait = span
        span = min(TimeSpan(nanoseconds: span.nanoseconds * 2), Backoff.limit)
        let half = wait.nanoseconds / 2
        return TimeSpan(nanoseconds: half + Int64(random.next() % UInt64(half + 1)))
    }

    package mutating func reset() { span = Backoff.first }
}

package import Bytes

/// The way to one server: resolving its name, connecting, greeting; and again, after a while, when
/// that fails or what was there is lost.
package struct Link {
    package enum State {
        case idle
        case waiting(until: Instant)
        case resolving(Resolution, until: Instant)
        case connecting(until: Instant)
        case greeting(Greeting, until: Instant)
        case ready
    }

    package var state = State.idle
    package var connection: RedisConnection?
    package var backoff: Backoff
    /// Tells the events of this connection from those of the ones before it.
    package var generation: UInt32 = 0
    /// How the server names the connection that is there.
    package var client: Greeting.Client?
    /// A connection that was cut with entries in flight, and must be closed before anything is
    /// concluded from their absence; `isUnknown` when the server never said how it names it.
    package var fencing: Greeting.Client?
    package var isFencingUnknown = false
    /// The reason of the last failure, so that it is told once and not with every attempt.
    package var lastFailure = ""

    package init(seed: UInt64) { backoff = Backoff(seed: seed) }

    /// When something must happen by.
    package var deadline: Instant {
        switch state {
        case .idle, .ready: .never
        case .waiting(let until), .resolving(_, let until), .connecting(let until),
            .greeting(_, let until):
            until
        }
    }
}

package import Bytes
internal import System

/// The way to one server: resolve its name, connect, greet. When that fails, or the connection is
/// lost, it begins again after a while.
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
    /// Addresses behind the server's name that are still to be tried, before it is given up for a
    /// while.
    private var candidates: ArraySlice<ServerPlace> = []
    private var attempts = 0
    package var connection: RedisConnection?
    /// Where it leads.
    package var place: ServerPlace?
    package var backoff: Backoff
    /// Tells the events of this connection from those of the ones before it.
    package var generation: UInt32 = 0
    /// How the server names the connection that is there.
    package var client: Greeting.Client?
    /// A connection that was cut with entries in flight. The server must close it before anybody
    /// concludes that an entry was not written.
    package var fencing: Greeting.Client?
    /// There was such a connection, but the server never said how it names it.
    package var isFencingUnknown = false
    /// The reason of the last failure, so that it is told once and not with every attempt.
    package var lastFailure = ""

    package init(seed: UInt64) { backoff = Backoff(seed: seed) }

    /// Takes the addresses behind the server's name: each attempt begins with another one.
    package mutating func take(_ places: [ServerPlace]) {
        let start = attempts % max(1, places.count)
        attempts += 1
        candidates = (places[start...] + places[..<start])[...]
    }

    /// The next address to try; nil when all were.
    package mutating func nextCandidate() -> ServerPlace? { candidates.popFirst() }

    /// One of the addresses is the server's.
    package mutating func found() {
        candidates = []
        attempts = max(0, attempts - 1)
    }

    package var isReady: Bool {
        if case .ready = state { true } else { false }
    }

    /// When the state must have changed by; never when it may stay.
    package var deadline: Instant {
        switch state {
        case .idle, .ready: .never
        case .waiting(let until), .resolving(_, let until), .connecting(let until),
            .greeting(_, let until):
            until
        }
    }
}

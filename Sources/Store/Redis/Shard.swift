package import Redis
internal import Bytes

/// One master, and what is to be sent to it. At most one flight of commands is under way; what
/// comes meanwhile gathers for the next. The replies to a flight settle all that was sent with it.
package struct Shard: Sendable {
    package let address: NodeAddress
    /// The connection is there and greeted.
    package internal(set) var isReady = false
    /// Which connection it is: every new one has another number.
    package internal(set) var generation: UInt32 = 0
    /// The connection before this one can write no more. What it had in flight and is not in the
    /// log will never be in it.
    var isFenced = true
    /// Replicas that were attached when it greeted.
    var replicas = 0
    /// Since when it cannot be reached; never while it can.
    var downSince = Instant.zero
    /// A server that asked for patience is left alone until then.
    var notBefore = Instant.zero
    /// The server has become a replica, or says things that make no sense: connect anew.
    package internal(set) var wantsReconnect = false

    /// It owns hash slots, by the newest map.
    package internal(set) var isOwner = true

    var gathering: [Int32] = []
    var extras: [QueuedExtra] = []
    var flight = Flight()

    init(_ address: NodeAddress) { self.address = address }

    /// All that has gathered goes with the next flight; the two lists change places.
    mutating func takeAllGathered() { swap(&gathering, &flight.entries) }

    package var isFlying: Bool { flight.isFlying }
    package var hasWork: Bool { !gathering.isEmpty || !extras.isEmpty }
}

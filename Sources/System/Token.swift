/// Says whose event it is: a kind, an index into a table, and the generation of that entry.
///
/// It travels through the kernel in epoll's 64 bits. A connection that is closed leaves its entry
/// to another with the next generation, so an event that was already queued for the old one is told
/// apart and dropped.
public struct Token: Equatable, Sendable {
    public let bits: UInt64

    @inlinable public init(bits: UInt64) { self.bits = bits }

    /// `kind` is the program's own; `generation` counts modulo 2^24; `index` is below 2^32.
    @inlinable public init(kind: UInt8, generation: UInt32, index: Int) {
        bits =
            UInt64(kind) << 56 | UInt64(generation & 0xFF_FFFF) << 32
            | UInt64(UInt32(truncatingIfNeeded: index))
    }

    @inlinable public var kind: UInt8 { UInt8(truncatingIfNeeded: bits >> 56) }
    @inlinable public var generation: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) & 0xFF_FFFF }
    @inlinable public var index: Int { Int(UInt32(truncatingIfNeeded: bits)) }
}

package import Bytes
package import Detection

/// A device as a listing shows it.
package struct DeviceEntry: Sendable {
    package let key: DeviceKey
    package let lastActivity: Instant
    package let summary: SeriesSummary

    /// Newest activity first; equal activity by name, so that pages neither skip nor repeat.
    static func isListedBefore(_ left: DeviceEntry, _ right: DeviceEntry) -> Bool {
        if left.lastActivity != right.lastActivity { return left.lastActivity > right.lastActivity }
        return Array(left.key.bytes).lexicographicallyPrecedes(Array(right.key.bytes))
    }
}

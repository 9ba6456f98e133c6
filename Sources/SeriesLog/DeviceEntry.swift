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
        let (one, other) = (left.key.bytes, right.key.bytes)
        for index in 0..<min(one.count, other.count) where one[index] != other[index] {
            return one[index] < other[index]
        }
        return one.count < other.count
    }
}

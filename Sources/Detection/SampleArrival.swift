/// When a sample came, as the log of its series says.
package struct SampleArrival: Sendable {
    /// A timestamp that is so much ahead, in seconds, tells no time.
    private static let tolerance = 600.0

    /// Number of the entry that it came with; a memory without a log counts its milliseconds.
    package let entry: UInt64
    /// Unix time in milliseconds, by the log's clock.
    package let milliseconds: Int
    /// Later timestamps tell no time.
    let latest: Double

    @inline(__always)
    package init(entry: UInt64, milliseconds: Int) {
        self.entry = entry
        self.milliseconds = milliseconds
        latest = Double(milliseconds) * 0.001 + SampleArrival.tolerance
    }

    private init(entry: UInt64) {
        self.entry = entry
        milliseconds = 0
        latest = .infinity
    }

    /// Of samples that are judged apart from any log: each came in time.
    package static let unknown = SampleArrival(entry: 1)
}

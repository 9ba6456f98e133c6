/// When a sample came, as the log of its series says.
package struct SampleArrival: Sendable {
    /// Number of the entry that it came with; a memory without a log counts its milliseconds.
    package let entry: UInt64
    /// Unix time in milliseconds, by the log's clock.
    package let milliseconds: Int

    package init(entry: UInt64, milliseconds: Int) {
        self.entry = entry
        self.milliseconds = milliseconds
    }

    /// Of samples that are judged apart from any log: each came in time.
    package static let unknown = SampleArrival(entry: 1, milliseconds: 0)

    /// A timestamp that is so much ahead, in seconds, tells no time.
    private static let tolerance = 600.0

    /// Whether a timestamp is so far ahead of this arrival that it tells no time.
    @inline(__always)
    func isBehind(_ timestamp: Double) -> Bool {
        milliseconds > 0
            && timestamp > Double(milliseconds) / 1000 + SampleArrival.tolerance
    }
}

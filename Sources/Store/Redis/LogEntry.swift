package import Redis
package import Detection

/// One entry of a series' stream: samples that one loop brought in one turn, in their order.
package struct LogEntry: Sendable {
    package let id: EntryID
    package let mark: Mark
    package let samples: [Sample]
    package let checkpoint: Checkpoint?

    /// A fold as of an entry: whoever starts cold continues from there.
    package struct Checkpoint: Sendable {
        /// The last entry that the fold has taken in.
        package let asOf: EntryID
        package let totals: SeriesTotals
        package let fold: [UInt8]
    }

    package init(id: EntryID, mark: Mark, samples: [Sample], checkpoint: Checkpoint?) {
        self.id = id
        self.mark = mark
        self.samples = samples
        self.checkpoint = checkpoint
    }
}

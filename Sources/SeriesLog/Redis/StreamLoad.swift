internal import Detection

/// A stream being read from its newest entry backwards, until a checkpoint is found from which all
/// that follows is at hand.
struct StreamLoad: Sendable {
    /// Newest first, as they are read.
    private(set) var entries: [LogEntry] = []
    private(set) var nextCount: Int
    /// The stream's beginning has been reached.
    private(set) var isWhole = false

    /// Two intervals hold a checkpoint, and all that came after it, nearly always.
    static func firstCount(_ settings: RedisSettings) -> Int { 2 * settings.checkpointInterval }
    private static let countLimit = 4096

    init(_ settings: RedisSettings) {
        nextCount = StreamLoad.firstCount(settings)
    }

    var oldest: EntryID? { entries.last?.id }

    mutating func take(_ page: [LogEntry], asked: Int) {
        entries += page
        isWhole = page.count < asked
        nextCount = min(2 * nextCount, StreamLoad.countLimit)
    }

    /// A checkpoint with all that follows it at hand.
    struct Candidate {
        let checkpoint: LogEntry.Checkpoint
        /// Entries that came after what it is as of.
        let followers: Int
    }

    /// The checkpoints as of an entry before `target` from which folding can begin, newest first.
    func candidates(before target: EntryID) -> [Candidate] {
        entries.compactMap { entry in
            guard let checkpoint = entry.checkpoint, checkpoint.asOf < target,
                let followers = countAfter(checkpoint.asOf)
            else { return nil }
            return Candidate(checkpoint: checkpoint, followers: followers)
        }
    }

    /// How many entries at hand came after `id`; nil when not all of them are at hand.
    private func countAfter(_ id: EntryID) -> Int? {
        guard let oldest, oldest <= id || oldest == id.next else { return nil }
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].id > id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

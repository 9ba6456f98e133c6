internal import Redis
internal import Detection

/// A stream being read from its newest entry backwards, until a checkpoint is found from which all
/// that follows is at hand.
struct StreamLoad: Sendable {
    /// Newest first, as they are read.
    private(set) var entries: [LogEntry] = []
    private(set) var nextCount: Int
    /// Replies it took.
    private(set) var pages = 0
    /// The stream's beginning has been reached.
    private(set) var isWhole = false

    /// Two intervals hold a checkpoint, and all that came after it, nearly always.
    static func firstCount(_ settings: RedisSettings) -> Int { 2 * settings.checkpointInterval }
    private static let countLimit = 4096

    init(_ settings: RedisSettings) {
        nextCount = StreamLoad.firstCount(settings)
    }

    /// Whether the first entry at hand is the first there ever was. A stream is only ever trimmed
    /// together with a checkpoint, which counts the samples before it.
    var isFromTheStart: Bool {
        guard isWhole, pages == 1, let oldest, oldest.number <= 1 else { return false }
        for entry in entries {
            guard let checkpoint = entry.checkpoint else { continue }
            let before = entries.reduce(0) {
                $1.id <= checkpoint.asOf ? $0 + $1.samples.count : $0
            }
            return before == checkpoint.totals.samples
        }
        return true
    }

    /// A load that asks for all of it at once.
    func again(_ settings: RedisSettings) -> StreamLoad {
        var fresh = StreamLoad(settings)
        fresh.nextCount = entries.count + StreamLoad.countLimit
        return fresh
    }

    var oldest: EntryID? { entries.last?.id }

    mutating func take(_ page: [LogEntry], asked: Int) {
        entries += page
        pages += 1
        isWhole = page.count < asked
        nextCount = min(2 * nextCount, StreamLoad.countLimit)
    }

    /// Where an entry of this mark stands; nil when it is not at hand.
    func find(_ mark: Mark) -> EntryID? { entries.first { $0.mark == mark }?.id }

    /// Whether all that came after `position` is at hand.
    func reaches(back position: EntryID) -> Bool {
        guard let oldest else { return true }
        return oldest <= position.next || isFromTheStart
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

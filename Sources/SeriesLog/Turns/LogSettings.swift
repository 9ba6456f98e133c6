package import Detection

/// How a process keeps a log of turns.
package struct LogSettings: Sendable {
    package var parameters = FoldParameters()
    /// A series ends when its next sample comes so much later, in milliseconds.
    package var timeToLive = 86_400_000
    /// Bytes of entries that stay in the log, at most.
    package var historyLimit = 64 << 20
    /// The same for few devices.
    package var leastHistory = 1 << 20
    /// Devices that are known; beyond it the one idle longest ends.
    package var deviceLimit = 1_000_000
    /// The store tells of each device that it knows. Then the limit is one of memory: beyond it the
    /// device idle longest is unloaded, and read again when it is needed.
    package var unloadsDevices = false
    /// Folds that are kept in memory.
    package var heldLimit = 1_000_000
    /// Requests whose keys are remembered.
    package var keyLimit = 1_000_000
    /// Whether the log has the fleet's series, and whether it has series of devices.
    package var hasFleet = true
    package var hasDevices = true
    /// Whether samples that leave the log are told with the trim.
    package var keepsHistory = false
    /// This process' name in its entries; unlike any other's, not 0.
    package var writer: UInt64 = 1
    /// Should be unpredictable to clients.
    package var hashSeed: UInt64 = 0

    /// A series' fold is encoded every so many of its samples.
    package var snapshotSpan: UInt32 = 96
    /// A list that would get more records is folded instead, by who writes it.
    package var listedLimit: UInt32 = 160
    /// The fleet's fold is encoded about every so many samples: the log is trimmed only there.
    package var candidateSpan = 1_024
    /// Series whose checkpoints one transaction writes: a fraction of a millisecond. A log that is
    /// twice as long as it should be is trimmed in groups eight times as large.
    package var groupLimit = 256
    /// Bytes of entries that one trim takes out of the log, at most, or half of them all.
    package var trimBytes = 8 << 20
    /// Bytes that one transaction writes, about.
    package var groupBytes = 256 << 10

    // What follows is no setting of the operator's. Tests make it small.

    /// Samples of one entry, and its bytes: what a reader takes in at once, in about a millisecond.
    package var turnSamples = 2_048
    package var turnBytes = 1 << 20
    /// Samples of an entry while the log is four times as long as it may be.
    package var fewSamples = 256
    /// Entries asked for at once, at most and at least, and about so many bytes of them.
    package var readLimit = 256
    package var leastRead = 16
    package var readBytes = 1 << 20
    /// Checkpoints asked for in one flight.
    package var checkpointLimit = 512
    /// History that is kept for each active series, in bytes, where that is less than the limit:
    /// some 16 samples of 42 bytes.
    package var historyPerSeries = 16 * 42
    /// A fold that this process was not asked for so long is dropped, in milliseconds.
    package var unwantedSpan = 600_000
    /// Records of the tail that a question of history takes at once: a fraction of a millisecond.
    package var historySlice = 4_096
    /// Flights that read along after another process has written.
    package var readAlongSpan = 64

    package init() {}

    /// A checkpoint lives so many times as long as its series may be idle. It is told to live on
    /// when a sample of the series leaves the log: half of that time after it came, or with the
    /// next entry after that.
    package static let expirySpans = 3
}

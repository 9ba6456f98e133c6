internal import Bytes

/// The entries of a log that the store still holds, with their samples linked by series.
struct LogTail {
    struct Entry {
        var bytes: [UInt8]
        let mark: TurnMark
        /// The log's clock at this entry, in Unix milliseconds.
        let clock: Int
        /// Index of its first record.
        let firstRecord: Int
        /// Hashes of the keys that came with it for the first time.
        var keys: [UInt64] = []
    }

    enum Kind: UInt8 {
        /// A sample of the fleet, and of a device where it has one.
        case sample
        /// A sample of its device alone.
        case deviceSample
        case end
        /// An end of which it is not known yet whether it counts.
        case undecidedEnd
        /// An end that does not count.
        case nothing
    }

    /// A sample, or the end of a series, in the tail. Records are numbered on and on, from the
    /// log's first; the tail has those of its entries.
    struct Record {
        /// `none` for a sample of the fleet alone.
        let series: SeriesID
        var kind: Kind
        /// Where it begins in its entry's bytes.
        let offset: UInt32
        let number: UInt64
        /// The record before it of the same series; -1 when there is none in the tail.
        let previous: Int

        /// The fleet's series ends here.
        var isFleetEnd: Bool { series.isNone && kind == .end }
    }

    /// Number of the first entry; of the next one when there is none.
    private(set) var first: UInt64 = 1
    private var entries: [Entry] = []
    private var entryStart = 0
    /// Records in blocks of the same length, the last one not full: a large array would be moved as
    /// it grows, which holds a loop up.
    private var blocks: [[Record]] = []
    private static let blockShift = 12
    private static let blockLength = 1 << blockShift
    /// The number of the first record of the first block, of the first one that the tail has, and
    /// of the next one.
    private var recordBase = 0
    private(set) var firstRecord = 0
    private(set) var endRecord = 0
    private(set) var byteCount = 0

    /// Begins anew; the next entry has this number.
    mutating func reset(first: UInt64) {
        self = LogTail()
        self.first = first
    }

    var entryCount: Int { entries.count - entryStart }
    /// Number of the entry that is appended next.
    var next: UInt64 { first + UInt64(entryCount) }

    func holds(_ number: UInt64) -> Bool { number >= first && number < next }

    subscript(number: UInt64) -> Entry {
        precondition(holds(number), "an entry that is not in the tail")
        return entries[entryStart + Int(number - first)]
    }

    mutating func append(_ entry: Entry) {
        byteCount += entry.bytes.count
        entries.append(entry)
    }

    /// Notes the keys that came with the last entry for the first time.
    mutating func keep(keysOfLast keys: [UInt64]) {
        if !keys.isEmpty { entries[entries.count - 1].keys = keys }
    }

    // MARK: Records

    func record(_ index: Int) -> Record {
        let place = index - recordBase
        return blocks[place >> LogTail.blockShift][place & (LogTail.blockLength - 1)]
    }

    func holdsRecord(_ index: Int) -> Bool { index >= firstRecord }

    mutating func append(_ record: Record) {
        if (endRecord - recordBase) & (LogTail.blockLength - 1) == 0 {
            blocks.append([])
            blocks[blocks.count - 1].reserveCapacity(LogTail.blockLength)
        }
        blocks[blocks.count - 1].append(record)
        endRecord += 1
    }

    /// Tells of an end whether it counts.
    mutating func decide(_ index: Int, counts: Bool) {
        let place = index - recordBase
        blocks[place >> LogTail.blockShift][place & (LogTail.blockLength - 1)].kind =
            counts ? .end : .nothing
    }

    /// The index of the first record that belongs to this entry or a later one.
    func firstRecord(from number: UInt64) -> Int {
        number >= next ? endRecord : self[max(number, first)].firstRecord
    }

    // MARK: Forgetting

    /// Drops the entries before `number`.
    mutating func drop(before number: UInt64) {
        guard number > first else { return }
        let bound = min(number, next)
        firstRecord = firstRecord(from: bound)
        while first < bound {
            byteCount -= entries[entryStart].bytes.count
            entries[entryStart].bytes = []
            entries[entryStart].keys = []
            entryStart += 1
            first += 1
        }
        if entryStart > 64, entryStart * 2 > entries.count {
            entries.removeFirst(entryStart)
            entryStart = 0
        }
        let gone = (firstRecord - recordBase) >> LogTail.blockShift
        if gone > 0 {
            blocks.removeFirst(gone)
            recordBase += gone << LogTail.blockShift
        }
    }
}

internal import Redis
internal import Detection

/// A sample on its way into the log, and who waits for its verdict.
struct PendingItem {
    var sample: Sample
    var ticket: Int32
    /// The sample's place in the ticket; negative when its verdict comes from another series.
    var position: Int32
    var next: Int32
}

/// Samples of one series that go into the log as one entry.
struct PendingEntry {
    enum Status: UInt8 {
        case gathered
        case sent
        /// In the log, not yet folded.
        case stored
        /// Sent on a connection that was cut: in the log or not.
        case uncertain
        /// Nothing to store: somebody wants to see the series as it is now.
        case refresh
        /// Folded, or given up.
        case done
    }

    var status: Status
    let series: Int32
    var firstItem = PendingTable.none
    var lastItem = PendingTable.none
    var itemCount: Int32 = 0
    var wantsVerdict = false
    /// The writer's own number, given when it is sent.
    var number: UInt64 = 0
    var id = EntryID.zero
    var nextOfSeries = PendingTable.none
    /// The fold's last entry when it was sent: in the log it can only come after that.
    var after = EntryID.zero
    /// The shard it was sent to.
    var shard: Int32 = -1
    /// Of a refresh: who asks, and the answer's place in the ticket.
    var ticket = PendingTable.none
    var position: Int32 = 0

    /// Puts an item at the end.
    /// - Returns: the one that was last before.
    fileprivate mutating func append(_ item: Int32, wantsVerdict: Bool) -> Int32 {
        let last = lastItem
        if last == PendingTable.none { firstItem = item }
        lastItem = item
        itemCount += 1
        if wantsVerdict { self.wantsVerdict = true }
        return last
    }

    fileprivate mutating func dropFirst(next: Int32) {
        firstItem = next
        if next == PendingTable.none { lastItem = PendingTable.none }
        itemCount -= 1
    }
}

/// Entries and their samples, in two arrays whose places are used again.
struct PendingTable {
    static let none: Int32 = -1

    private(set) var entries: [PendingEntry] = []
    private(set) var items: [PendingItem] = []
    private var freeEntries: [Int32] = []
    private var freeItem = none
    /// Samples in the table.
    private(set) var itemCount = 0

    subscript(entry index: Int32) -> PendingEntry {
        _read { yield entries[Int(index)] }
        _modify { yield &entries[Int(index)] }
    }

    subscript(item index: Int32) -> PendingItem {
        _read { yield items[Int(index)] }
        _modify { yield &items[Int(index)] }
    }

    mutating func makeEntry(_ entry: PendingEntry) -> Int32 {
        if let index = freeEntries.popLast() {
            entries[Int(index)] = entry
            return index
        }
        entries.append(entry)
        return Int32(entries.count - 1)
    }

    /// Gives an entry back, which has no items any more.
    mutating func free(entry index: Int32) {
        precondition(entries[Int(index)].itemCount == 0, "an entry goes after its items")
        freeEntries.append(index)
    }

    mutating func append(_ sample: Sample, ticket: Int32, position: Int32, to entry: Int32) {
        let index = makeItem(
            PendingItem(
                sample: sample, ticket: ticket, position: position, next: PendingTable.none))
        let last = entries[Int(entry)].append(index, wantsVerdict: position >= 0)
        if last != PendingTable.none { items[Int(last)].next = index }
    }

    /// Takes the first item out of an entry; nil when there is none left.
    mutating func takeFirst(of entry: Int32) -> PendingItem? {
        let index = entries[Int(entry)].firstItem
        guard index != PendingTable.none else { return nil }
        let item = items[Int(index)]
        entries[Int(entry)].dropFirst(next: item.next)
        items[Int(index)].next = freeItem
        freeItem = index
        itemCount -= 1
        return item
    }

    private mutating func makeItem(_ item: PendingItem) -> Int32 {
        itemCount += 1
        if freeItem != PendingTable.none {
            let index = freeItem
            freeItem = items[Int(index)].next
            items[Int(index)] = item
            return index
        }
        items.append(item)
        return Int32(items.count - 1)
    }
}

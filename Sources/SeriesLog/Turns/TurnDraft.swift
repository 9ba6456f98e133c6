internal import Bytes
internal import Detection

/// A sample of this process in an entry, or the end of a series, which has no position.
struct OwnItem {
    let series: SeriesID
    /// Its place in its request; -1 when no verdict of it is wanted here.
    let position: Int32
}

/// What belongs to one request in an entry of this process.
struct OwnPart {
    let ticket: TicketNumber
    /// The hash of the request's key with the piece's number.
    let key: UInt64?
    var items: Range<Int>
    /// Where it lies among the entry's bytes after the head.
    var bytes: Range<Int>
    /// Of the end of a series: the last entry that its writer had seen.
    var endsAsOf: UInt64?

    var isEnd: Bool { endsAsOf != nil }
}

/// An entry that this process has sent, until all of it is folded.
struct OwnTurn {
    enum State: Equatable {
        case sent
        case stored(number: UInt64)
        /// The connection was cut: it may be in the log or not.
        case uncertain
    }

    let number: UInt64
    let bytes: [UInt8]
    let parts: [OwnPart]
    let items: [OwnItem]
    /// The last entry that was folded when it was sent: it stands behind that, or nowhere.
    let after: LogPosition
    var state = State.sent
}

/// What gathers for the next entry: parts, encoded as they come.
struct TurnDraft: ~Copyable {
    /// Memory beyond it is not kept between turns.
    private static let byteLimit = 1 << 20

    private(set) var parts: [OwnPart] = []
    private(set) var items: [OwnItem] = []
    private(set) var body = ByteBuffer(limit: 1 << 30)

    var isEmpty: Bool { parts.isEmpty }
    var itemCount: Int { items.count }

    /// Begins a part of so many samples, which follow.
    mutating func begin(partOf count: Int, _ ticket: TicketNumber, key: UInt64?) {
        let start = body.count
        body.append(partOf: count, key: key)
        parts.append(
            OwnPart(
                ticket: ticket, key: key, items: items.count..<items.count,
                bytes: start..<body.count))
    }

    mutating func add(
        _ sample: Sample, device: Span<UInt8>, isDeviceOnly: Bool = false, _ item: OwnItem
    ) {
        body.append(turnSample: sample, device: device, isDeviceOnly: isDeviceOnly)
        close(over: item)
    }

    /// Adds the end of a device's series, as a part of its own.
    mutating func add(endOf device: Span<UInt8>, asOf: UInt64, _ series: SeriesID) {
        let start = body.count
        body.append(endOf: device, asOf: asOf)
        parts.append(
            OwnPart(
                ticket: .none, key: nil, items: items.count..<items.count,
                bytes: start..<body.count, endsAsOf: asOf))
        close(over: OwnItem(series: series, position: -1))
    }

    private mutating func close(over item: OwnItem) {
        items.append(item)
        let last = parts.count - 1
        parts[last].items = parts[last].items.lowerBound..<items.count
        parts[last].bytes = parts[last].bytes.lowerBound..<body.count
    }

    /// Puts the wanted parts of an entry that was not stored before all others.
    mutating func putBack(_ turn: OwnTurn, where isWanted: (OwnPart) -> Bool) {
        var rest = TurnDraft()
        swap(&rest, &self)
        for part in turn.parts where isWanted(part) {
            let head = TurnCoding.headBytes
            append(
                part,
                bytes: turn.bytes.span.extracting(
                    part.bytes.lowerBound + head..<part.bytes.upperBound + head),
                items: turn.items)
        }
        for part in rest.parts {
            append(
                part, bytes: rest.body.readable.extracting(part.bytes), items: rest.items)
        }
    }

    private mutating func append(_ part: OwnPart, bytes: Span<UInt8>, items other: [OwnItem]) {
        let start = body.count
        body.append(bytes)
        let firstItem = items.count
        items += other[part.items]
        parts.append(
            OwnPart(
                ticket: part.ticket, key: part.key, items: firstItem..<items.count,
                bytes: start..<body.count, endsAsOf: part.endsAsOf))
    }

    /// Makes an entry of the first parts, as many as one entry may have, and keeps the others.
    /// - Returns: nil when nothing has gathered.
    mutating func takeTurn(
        _ head: TurnHead, after: LogPosition, samples: Int, bytes byteLimit: Int
    ) -> OwnTurn? {
        guard !parts.isEmpty else { return nil }
        var count = 1
        while count < parts.count, parts[count].items.upperBound <= samples,
            parts[count].bytes.upperBound <= byteLimit
        { count += 1 }
        var bytes = ByteBuffer(limit: TurnCoding.headBytes + body.count)
        bytes.append(head)
        bytes.append(body.readable.extracting(0..<parts[count - 1].bytes.upperBound))
        let turn = OwnTurn(
            number: head.mark.number, bytes: Array(bytes.readable),
            parts: Array(parts[..<count]),
            items: Array(items[..<parts[count - 1].items.upperBound]), after: after)
        if count == parts.count {
            removeAll()
        } else {
            dropFirst(count)
        }
        return turn
    }

    private mutating func dropFirst(_ count: Int) {
        var rest = TurnDraft()
        for part in parts[count...] {
            rest.append(part, bytes: body.readable.extracting(part.bytes), items: items)
        }
        swap(&rest, &self)
    }

    /// Takes out the parts that `isWanted` refuses.
    /// - Returns: those parts, with their items.
    mutating func remove(
        unless isWanted: (OwnPart) -> Bool
    ) -> [(part: OwnPart, items: [OwnItem])] {
        guard parts.contains(where: { !isWanted($0) }) else { return [] }
        var rest = TurnDraft()
        var removed: [(part: OwnPart, items: [OwnItem])] = []
        for part in parts {
            if isWanted(part) {
                rest.append(part, bytes: body.readable.extracting(part.bytes), items: items)
            } else {
                removed.append((part, Array(items[part.items])))
            }
        }
        swap(&rest, &self)
        return removed
    }

    mutating func removeAll() {
        parts.removeAll(keepingCapacity: true)
        items.removeAll(keepingCapacity: true)
        body.removeAll()
        // Once in a while a turn is huge; its memory is not kept for the small ones.
        if body.capacity > TurnDraft.byteLimit { body.releaseMemory() }
    }
}

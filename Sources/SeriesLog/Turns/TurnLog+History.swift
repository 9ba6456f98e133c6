internal import Bytes
internal import Detection

/// What the tail has of a series, for those who keep or show its history.
extension TurnLog {
    /// The samples of a series in the tail, up to one of its records.
    func parts(of id: SeriesID, upTo last: Int) -> [HistoryPart] {
        var parts: [HistoryPart] = []
        var part = HistoryPart()
        for index in chain(of: id, upTo: last) {
            let record = tail.record(index)
            switch record.kind {
            case .sample, .deviceSample: part.records.append(historyRecord(record))
            case .end:
                part.endsAt = record.number
                parts.append(part)
                part = HistoryPart()
            case .undecidedEnd, .nothing: break
            }
        }
        if !part.records.isEmpty { parts.append(part) }
        return parts
    }

    private func historyRecord(_ record: LogTail.Record) -> HistoryRecord {
        let entry = tail[record.number]
        return HistoryRecord(
            entry: record.number, arrival: entry.clock,
            sample: entry.bytes.span.sample(at: Int(record.offset)),
            isDeviceOnly: record.kind == .deviceSample)
    }

    /// All samples of these entries that are the fleet's, in the log's order.
    private func fleetParts(_ entries: Range<UInt64>) -> [HistoryPart] {
        let range =
            tail.firstRecord(from: entries.lowerBound)..<tail.firstRecord(from: entries.upperBound)
        var parts: [HistoryPart] = []
        var part = HistoryPart()
        part.records.reserveCapacity(range.count)
        for index in range {
            let record = tail.record(index)
            if record.kind == .sample {
                part.records.append(historyRecord(record))
            } else if record.isFleetEnd {
                part.endsAt = record.number
                parts.append(part)
                part = HistoryPart()
            }
        }
        if !part.records.isEmpty { parts.append(part) }
        return parts
    }

    /// Of what a trim takes out of the log, the part of the fleet's series that goes with this
    /// group: as large a part of all entries as the group's series are of all series.
    func fleetShare(_ job: TrimJob) -> [HistoryPart] {
        let entries = Int(job.number - job.first)
        // Where no device has left, one group takes all.
        let total = max(1, job.series.count)
        func bound(_ done: Int) -> UInt64 { job.first + UInt64(entries * done / total) }
        let isLast = job.next.upperBound == job.series.count
        return fleetParts(
            bound(job.next.lowerBound)..<(isLast ? job.number : bound(job.next.upperBound)))
    }

    // MARK: Questions

    /// Asks for what there is of a device's series, or of the fleet's when the name is empty: it
    /// comes as the ticket's history, or not, when there is no such series.
    /// - Parameter withStart: where the fold begins is wanted too: it is kept nowhere else.
    package mutating func ask(
        forHistoryOf device: Span<UInt8>, withStart: Bool, _ ticket: TicketNumber,
        _ tickets: inout TicketTable
    ) {
        tickets.add(parts: 1, to: ticket)
        wantsRead = true
        var id = SeriesID.none
        if device.count > 0 {
            id = series(of: device)
            table[id].pins += 1
            table[id].lastWanted = unixMilliseconds
        }
        if withStart { wantStart(of: id) }
        questions.append(
            Question(
                ticket: ticket, position: 0, series: id,
                history: HistoryWish(withStart: withStart)))
    }

    /// Sees to it that the checkpoint is read, also where the fold is here: it goes on from there.
    private mutating func wantStart(of id: SeriesID) {
        if id.isNone {
            if fleet.isHeld, tail.first > 1 { fleet.standing = .unknown }
            wantFleet()
        } else {
            if table[id].isHeld, !isWhole(id) { release(id) }
            want(id)
        }
    }

    /// Whether all of a series' life is in the tail.
    private func isWhole(_ id: SeriesID) -> Bool {
        id.isNone ? tail.first == 1 : table[id].bornAt > 0 && table[id].bornAt >= tail.first
    }

    /// A checkpoint has been read.
    mutating func noteStart(of id: SeriesID, _ elements: [[UInt8]]) {
        guard questions.contains(where: { $0.history != nil && $0.series == id }) else { return }
        starts.removeAll { $0.series == id }
        starts.append((id, tail.first, elements))
    }

    /// - Returns: false when there is more to be read, or to be taken.
    mutating func answerHistory(
        _ question: Question, of wish: HistoryWish, _ tickets: inout TicketTable
    ) -> Bool {
        let id = question.series
        // Whether a series is there may show with its checkpoint only.
        if wish.withStart, !(id.isNone ? fleet.isHeld : table[id].isHeld) {
            wantStart(of: id)
            return false
        }
        if id.isNone || isListed(id) {
            var start: HistoryStart?
            if wish.withStart {
                guard let elements = elements(of: id) else {
                    // The log has been trimmed since it was read.
                    wish.records = nil
                    wantStart(of: id)
                    return false
                }
                start = HistoryStart(elements, birth: position.birth)
            }
            guard gather(wish, of: id) else {
                wantsRead = true
                return false
            }
            tickets[question.ticket].history = SeriesHistory(
                start: start,
                tail: TailHistory(
                    birth: position.birth, first: tail.first, parts: wish.parts(from: tail.first)))
        }
        close(question)
        tickets.finish(question.ticket)
        return true
    }

    /// The checkpoint's elements as of the log as it is; nil when they are to be read.
    private mutating func elements(of id: SeriesID) -> [[UInt8]]? {
        let found = starts.first { $0.series == id && $0.first == tail.first }
        return found?.elements ?? (isWhole(id) ? [] : nil)
    }

    /// Takes some of the tail's records of a series, backwards from the newest.
    /// - Returns: whether these were all.
    private func gather(_ wish: HistoryWish, of id: SeriesID) -> Bool {
        if wish.records == nil {
            wish.records = []
            wish.next = id.isNone ? tail.endRecord - 1 : table[id].lastRecord
        }
        var left = settings.historySlice
        while wish.next >= 0, tail.holdsRecord(wish.next), left > 0 {
            let record = tail.record(wish.next)
            switch record.kind {
            case .sample: wish.records?.append(.sample(historyRecord(record)))
            case .deviceSample:
                if !id.isNone { wish.records?.append(.sample(historyRecord(record))) }
            case .end:
                if !id.isNone || record.isFleetEnd {
                    wish.records?.append(.end(record.number))
                }
            case .undecidedEnd, .nothing: break
            }
            wish.next = id.isNone ? wish.next - 1 : record.previous
            left -= 1
        }
        return wish.next < 0 || !tail.holdsRecord(wish.next)
    }
}

/// A question for what there is of a series, as far as it has come. The tail may be long, so it is
/// taken in slices. An object, so that a slice is appended to what there is, and copies nothing.
final class HistoryWish {
    enum Record {
        case sample(HistoryRecord)
        /// The series ended in this entry.
        case end(UInt64)
    }

    let withStart: Bool
    /// What was taken, the newest first; nil before the first slice.
    var records: [Record]?
    /// The next record to take; -1 when there is none.
    var next = -1

    init(withStart: Bool) { self.withStart = withStart }

    /// What was taken that the log still has.
    func parts(from first: UInt64) -> [HistoryPart] {
        var parts: [HistoryPart] = []
        var part = HistoryPart()
        for record in (records ?? []).reversed() {
            switch record {
            case .sample(let sample): if sample.entry >= first { part.records.append(sample) }
            case .end(let entry):
                guard entry >= first else { continue }
                part.endsAt = entry
                parts.append(part)
                part = HistoryPart()
            }
        }
        if !part.records.isEmpty { parts.append(part) }
        return parts
    }
}

/// What a log holds of a series.
package struct TailHistory: Sendable {
    package let birth: UInt64
    /// The log's first entry: what came before is kept elsewhere.
    package let first: UInt64
    package let parts: [HistoryPart]

    /// What came after an entry.
    func parts(after entry: UInt64) -> [HistoryPart] {
        parts.compactMap { $0.later(than: entry) }
    }
}

/// What there is of a series, as somebody needs it who folds it again.
package final class SeriesHistory: Sendable {
    /// Where the fold begins; nil when that is kept elsewhere.
    package let start: HistoryStart?
    package let tail: TailHistory

    package init(start: HistoryStart?, tail: TailHistory) {
        self.start = start
        self.tail = tail
    }
}

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
            case .sample: part.records.append(historyRecord(record))
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
            sample: entry.bytes.span.sample(at: Int(record.offset)))
    }

    /// All samples of these entries, in the log's order.
    private func fleetRecords(_ entries: Range<UInt64>) -> [HistoryRecord] {
        let range =
            tail.firstRecord(from: entries.lowerBound)..<tail.firstRecord(from: entries.upperBound)
        var records: [HistoryRecord] = []
        records.reserveCapacity(range.count)
        for index in range where tail.record(index).kind == .sample {
            records.append(historyRecord(tail.record(index)))
        }
        return records
    }

    /// Of what a trim takes out of the log, the part of the fleet's series that goes with this
    /// group: as large a part of all entries as the group's series are of all series.
    func fleetShare(_ job: TrimJob) -> [HistoryRecord] {
        let entries = Int(job.number - job.first)
        let total = max(1, job.series.count)
        func bound(_ done: Int) -> UInt64 {
            job.first + UInt64(done >= job.series.count ? entries : entries * done / total)
        }
        return fleetRecords(bound(job.next.lowerBound)..<bound(job.next.upperBound))
    }

    // MARK: Questions

    /// Asks for what there is of a device's series, or of the fleet's when the name is empty: it
    /// comes as the ticket's history, or not, when there is no such series.
    package mutating func ask(
        forHistoryOf device: Span<UInt8>, _ ticket: TicketNumber, _ tickets: inout TicketTable
    ) {
        tickets.add(parts: 1, to: ticket)
        wantsRead = true
        var id = SeriesID.none
        if device.count > 0 {
            id = series(of: device)
            table[id].pins += 1
            table[id].lastWanted = unixMilliseconds
        }
        wantStart(of: id)
        questions.append(Question(ticket: ticket, position: 0, series: id, isOfHistory: true))
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
        guard questions.contains(where: { $0.isOfHistory && $0.series == id }) else { return }
        starts.removeAll { $0.series == id }
        starts.append((id, tail.first, elements))
    }

    /// - Returns: false when something is to be read first.
    mutating func answerHistory(_ question: Question, _ tickets: inout TicketTable) -> Bool {
        let id = question.series
        let isHere = id.isNone ? fleet.isHeld : table[id].isHeld
        guard isHere else {
            wantStart(of: id)
            return false
        }
        if id.isNone || isListed(id) {
            let found = starts.first { $0.series == id && $0.first == tail.first }
            guard let elements = found?.elements ?? (isWhole(id) ? [] : nil) else {
                // The log has been trimmed since it was read.
                wantStart(of: id)
                return false
            }
            let name = id.isNone ? [] : Array(table.key(of: id).bytes)
            guard let tail = tailHistory(of: name.span) else { return false }
            tickets[question.ticket].history = SeriesHistory(
                start: HistoryStart(elements, birth: position.birth), tail: tail)
        }
        close(question)
        tickets.finish(question.ticket)
        return true
    }

    /// What the log holds of a device's series, or of the fleet's when the name is empty; for a
    /// store that keeps the rest. nil when there is no such series.
    package mutating func tailHistory(of device: Span<UInt8>) -> TailHistory? {
        guard device.count > 0 else {
            var part = HistoryPart()
            part.records = fleetRecords(tail.first..<tail.next)
            return TailHistory(birth: position.birth, first: tail.first, parts: [part])
        }
        guard let id = table.find(device, hash: hash(device)), isListed(id) else { return nil }
        return TailHistory(
            birth: position.birth, first: tail.first,
            parts: parts(of: id, upTo: table[id].lastRecord))
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
        parts.compactMap { part in
            var later = part
            later.records.removeAll { $0.entry <= entry }
            if let end = part.endsAt, end <= entry { later.endsAt = nil }
            return later.records.isEmpty && later.endsAt == nil ? nil : later
        }
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

internal import Bytes

/// The samples of a log's entries, as all who follow the log count them: what came again with its
/// key is left out, and the ends of series are where they count. For tools, which read a log from
/// its first entry to its last, once.
package struct LogReplay {
    private struct Series {
        var parts: [HistoryPart] = [HistoryPart()]
        var lastEntry: UInt64 = 0
    }

    private var keys: KeyMemory
    private var series: [[UInt8]: Series] = [:]
    private var decoded = DecodedTurn()
    private var clock = 0
    /// Of all series together, in the log's order; with the name of the device, empty for none.
    package private(set) var samples: [(name: [UInt8], record: HistoryRecord)] = []
    /// Where the fleet's series ended: after so many samples, in which entry.
    private var fleetEnds: [(samples: Int, entry: UInt64)] = []
    /// Entries that cannot be read.
    package private(set) var damaged = 0

    /// - Parameter keyLimit: IDEMPOTENCY_KEYS.
    package init(keyLimit: Int) { keys = KeyMemory(limit: keyLimit, seed: 0) }

    /// Takes keys of requests that have left the log, oldest first.
    package mutating func take(keyBlock bytes: [UInt8]) {
        let span = bytes.span
        for offset in stride(from: 8, to: span.count - 7, by: 8) {
            _ = keys.insert(span.word(at: offset), time: 0)
        }
    }

    /// Takes the next entry.
    package mutating func take(_ turn: StoredTurn) {
        // A log is made with an entry of no samples.
        guard !turn.bytes.isEmpty else { return }
        let bytes = turn.bytes.span
        do throws(TurnFault) {
            try decoded.decode(bytes)
        } catch {
            damaged += 1
            return
        }
        clock = max(clock, decoded.head.arrival)
        for part in decoded.parts {
            switch part.kind {
            case .end: takeEnd(bytes, at: Int(decoded.items[part.items.lowerBound]), turn.position)
            case .keyedSamples where !keys.insert(part.key, time: 0): continue
            case .samples, .keyedSamples:
                for item in part.items {
                    take(bytes, at: Int(decoded.items[item]), turn.position)
                }
            }
        }
    }

    private mutating func take(_ bytes: Span<UInt8>, at offset: Int, _ position: LogPosition) {
        let record = HistoryRecord(
            entry: position.number, arrival: clock, sample: bytes.sample(at: offset),
            isDeviceOnly: bytes.isDeviceOnly(at: offset))
        let range = bytes.nameRange(ofSampleAt: offset)
        let name = range.map { bytes[$0] }
        samples.append((name, record))
        guard !name.isEmpty else { return }
        var known = series.removeValue(forKey: name) ?? Series()
        known.parts[known.parts.count - 1].records.append(record)
        known.lastEntry = position.number
        series[name] = known
    }

    private mutating func takeEnd(_ bytes: Span<UInt8>, at offset: Int, _ position: LogPosition) {
        let name = bytes.nameRange(ofEndAt: offset).map { bytes[$0] }
        guard !name.isEmpty else { return fleetEnds.append((samples.count, position.number)) }
        var known = series.removeValue(forKey: name) ?? Series()
        // A sample that came after `asOf` lets the series go on.
        if known.lastEntry <= bytes.word(at: offset) {
            known.parts[known.parts.count - 1].endsAt = position.number
            known.parts.append(HistoryPart())
        }
        series[name] = known
    }

    /// What the log has of a device; nothing when it has no sample of it.
    package func parts(of name: [UInt8]) -> [HistoryPart] {
        (series[name]?.parts ?? []).filter { !$0.records.isEmpty || $0.endsAt != nil }
    }

    /// What the log has of the fleet.
    package var fleetParts: [HistoryPart] {
        var parts: [HistoryPart] = []
        var start = 0
        func take(_ end: Int, endsAt: UInt64?) {
            var part = HistoryPart()
            part.records = samples[start..<end].map(\.record).filter { !$0.isDeviceOnly }
            part.endsAt = endsAt
            parts.append(part)
            start = end
        }
        for end in fleetEnds { take(end.samples, endsAt: end.entry) }
        take(samples.count, endsAt: nil)
        return parts
    }

    package var names: [[UInt8]] { Array(series.keys) }
}

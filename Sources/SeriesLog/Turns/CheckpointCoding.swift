package import Detection

/// How a series' checkpoint is written: a list of elements. The first may be a fold as of an
/// entry; the others are records, samples that came later and have left the log.
///
///     fold    'F', birth 8, as of 8, last sample's entry 8, its arrival 8, samples 8, anomalies 8,
///             alerts 8, the fold
///     records 'R', birth 8, entry 8, arrival 8 (both of the first), then per sample: entries since
///             the one before, milliseconds since then (numbers of 7 bits a byte), timestamp 8,
///             rps 8, cpu 8
package enum CheckpointCoding {
    static let foldKind = UInt8(ascii: "F")
    static let recordsKind = UInt8(ascii: "R")
    static let foldHeadBytes = 1 + 7 * 8
    static let recordsHeadBytes = 1 + 3 * 8
    /// What a record takes, about.
    static let recordBytes = 28

    /// The first entry of a log whose own checkpoint this is; 0 when it has none.
    package static func firstEntry(after element: [UInt8]?) -> Int {
        guard let asOf = element.flatMap({ FoldElement($0) })?.asOf, asOf < Int.max / 4
        else { return 0 }
        return Int(asOf) + 1
    }

    /// A fold with what is known of it.
    package struct FoldElement {
        package var birth: UInt64
        package var asOf: UInt64
        /// The last entry with a sample of the series, and when it came.
        package var lastEntry: UInt64
        package var lastArrival: Int
        package var totals: SeriesTotals
        package var fold: [UInt8]

        package var bytes: [UInt8] {
            var bytes: [UInt8] = [foldKind]
            bytes.reserveCapacity(foldHeadBytes + fold.count)
            for word in [
                birth, asOf, lastEntry, UInt64(lastArrival), UInt64(totals.samples),
                UInt64(totals.anomalies), UInt64(totals.alerts),
            ] { bytes.append(word: word) }
            bytes += fold
            return bytes
        }

        /// nil when the bytes are none.
        package init?(_ bytes: [UInt8]) {
            guard bytes.count >= foldHeadBytes, bytes[0] == foldKind else { return nil }
            let words = (0..<7).map { bytes.span.word(at: 1 + 8 * $0) }
            let limit = UInt64(Int.max / 4)
            guard words[3] < limit, words[4] < limit, words[5] < limit, words[6] < limit
            else { return nil }
            birth = words[0]
            asOf = words[1]
            lastEntry = words[2]
            lastArrival = Int(words[3])
            totals = SeriesTotals(
                samples: Int(words[4]), anomalies: Int(words[5]), alerts: Int(words[6]))
            fold = Array(bytes[foldHeadBytes...])
        }

        init(
            birth: UInt64, asOf: UInt64, lastEntry: UInt64, lastArrival: Int,
            totals: SeriesTotals, fold: [UInt8]
        ) {
            self.birth = birth
            self.asOf = asOf
            self.lastEntry = lastEntry
            self.lastArrival = lastArrival
            self.totals = totals
            self.fold = fold
        }
    }

    package static func bytes(of records: [HistoryRecord], birth: UInt64) -> [UInt8] {
        precondition(!records.isEmpty, "an element of no records")
        var bytes: [UInt8] = [recordsKind]
        bytes.reserveCapacity(recordsHeadBytes + records.count * recordBytes)
        var entry = records[0].entry
        var arrival = records[0].arrival
        for word in [birth, entry, UInt64(arrival)] { bytes.append(word: word) }
        for record in records {
            bytes.append(short: record.entry - entry)
            bytes.append(short: UInt64(record.arrival - arrival))
            entry = record.entry
            arrival = record.arrival
            bytes.append(word: record.sample.timestamp.bitPattern)
            bytes.append(word: record.sample.rps.bitPattern)
            bytes.append(word: record.sample.cpu.bitPattern)
        }
        return bytes
    }

    /// The records of an element; nil when it is none, or belongs to a log of another birth.
    static func records(_ bytes: [UInt8], birth: UInt64) -> [HistoryRecord]? {
        let span = bytes.span
        guard span.count >= recordsHeadBytes, span[0] == recordsKind, span.word(at: 1) == birth
        else { return nil }
        var entry = span.word(at: 9)
        guard var arrival = Int(exactly: span.word(at: 17)), arrival < Int.max / 4
        else { return nil }
        var records: [HistoryRecord] = []
        var offset = recordsHeadBytes
        while offset < span.count {
            guard let entries = span.short(at: &offset), let wait = span.short(at: &offset),
                span.count - offset >= 24, entries < 1 << 48, wait < 1 << 48
            else { return nil }
            entry &+= entries
            arrival += Int(wait)
            let sample = Sample(
                timestamp: span.double(at: offset), cpu: span.double(at: offset + 16),
                rps: span.double(at: offset + 8))
            guard sample.isPlausible else { return nil }
            offset += 24
            records.append(HistoryRecord(entry: entry, arrival: arrival, sample: sample))
        }
        return records
    }
}

extension [UInt8] {
    mutating func append(word: UInt64) {
        // SAFETY: the bytes are copied while the word lends them.
        unsafe Swift.withUnsafeBytes(of: word.littleEndian) { bytes in
            unsafe append(contentsOf: bytes)
        }
    }

    /// A number in groups of seven bits, the least significant first; the eighth bit says that
    /// more follow.
    mutating func append(short value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }
}

extension Span<UInt8> {
    /// Reads what `append(short:)` wrote; nil when there is none.
    func short(at offset: inout Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < count, shift < 63 {
            let byte = self[offset]
            offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
        return nil
    }
}

package import Redis
internal import Bytes
internal import Detection

/// How an entry's fields are written: `s` holds a version, the mark and the samples, `c` a
/// checkpoint. All numbers are little-endian.
package enum EntryCoding {
    /// Changes when the layout does; entries of another version are not understood.
    static let version: UInt8 = 1
    static let headBytes = 1 + 8 + 8
    static let sampleBytes = 3 * 8
    static let checkpointHeadBytes = 5 * 8

    static func byteCount(samples: Int) -> Int { headBytes + samples * sampleBytes }

    /// Reads the reply element `[id, [field, value, …]]`; nil when it is none of ours.
    package static func decode(_ reply: Reply) -> LogEntry? {
        guard case .array(let parts) = reply, parts.count == 2,
            case .text(let idText) = parts[0], let id = EntryID(idText.span),
            case .array(let fields) = parts[1]
        else { return nil }
        var packed: [UInt8] = []
        var checkpoint: LogEntry.Checkpoint?
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            guard case .text(let name) = fields[index], case .text(let value) = fields[index + 1]
            else { return nil }
            if name == [UInt8(ascii: "s")] { packed = value }
            if name == [UInt8(ascii: "c")] { checkpoint = self.checkpoint(value) }
        }
        guard packed.count >= headBytes, packed[0] == version,
            (packed.count - headBytes) % sampleBytes == 0
        else { return nil }
        let mark = Mark(writer: packed.word(at: 1), number: packed.word(at: 9))
        guard let samples = samples(packed) else { return nil }
        return LogEntry(id: id, mark: mark, samples: samples, checkpoint: checkpoint)
    }

    private static func samples(_ packed: [UInt8]) -> [Sample]? {
        var samples: [Sample] = []
        samples.reserveCapacity((packed.count - headBytes) / sampleBytes)
        for offset in stride(from: headBytes, to: packed.count, by: sampleBytes) {
            let sample = Sample(
                timestamp: packed.double(at: offset), cpu: packed.double(at: offset + 8),
                rps: packed.double(at: offset + 16))
            // Whatever stands in the stream, a fold is only ever given what a sample may be.
            guard sample.timestamp.isFinite, sample.cpu.isFinite, sample.rps.isFinite,
                sample.cpu >= 0, sample.rps >= 0
            else { return nil }
            samples.append(sample)
        }
        return samples
    }

    private static func checkpoint(_ value: [UInt8]) -> LogEntry.Checkpoint? {
        guard value.count >= checkpointHeadBytes else { return nil }
        let limit = UInt64(Int.max / 2)
        let counts = (value.word(at: 16), value.word(at: 24), value.word(at: 32))
        let asOf = EntryID(birth: value.word(at: 0), number: value.word(at: 8))
        guard counts.0 < limit, counts.1 < limit, counts.2 < limit,
            max(asOf.birth, asOf.number) < EntryID.limit
        else { return nil }
        return LogEntry.Checkpoint(
            asOf: asOf,
            totals: SeriesTotals(
                samples: Int(counts.0), anomalies: Int(counts.1), alerts: Int(counts.2)),
            fold: Array(value[checkpointHeadBytes...]))
    }
}

extension ByteBuffer {
    @inline(__always)
    private mutating func append(word: UInt64) {
        append(littleEndian: word)
    }

    /// The beginning of the field `s`, before its samples.
    mutating func append(entryHead mark: Mark) {
        append(EntryCoding.version)
        append(word: mark.writer)
        append(word: mark.number)
    }

    mutating func append(packed sample: Sample) {
        append(word: sample.timestamp.bitPattern)
        append(word: sample.cpu.bitPattern)
        append(word: sample.rps.bitPattern)
    }

    /// The beginning of the field `c`, before the fold.
    mutating func append(checkpointHead asOf: EntryID, _ totals: SeriesTotals) {
        append(word: asOf.birth)
        append(word: asOf.number)
        append(word: UInt64(totals.samples))
        append(word: UInt64(totals.anomalies))
        append(word: UInt64(totals.alerts))
    }
}

extension [UInt8] {
    fileprivate func word(at offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<8 { word |= UInt64(self[offset + index]) << UInt64(8 * index) }
        return word
    }

    fileprivate func double(at offset: Int) -> Double { Double(bitPattern: word(at: offset)) }
}

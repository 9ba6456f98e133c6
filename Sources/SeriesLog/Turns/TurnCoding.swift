internal import Bytes
internal import Detection

/// How an entry of a log is written: one turn of a process, in a head and parts.
///
///     head   version 1, flags 1, fold version 1, writer 8, number 8, arrival 8, trimmed to 8
///     part   kind 1, [key hash 8], count 2, then so many samples
///     sample flags 1, name length 1, name, timestamp 8, rps 8, cpu 8 (`Sample.notMeasured`
///            where it is missing)
///     end    kind 1, as of 8, name length 1, name (of no bytes for the fleet's series)
///
/// All numbers are little-endian.
package enum TurnCoding {
    /// Changes when the layout does. Who meets a newer one stops reading the log.
    package static let version: UInt8 = 1
    package static let headBytes = 35

    enum PartKind: UInt8 {
        case samples = 1
        case keyedSamples = 2
        case end = 3
    }

    /// Bytes of a sample besides the device's name.
    static let sampleBytes = 2 + 3 * 8
    static let isTrimmingFlag: UInt8 = 1
    /// Of a sample: its cpu was not measured; it is its device's alone, and not of the fleet.
    static let noCPUFlag: UInt8 = 1
    static let deviceOnlyFlag: UInt8 = 2
    private static let sampleFlags = noCPUFlag | deviceOnlyFlag

    static func knows(_ flags: UInt8) -> Bool { flags & ~sampleFlags == 0 }
}

/// The beginning of an entry.
package struct TurnHead: Equatable, Sendable {
    package var mark = TurnMark.none
    /// When the turn came, in Unix milliseconds by its writer's clock.
    package var arrival = 0
    /// Entries before this number are out of the log, as the writer knows.
    package var trimmedTo: UInt64 = 0
    /// The writer is moving old entries into checkpoints: others leave that to it.
    package var isTrimming = false
    /// The newest checkpoint of a fold that the writer understands.
    package var foldVersion: UInt8 = 0
}

extension ByteBuffer {
    mutating func append(_ head: TurnHead) {
        append(TurnCoding.version)
        append(head.isTrimming ? TurnCoding.isTrimmingFlag : 0)
        append(head.foldVersion)
        append(littleEndian: head.mark.writer)
        append(littleEndian: head.mark.number)
        append(littleEndian: UInt64(head.arrival))
        append(littleEndian: head.trimmedTo)
    }

    /// The beginning of a part with so many samples.
    mutating func append(partOf count: Int, key: UInt64?) {
        append(
            key == nil
                ? TurnCoding.PartKind.samples.rawValue : TurnCoding.PartKind.keyedSamples.rawValue)
        if let key { append(littleEndian: key) }
        append(UInt8(truncatingIfNeeded: count))
        append(UInt8(truncatingIfNeeded: count >> 8))
    }

    mutating func append(
        turnSample sample: Sample, device: Span<UInt8>, isDeviceOnly: Bool = false
    ) {
        append(
            (sample.hasCPU ? 0 : TurnCoding.noCPUFlag)
                | (isDeviceOnly ? TurnCoding.deviceOnlyFlag : 0))
        append(UInt8(device.count))
        append(device)
        append(littleEndian: sample.timestamp.bitPattern)
        append(littleEndian: sample.rps.bitPattern)
        append(littleEndian: sample.cpu.bitPattern)
    }

    /// A device's series, or the fleet's when the name is empty, ends here, unless it has a sample
    /// after the entry `asOf`.
    mutating func append(endOf device: Span<UInt8>, asOf: UInt64) {
        append(TurnCoding.PartKind.end.rawValue)
        append(littleEndian: asOf)
        append(UInt8(device.count))
        append(device)
    }
}

/// Why bytes are no entry.
package enum TurnFault: Error, Equatable {
    /// Written by a newer build.
    case newerVersion
    case malformed
}

/// Where the parts and samples of an entry lie in its bytes. Used again for each entry.
struct DecodedTurn {
    struct Part {
        let kind: TurnCoding.PartKind
        /// The hash of its request's key; only of keyed samples.
        let key: UInt64
        var items: Range<Int>
    }

    private(set) var head = TurnHead()
    private(set) var parts: [Part] = []
    /// Where each sample, and each end, begins in the bytes.
    private(set) var items: [UInt32] = []

    /// Checks all of an entry, so that nothing of it needs to be checked later.
    mutating func decode(_ bytes: Span<UInt8>) throws(TurnFault) {
        parts.removeAll(keepingCapacity: true)
        items.removeAll(keepingCapacity: true)
        guard bytes.count >= 1 else { throw .malformed }
        guard bytes[0] <= TurnCoding.version else { throw .newerVersion }
        guard bytes[0] == TurnCoding.version, bytes.count >= TurnCoding.headBytes,
            bytes.count <= Int(Int32.max), let arrival = Int(exactly: bytes.word(at: 19)),
            arrival < Int.max / 4, bytes.word(at: 27) < UInt64(Int.max)
        else { throw .malformed }
        head = TurnHead(
            mark: TurnMark(writer: bytes.word(at: 3), number: bytes.word(at: 11)),
            arrival: arrival, trimmedTo: bytes.word(at: 27),
            isTrimming: bytes[1] & TurnCoding.isTrimmingFlag != 0, foldVersion: bytes[2])
        var offset = TurnCoding.headBytes
        while offset < bytes.count { offset = try decodePart(bytes, at: offset) }
    }

    private mutating func decodePart(
        _ bytes: Span<UInt8>, at start: Int
    ) throws(TurnFault) -> Int {
        guard let kind = TurnCoding.PartKind(rawValue: bytes[start]) else { throw .malformed }
        var offset = start + 1
        var key: UInt64 = 0
        let firstItem = items.count
        switch kind {
        case .end:
            guard bytes.count - offset >= 9 else { throw .malformed }
            items.append(UInt32(offset))
            let length = Int(bytes[offset + 8])
            offset += 9 + length
            guard length <= DeviceKey.byteLimit, offset <= bytes.count
            else { throw .malformed }
            parts.append(Part(kind: kind, key: 0, items: firstItem..<firstItem + 1))
            return offset
        case .keyedSamples:
            guard bytes.count - offset >= 8 else { throw .malformed }
            key = bytes.word(at: offset)
            offset += 8
        case .samples: break
        }
        guard bytes.count - offset >= 2 else { throw .malformed }
        let count = Int(bytes[offset]) | Int(bytes[offset + 1]) << 8
        offset += 2
        for _ in 0..<count {
            items.append(UInt32(offset))
            offset = try decodeSample(bytes, at: offset)
        }
        parts.append(Part(kind: kind, key: key, items: firstItem..<firstItem + count))
        return offset
    }

    private func decodeSample(_ bytes: Span<UInt8>, at start: Int) throws(TurnFault) -> Int {
        guard bytes.count - start >= TurnCoding.sampleBytes else { throw .malformed }
        // A flag that this build does not know may change what the sample means.
        guard TurnCoding.knows(bytes[start]) else { throw .newerVersion }
        let length = Int(bytes[start + 1])
        let end = start + TurnCoding.sampleBytes + length
        guard length <= DeviceKey.byteLimit, end <= bytes.count else { throw .malformed }
        // Whatever stands in a log, a fold is only ever given what a sample may be.
        let sample = bytes.sample(at: start)
        let hasCPU = bytes[start] & TurnCoding.noCPUFlag == 0
        guard sample.isPlausible, sample.hasCPU == hasCPU else { throw .malformed }
        return end
    }
}

extension Span<UInt8> {
    /// Eight bytes, the least significant first.
    @inline(__always)
    func word(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset + 8 <= count, "a word lies outside its bytes")
        // SAFETY: the bytes are inside the span; every pattern of bits is a number.
        let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
        return UInt64(littleEndian: word)
    }

    func double(at offset: Int) -> Double { Double(bitPattern: word(at: offset)) }

    /// Whether the fleet's series does not take the sample that begins here.
    @inline(__always)
    func isDeviceOnly(at offset: Int) -> Bool {
        self[offset] & TurnCoding.deviceOnlyFlag != 0
    }

    /// The name of the sample that begins here; empty for one of the fleet alone.
    @inline(__always)
    func nameRange(ofSampleAt offset: Int) -> Range<Int> {
        let start = offset + 2
        return start..<start + Int(self[offset + 1])
    }

    @inline(__always)
    func sample(at offset: Int) -> Sample {
        let start = offset + 2 + Int(self[offset + 1])
        return Sample(
            timestamp: double(at: start), cpu: double(at: start + 16), rps: double(at: start + 8))
    }

    /// The name of the series that ends here; empty for the fleet's.
    func nameRange(ofEndAt offset: Int) -> Range<Int> {
        let start = offset + 9
        return start..<start + Int(self[offset + 8])
    }
}

internal import Bytes
internal import Detection

/// What is made of an entry whose bytes have changed by themselves.
extension TurnCoding {
    /// An entry that ends the series whose names can still be read in the damaged one, and the
    /// fleet's: a sample of each is lost, so that their next ones begin new series. It says nothing
    /// else: no time, no keys.
    ///
    /// - Parameters:
    ///   - bytes: of the damaged entry.
    ///   - number: its number.
    package static func ends(ofDamaged bytes: [UInt8], before number: UInt64) -> [UInt8] {
        var names: [[UInt8]] = [[]]
        var known: Set<[UInt8]> = [[]]
        var offset = headBytes
        // Where it is damaged, the next sample is looked for byte by byte: heads of parts, which
        // are passed over likewise, do not look like one.
        while offset < bytes.count {
            guard let name = device(ofSampleAt: offset, in: bytes.span) else {
                offset += 1
                continue
            }
            // Zeros inside a number look like a sample without a name.
            offset += name.isEmpty ? 1 : sampleBytes + name.count
            if known.insert(name).inserted { names.append(name) }
        }
        var turn = ByteBuffer(limit: headBytes + names.count * (10 + DeviceKey.byteLimit))
        turn.append(TurnHead())
        for name in names { turn.append(endOf: name.span, asOf: number - 1) }
        return Array(turn.readable)
    }

    /// The name of the device of a sample (of no bytes for none); nil when these are no sample.
    private static func device(ofSampleAt start: Int, in bytes: Span<UInt8>) -> [UInt8]? {
        guard bytes.count - start >= sampleBytes, knows(bytes[start]) else { return nil }
        let range = bytes.nameRange(ofSampleAt: start)
        guard range.count <= DeviceKey.byteLimit, range.upperBound + 24 <= bytes.count
        else { return nil }
        let name = range.map { bytes[$0] }
        let sample = bytes.sample(at: start)
        guard sample.isPlausible, sample.hasCPU == (bytes[start] & noCPUFlag == 0),
            !name.contains(where: { $0 < 0x20 || $0 == 0x7F }),
            String(validating: name, as: UTF8.self) != nil
        else { return nil }
        return name
    }
}

/// The counts in HdrHistogram's V2 encoding, uncompressed: a header of 40 bytes, then a ZigZag
/// LEB128 number for each bucket, where a negative number is a run of empty buckets. A histogram of
/// some hundred filled buckets takes less than a kilobyte.
extension Histogram {
    private static let cookie: UInt32 = 0x1c84_9313
    private static let digits: UInt32 = 3
    private static let headerBytes = 40
    /// Bytes of the longest LEB128 number of 64 bits.
    private static let longestNumber = 10

    package var encodedCounts: [UInt8] {
        var payload: [UInt8] = []
        var empty: Int64 = 0
        for bucket in bucketCounts {
            if bucket == 0 {
                empty += 1
                continue
            }
            if empty > 0 { payload.append(zigZag: -empty) }
            empty = 0
            payload.append(zigZag: Int64(clamping: bucket))
        }
        var bytes: [UInt8] = []
        bytes.append(bigEndian: UInt64(Histogram.cookie), count: 4)
        bytes.append(bigEndian: UInt64(payload.count), count: 4)
        bytes.append(bigEndian: 0, count: 4)
        bytes.append(bigEndian: UInt64(Histogram.digits), count: 4)
        bytes.append(bigEndian: 1, count: 8)
        bytes.append(bigEndian: UInt64(limit), count: 8)
        bytes.append(bigEndian: Double(1).bitPattern, count: 8)
        return bytes + payload
    }

    /// Reads what `encodedCounts` wrote; sum and maximum are not in it.
    /// - Returns: nil when the bytes are no such histogram.
    package init?(encodedCounts bytes: [UInt8], sum: Double, maximum: Int) {
        guard bytes.count >= Histogram.headerBytes,
            bytes.bigEndian(0..<4) == UInt64(Histogram.cookie),
            bytes.bigEndian(4..<8) == UInt64(bytes.count - Histogram.headerBytes),
            bytes.bigEndian(8..<12) == 0, bytes.bigEndian(12..<16) == UInt64(Histogram.digits),
            bytes.bigEndian(16..<24) == 1,
            bytes.bigEndian(32..<40) == Double(1).bitPattern,
            let limit = Int(exactly: bytes.bigEndian(24..<32)), Histogram.limits.contains(limit),
            let counts = Histogram.counts(bytes[Histogram.headerBytes...])
        else { return nil }
        self.init(limit: limit)
        guard restore(counts, sum: sum, maximum: maximum) else { return nil }
    }

    /// The count of each bucket up to the last that is not empty.
    private static func counts(_ payload: ArraySlice<UInt8>) -> [UInt64]? {
        var counts: [UInt64] = []
        var rest = payload
        while !rest.isEmpty {
            guard let number = takeZigZag(&rest) else { return nil }
            if number >= 0 {
                counts.append(UInt64(number))
            } else {
                guard number >= -Int64(bucketLimit) else { return nil }
                counts += repeatElement(0, count: Int(-number))
            }
            guard counts.count <= bucketLimit else { return nil }
        }
        return counts
    }

    private static func takeZigZag(_ bytes: inout ArraySlice<UInt8>) -> Int64? {
        var value: UInt64 = 0
        for place in 0..<longestNumber {
            guard let byte = bytes.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << UInt64(7 * place)
            if byte & 0x80 == 0 { return Int64(bitPattern: value >> 1) ^ -Int64(value & 1) }
        }
        return nil
    }
}

extension [UInt8] {
    fileprivate mutating func append(zigZag value: Int64) {
        var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    fileprivate mutating func append(bigEndian value: UInt64, count: Int) {
        for place in stride(from: 8 * (count - 1), through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: value >> UInt64(place)))
        }
    }

    fileprivate func bigEndian(_ range: Range<Int>) -> UInt64 {
        self[range].reduce(0) { $0 << 8 | UInt64($1) }
    }
}

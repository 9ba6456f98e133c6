internal import Detection
internal import Bytes

/// How samples of a series are written for good: column by column, each as small as it can be
/// without loss.
///
///     version 1 or 2, count (7 bits a byte)
///     entries     differences
///     arrivals    differences, signed
///     timestamps  a column of differences of differences
///     rps, cpu    columns of differences
///     device only in version 2: a bit a sample, the lowest first
///     column      exponent 1: the values are whole numbers after a multiplication by 10 to that
///                 power; 255: eight bytes each
package enum HistoryChunk {
    private static let version: UInt8 = 1
    /// Some samples are their device's alone.
    private static let versionWithDeviceOnly: UInt8 = 2
    private static let rawColumn: UInt8 = 255
    private static let greatestExponent = 9
    /// Records of a chunk, at most: more than an entry may have.
    package static let recordLimit = 1 << 16
    /// Doubles hold whole numbers exactly up to here.
    private static let wholeLimit = 9_007_199_254_740_992.0

    package static func bytes(of records: [HistoryRecord]) -> [UInt8] {
        precondition(!records.isEmpty && records.count <= recordLimit, "a chunk of some records")
        let hasDeviceOnly = records.contains(where: \.isDeviceOnly)
        var bytes: [UInt8] = [hasDeviceOnly ? versionWithDeviceOnly : version]
        bytes.reserveCapacity(16 + records.count * 10)
        bytes.append(short: UInt64(records.count))
        var entry: UInt64 = 0
        for record in records {
            bytes.append(short: record.entry &- entry)
            entry = record.entry
        }
        var arrival = 0
        for record in records {
            bytes.append(signed: record.arrival &- arrival)
            arrival = record.arrival
        }
        append(records, order: 2, to: &bytes) { $0.sample.timestamp }
        append(records, order: 1, to: &bytes) { $0.sample.rps }
        append(records, order: 1, to: &bytes) { $0.sample.cpu }
        if hasDeviceOnly { append(deviceOnlyOf: records, to: &bytes) }
        return bytes
    }

    private static func append(deviceOnlyOf records: [HistoryRecord], to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes += [UInt8](repeating: 0, count: (records.count + 7) / 8)
        for index in records.indices where records[index].isDeviceOnly {
            bytes[start + index / 8] |= 1 << UInt8(index % 8)
        }
    }

    /// nil when the bytes are no chunk.
    package static func records(_ bytes: [UInt8]) -> [HistoryRecord]? {
        let span = bytes.span
        guard span.count > 2, span[0] == version || span[0] == versionWithDeviceOnly
        else { return nil }
        let hasDeviceOnly = span[0] == versionWithDeviceOnly
        var offset = 1
        guard let limit = span.short(at: &offset), limit > 0, limit <= UInt64(recordLimit)
        else { return nil }
        let count = Int(limit)
        var entries: [UInt64] = []
        var entry: UInt64 = 0
        for _ in 0..<count {
            guard let step = span.short(at: &offset) else { return nil }
            entry &+= step
            entries.append(entry)
        }
        var arrivals: [Int] = []
        var arrival = 0
        for _ in 0..<count {
            guard let step = span.signed(at: &offset) else { return nil }
            arrival &+= step
            guard arrival >= 0, arrival < Int.max / 4 else { return nil }
            arrivals.append(arrival)
        }
        guard let timestamps = column(span, &offset, count: count, order: 2),
            let rps = column(span, &offset, count: count, order: 1),
            let cpu = column(span, &offset, count: count, order: 1),
            offset + (hasDeviceOnly ? (count + 7) / 8 : 0) == span.count
        else { return nil }
        let marks = offset
        var records: [HistoryRecord] = []
        records.reserveCapacity(count)
        for index in 0..<count {
            let sample = Sample(timestamp: timestamps[index], cpu: cpu[index], rps: rps[index])
            guard sample.isPlausible else { return nil }
            records.append(
                HistoryRecord(
                    entry: entries[index], arrival: arrivals[index], sample: sample,
                    isDeviceOnly: hasDeviceOnly
                        && span[marks + index / 8] & 1 << UInt8(index % 8) != 0))
        }
        return records
    }

    // MARK: Columns

    private static let powers: [Double] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]

    @inline(__always)
    private static func whole(_ value: Double, _ power: Double) -> Int? {
        let scaled = (value * power).rounded()
        guard scaled.magnitude < wholeLimit else { return nil }
        let whole = Int(scaled)
        // A quotient of two exact numbers is rounded once, as a decimal text is: so what was a
        // decimal number of few digits is that number again.
        return (Double(whole) / power).bitPattern == value.bitPattern ? whole : nil
    }

    /// Appends a column of whole numbers after a multiplication by `power`.
    /// - Returns: false, with nothing appended, when a value is none.
    private static func append(
        _ records: [HistoryRecord], _ field: (HistoryRecord) -> Double, power: Double, order: Int,
        to bytes: inout [UInt8]
    ) -> Bool {
        let start = bytes.count
        var last = 0
        var lastStep = 0
        for record in records {
            guard let value = whole(field(record), power) else {
                bytes.removeLast(bytes.count - start)
                return false
            }
            let step = value - last
            bytes.append(signed: order == 2 ? step - lastStep : step)
            last = value
            lastStep = step
        }
        return true
    }

    @inline(__always)
    private static func append(
        _ records: [HistoryRecord], order: Int, to bytes: inout [UInt8],
        _ field: (HistoryRecord) -> Double
    ) {
        let place = bytes.count
        bytes.append(rawColumn)
        // The least power that fits all: values of a series are mostly alike, so a wrong one shows
        // soon.
        for exponent in 0...greatestExponent
        where append(records, field, power: powers[exponent], order: order, to: &bytes) {
            bytes[place] = UInt8(exponent)
            return
        }
        for record in records { bytes.append(word: field(record).bitPattern) }
    }

    private static func column(
        _ span: Span<UInt8>, _ offset: inout Int, count: Int, order: Int
    ) -> [Double]? {
        guard offset < span.count else { return nil }
        let exponent = Int(span[offset])
        offset += 1
        var values: [Double] = []
        values.reserveCapacity(count)
        if exponent == Int(rawColumn) {
            guard span.count - offset >= 8 * count else { return nil }
            for _ in 0..<count {
                values.append(span.double(at: offset))
                offset += 8
            }
            return values
        }
        guard exponent <= greatestExponent else { return nil }
        var last = 0
        var lastStep = 0
        for _ in 0..<count {
            guard let number = span.signed(at: &offset) else { return nil }
            let step = order == 2 ? lastStep &+ number : number
            last = last &+ step
            lastStep = step
            values.append(Double(last) / powers[exponent])
        }
        return values
    }
}

extension [UInt8] {
    /// A number of either sign, small ones in few bytes.
    fileprivate mutating func append(signed value: Int) {
        append(short: UInt64(bitPattern: Int64((value << 1) ^ (value >> 63))))
    }
}

extension Span<UInt8> {
    fileprivate func signed(at offset: inout Int) -> Int? {
        guard let number = short(at: &offset) else { return nil }
        return Int(number >> 1) ^ -Int(number & 1)
    }
}

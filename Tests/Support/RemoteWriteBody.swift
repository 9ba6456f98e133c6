/// A request of Prometheus remote write, made by hand.
package enum RemoteWriteBody {
    package typealias Series = (labels: [(String, String)], samples: [(Double, Int)])

    /// The message in protocol buffers.
    package static func message(_ series: [Series]) -> [UInt8] {
        series.flatMap { one -> [UInt8] in
            var inner: [UInt8] = []
            for (name, value) in one.labels {
                inner += field(1, field(1, Array(name.utf8)) + field(2, Array(value.utf8)))
            }
            for (value, milliseconds) in one.samples {
                var sample: [UInt8] = [0x09]
                let bits = value.bitPattern
                for place in 0..<8 {
                    sample.append(UInt8(truncatingIfNeeded: bits >> UInt64(8 * place)))
                }
                sample += [0x10] + number(UInt64(bitPattern: Int64(milliseconds)))
                inner += field(2, sample)
            }
            return field(1, inner)
        }
    }

    /// In the block format of Snappy, as one literal.
    package static func snappy(_ bytes: [UInt8]) -> [UInt8] {
        guard !bytes.isEmpty else { return [0] }
        let length = UInt32(bytes.count - 1)
        return number(UInt64(bytes.count)) + [63 << 2]
            + (0..<4).map { UInt8(truncatingIfNeeded: length >> UInt32(8 * $0)) } + bytes
    }

    private static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        [number << 3 | 2] + self.number(UInt64(bytes.count)) + bytes
    }

    private static func number(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}

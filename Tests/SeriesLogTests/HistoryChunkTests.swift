import Bytes
import Detection
import Numerics
import Testing

@testable import SeriesLog

@Suite struct HistoryChunkTests {
    private func record(
        _ entry: UInt64, at arrival: Int, _ sample: Sample, isDeviceOnly: Bool = false
    ) -> HistoryRecord {
        HistoryRecord(entry: entry, arrival: arrival, sample: sample, isDeviceOnly: isDeviceOnly)
    }

    private func equal(_ left: [HistoryRecord]?, _ right: [HistoryRecord]) -> Bool {
        // Bit for bit: == would take -0 for 0.
        guard let left, left.count == right.count else { return false }
        return zip(left, right).allSatisfy { one, other in
            one == other && bits(one.sample) == bits(other.sample)
        }
    }

    private func bits(_ sample: Sample) -> [UInt64] {
        [sample.timestamp.bitPattern, sample.rps.bitPattern, sample.cpu.bitPattern]
    }

    @Test("samples of every kind come back bit for bit")
    func comesBack() {
        var random = SeededRandom(seed: 31)
        for round in 0..<400 {
            var records: [HistoryRecord] = []
            var entry = random.next() >> 20
            var arrival = random.below(1 << 40)
            func value(_ random: inout SeededRandom) -> Double {
                switch round % 6 {
                case 0: return Double(random.below(10_000))
                case 1: return Double(random.below(100_000)) / 10
                case 2: return Double(random.below(1_000_000)) / 1e4
                case 3: return Double(random.next() >> 1) * 1e-300
                case 4:
                    return [0, -0.0, .leastNonzeroMagnitude, 1e300, 0.1, 1.0 / 3][random.below(6)]
                default: return Double(bitPattern: random.next() & 0x7FDF_FFFF_FFFF_FFFF)
                }
            }
            for _ in 0..<1 + random.below(300) {
                entry += UInt64(random.below(3) * random.below(1_000))
                arrival += random.below(5_000)
                records.append(
                    record(
                        entry, at: arrival,
                        Sample(
                            timestamp: 1.7e9 + value(&random).magnitude,
                            cpu: random.below(9) == 0 ? Sample.notMeasured : value(&random),
                            rps: value(&random) * (random.below(5) == 0 ? -1 : 1)),
                        isDeviceOnly: round % 3 == 0 && random.below(4) == 0))
            }
            let back = HistoryChunk.records(HistoryChunk.bytes(of: records))
            #expect(equal(back, records), "round \(round)")
        }
    }

    @Test("values of four digits at a fixed step take a few bytes")
    func isSmall() {
        var random = SeededRandom(seed: 32)
        var records: [HistoryRecord] = []
        for index in 0..<4_096 {
            records.append(
                record(
                    UInt64(100 + 3 * index),
                    at: 1_700_000_000_000 + 1_000 * index + random.below(9),
                    Sample(
                        timestamp: Double(1_700_000_000 + index),
                        cpu: Double(random.below(1_000)) / 10,
                        rps: Double(1_000 + random.below(500)) / 10)))
        }
        let bytes = HistoryChunk.bytes(of: records).count
        #expect(bytes <= 8 * records.count, "\(Double(bytes) / 4_096) bytes a sample")
    }

    @Test("bytes that are no chunk are none, whatever they are")
    func refuses() {
        var random = SeededRandom(seed: 33)
        let sample = Sample(timestamp: 5, cpu: 1, rps: 2)
        let good = HistoryChunk.bytes(of: (1...20).map { record($0, at: 7, sample) })
        for length in 0..<good.count {
            #expect(HistoryChunk.records(Array(good[..<length])) == nil, "\(length)")
        }
        for _ in 0..<5_000 {
            var bytes = good
            for _ in 0..<1 + random.below(4) {
                bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            // It may be another chunk; it must not be a trap.
            _ = HistoryChunk.records(bytes)
        }
        let long: [UInt8] = [1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]
        #expect(HistoryChunk.records(long) == nil)
    }
}

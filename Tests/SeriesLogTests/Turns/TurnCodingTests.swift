import Bytes
import Detection
import Numerics
import Testing

@testable import SeriesLog

@Suite struct TurnCodingTests {
    private let head = TurnHead(
        mark: TurnMark(writer: 77, number: 5), arrival: 1_700_000_000_123, trimmedTo: 9,
        isTrimming: true, foldVersion: 4)

    private func sample(_ number: Int) -> Sample {
        Sample(timestamp: 1_700_000_000 + Double(number), cpu: 12.5, rps: Double(number) * 0.1)
    }

    /// An entry of three parts: with a key, without one, and an end.
    private func entry() -> [UInt8] {
        var buffer = ByteBuffer(limit: 1 << 20)
        buffer.append(head)
        buffer.append(partOf: 2, key: 0xFEED)
        buffer.append(turnSample: sample(1), device: Array("web-1".utf8).span)
        buffer.append(turnSample: sample(2), device: [UInt8]().span)
        buffer.append(partOf: 1, key: nil)
        buffer.append(turnSample: sample(3), device: Array(repeating: 0x61, count: 128).span)
        buffer.append(endOf: Array("old".utf8).span, asOf: 42)
        return Array(buffer.readable)
    }

    private func fault(_ bytes: [UInt8]) -> TurnFault? {
        var turn = DecodedTurn()
        do throws(TurnFault) {
            try turn.decode(bytes.span)
            return nil
        } catch {
            return error
        }
    }

    @Test("an entry comes back as it was written")
    func roundTrip() throws {
        let bytes = entry()
        var turn = DecodedTurn()
        try turn.decode(bytes.span)
        #expect(turn.head == head)
        #expect(turn.parts.map { $0.kind } == [.keyedSamples, .samples, .end])
        #expect(turn.parts.map { $0.items } == [0..<2, 2..<3, 3..<4])
        #expect(turn.parts[0].key == 0xFEED)
        for (index, item) in turn.items[..<3].enumerated() {
            #expect(bytes.span.sample(at: Int(item)) == sample(index + 1))
        }
        let names = turn.items[..<3].map { Array(bytes[bytes.span.nameRange(ofSampleAt: Int($0))]) }
        #expect(names == [Array("web-1".utf8), [], Array(repeating: 0x61, count: 128)])
        let end = Int(turn.items[3])
        #expect(bytes.span.word(at: end) == 42)
        #expect(Array(bytes[bytes.span.nameRange(ofEndAt: end)]) == Array("old".utf8))
    }

    @Test("a head alone is an entry of no parts")
    func headAlone() throws {
        var turn = DecodedTurn()
        try turn.decode(Array(entry()[..<TurnCoding.headBytes]).span)
        #expect(turn.parts.isEmpty)
    }

    @Test("an entry that ends early is refused, unless it ends between two parts")
    func truncated() {
        let bytes = entry()
        var turn = DecodedTurn()
        var whole = 0
        for count in 0..<bytes.count {
            if (try? turn.decode(Array(bytes[..<count]).span)) != nil { whole += 1 }
        }
        #expect(whole == 3)
    }

    @Test("a newer version, and a flag that is not known, are told apart from what is malformed")
    func newer() {
        var bytes = entry()
        bytes[0] = TurnCoding.version + 1
        #expect(fault(bytes) == .newerVersion)
        bytes = entry()
        bytes[TurnCoding.headBytes + 11] = 4
        #expect(fault(bytes) == .newerVersion)
        // Says that there is no cpu, and has one.
        bytes[TurnCoding.headBytes + 11] = TurnCoding.noCPUFlag
        #expect(fault(bytes) == .malformed)
        bytes = entry()
        bytes[0] = 0
        #expect(fault(bytes) == .malformed)
        #expect(fault([]) == .malformed)
    }

    @Test("a sample that no fold may be given is refused")
    func implausible() {
        for (value, cpu) in [(Double.nan, 1.0), (.infinity, 1), (1, .nan), (1, -2)] {
            var buffer = ByteBuffer(limit: 1 << 20)
            buffer.append(head)
            buffer.append(partOf: 1, key: nil)
            buffer.append(
                turnSample: Sample(timestamp: 1, cpu: cpu, rps: value), device: [UInt8]().span)
            #expect(fault(Array(buffer.readable)) == .malformed)
        }
    }

    @Test("bytes that were changed by chance never trap, and lie inside the entry")
    func mutations() {
        var random = SeededRandom(seed: 1)
        var turn = DecodedTurn()
        var understood = 0
        for round in 0..<20_000 {
            var bytes = entry()
            for _ in 0...random.below(3) {
                bytes[random.below(bytes.count)] = UInt8(random.below(256))
            }
            if random.below(4) == 0 { bytes.removeLast(random.below(bytes.count)) }
            guard (try? turn.decode(bytes.span)) != nil else { continue }
            understood += 1
            for part in turn.parts {
                for item in turn.items[part.items] {
                    let range =
                        part.kind == .end
                        ? bytes.span.nameRange(ofEndAt: Int(item))
                        : bytes.span.nameRange(ofSampleAt: Int(item))
                    #expect(range.upperBound <= bytes.count, "seed 1, round \(round)")
                }
            }
        }
        #expect(understood > 1_000)
    }
}

@Suite struct DamagedTurnTests {
    /// An entry of several parts, and the names in it with where their samples begin and end.
    private func entry(
        _ random: inout SeededRandom
    ) -> (bytes: [UInt8], samples: [(name: [UInt8], range: Range<Int>)]) {
        var buffer = ByteBuffer(limit: 1 << 20)
        buffer.append(TurnHead(mark: TurnMark(writer: 77, number: 5), arrival: 1_700_000_000_123))
        var samples: [(name: [UInt8], range: Range<Int>)] = []
        for _ in 0..<1 + random.below(4) {
            let count = 1 + random.below(40)
            buffer.append(partOf: count, key: random.below(2) == 0 ? random.next() : nil)
            for _ in 0..<count {
                let name =
                    random.below(4) == 0 ? [] : Array("höst-\(random.below(30))".utf8)
                let start = buffer.count
                buffer.append(
                    turnSample: Sample(
                        timestamp: 1_700_000_000 + Double(random.below(100_000)) / 8,
                        cpu: random.below(3) == 0
                            ? Sample.notMeasured : Double(random.below(800)) / 8,
                        rps: Double(random.below(100_000)) / 16),
                    device: name.span)
                samples.append((name, start..<buffer.count))
            }
        }
        return (Array(buffer.readable), samples)
    }

    @Test("series whose samples are whole end, whatever is damaged beside them; so does the fleet")
    func namesAreFound() throws {
        var random = SeededRandom(seed: 5)
        var turn = DecodedTurn()
        var missed = 0
        var strangers = 0
        var known = 0
        for _ in 0..<2_000 {
            let (bytes, samples) = entry(&random)
            let from = random.below(bytes.count)
            let damage = from..<min(bytes.count, from + 1 + random.below(64))
            var spoilt = bytes
            for index in damage { spoilt[index] = UInt8(random.below(256)) }
            let ends = TurnCoding.ends(ofDamaged: spoilt, before: 9)
            try turn.decode(ends.span)
            #expect(turn.head.arrival == 0)
            let names = Set(
                turn.items.map { Array(ends[ends.span.nameRange(ofEndAt: Int($0))]) })
            #expect(turn.parts.allSatisfy { $0.kind == .end })
            #expect(turn.items.allSatisfy { ends.span.word(at: Int($0)) == 8 })
            #expect(names.contains([]))
            let all = Set(samples.map(\.name))
            let whole = Set(samples.filter { !$0.range.overlaps(damage) }.map(\.name))
            known += whole.count
            missed += whole.subtracting(names).count
            strangers += names.subtracting(all).count
        }
        // What stands at the edge of the damage may look like the beginning of something else.
        #expect(missed * 2_000 < known, "seed 5: \(missed) of \(known)")
        #expect(strangers < 200, "seed 5: \(strangers)")
    }
}

@Suite struct CheckpointCodingTests {
    private func record(_ entry: UInt64, _ arrival: Int) -> HistoryRecord {
        HistoryRecord(
            entry: entry, arrival: arrival,
            sample: Sample(timestamp: Double(entry) + 0.25, cpu: 3, rps: Double(arrival)))
    }

    @Test("records come back as they were written")
    func records() {
        let records = [
            record(7, 1_000), record(7, 1_000), record(200, 1_001), record(70_000, 9_999),
        ]
        let bytes = CheckpointCoding.bytes(of: records, birth: 3)
        #expect(CheckpointCoding.records(bytes, birth: 3) == records)
        #expect(CheckpointCoding.records(bytes, birth: 4) == nil)
        #expect(CheckpointCoding.FoldElement(bytes) == nil)
    }

    @Test("a fold comes back as it was written")
    func fold() {
        let element = CheckpointCoding.FoldElement(
            birth: 3, asOf: 90, lastEntry: 80, lastArrival: 1_234,
            totals: SeriesTotals(samples: 50, anomalies: 4, alerts: 2), fold: [1, 2, 3])
        let back = CheckpointCoding.FoldElement(element.bytes)
        #expect(back?.birth == 3)
        #expect(back?.asOf == 90)
        #expect(back?.lastEntry == 80)
        #expect(back?.lastArrival == 1_234)
        #expect(back?.totals == element.totals)
        #expect(back?.fold == [1, 2, 3])
        #expect(CheckpointCoding.records(element.bytes, birth: 3) == nil)
    }

    @Test("a checkpoint continues the fold, in however many pieces it was written")
    func continues() throws {
        var settings = LogSettings()
        settings.timeToLive = 1_000
        let records = (1...60).map { record(UInt64($0 / 2 + 1), 10_000 + $0 * 10) }
        var whole = SeriesLife(settings.parameters)
        for record in records {
            _ = whole.take(
                record.sample, entry: record.entry, arrival: record.arrival, settings)
        }
        var half = SeriesLife(settings.parameters)
        for record in records where record.entry <= 15 {
            _ = half.take(
                record.sample, entry: record.entry, arrival: record.arrival, settings)
        }
        let elements = [
            half.element(birth: 3, asOf: 15, settings.parameters),
            // Written a second time by a trim that was repeated.
            CheckpointCoding.bytes(of: records.filter { $0.entry <= 20 }, birth: 3),
            CheckpointCoding.bytes(of: records.filter { $0.entry > 12 }, birth: 3),
            CheckpointCoding.bytes(of: records.filter { $0.entry > 12 }, birth: 2),
        ]
        var start = FoldStart(settings)
        start.take(elements, birth: 3)
        #expect(start.through == 31)
        #expect(
            start.life.fold.encode(settings.parameters) == whole.fold.encode(settings.parameters))
    }

    @Test("a fold of other parameters learns anew and counts on")
    func relearns() {
        var settings = LogSettings()
        var life = SeriesLife(settings.parameters)
        for number in 1...5 {
            let record = record(UInt64(number), 1_000 + number)
            _ = life.take(record.sample, entry: record.entry, arrival: record.arrival, settings)
        }
        let element = life.element(birth: 3, asOf: 9, settings.parameters)
        settings.parameters.windowSize = 7
        var start = FoldStart(settings)
        start.take([element], birth: 3)
        holds(start.relearns)
        #expect(start.through == 9)
        #expect(start.life.fold.totals.samples == 5)
    }

    @Test("bytes that were changed by chance never trap")
    func mutations() {
        var random = SeededRandom(seed: 2)
        let settings = LogSettings()
        var life = SeriesLife(settings.parameters)
        let fold = life.element(birth: 3, asOf: 9, settings.parameters)
        let records = CheckpointCoding.bytes(
            of: [record(7, 1_000), record(200, 1_001), record(70_000, 9_999)], birth: 3)
        var taken = 0
        for _ in 0..<5_000 {
            var bytes = random.below(2) == 0 ? fold : records
            for _ in 0...random.below(3) {
                bytes[random.below(min(bytes.count, 120))] = UInt8(random.below(256))
            }
            if random.below(4) == 0 { bytes.removeLast(random.below(bytes.count)) }
            var start = FoldStart(settings)
            start.take([bytes], birth: 3)
            if start.through > 0 { taken += 1 }
        }
        #expect(taken > 500)
    }
}

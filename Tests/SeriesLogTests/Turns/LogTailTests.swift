import Testing

@testable import SeriesLog

@Suite struct LogTailTests {
    private func entry(_ tail: borrowing LogTail, bytes: Int) -> LogTail.Entry {
        LogTail.Entry(
            bytes: [UInt8](repeating: 0, count: bytes), mark: .none, clock: 0,
            firstRecord: tail.endRecord, keys: [])
    }

    @Test("entries and records are found until they are dropped, whatever is compacted meanwhile")
    func dropsAndCompacts() {
        var tail = LogTail()
        tail.reset(first: 7)
        var firsts: [UInt64: Int] = [:]
        for number in UInt64(7)..<3_007 {
            #expect(tail.next == number)
            firsts[number] = tail.endRecord
            let entry = entry(tail, bytes: 10)
            for _ in 0..<Int(number % 3) {
                tail.append(
                    LogTail.Record(
                        series: .none, kind: .sample, offset: 0, number: number, previous: -1))
            }
            tail.append(entry)
            if number % 5 == 0, number > 20 { tail.drop(before: number - 12) }
        }
        #expect(tail.first == 2_993)
        #expect(tail.entryCount == 14)
        #expect(tail.byteCount == 140)
        for number in tail.first..<tail.next {
            #expect(tail[number].firstRecord == firsts[number])
            #expect(tail.firstRecord(from: number) == firsts[number])
        }
        for index in tail.firstRecord..<tail.endRecord {
            #expect(tail.holdsRecord(index))
            #expect(tail.holds(tail.record(index).number))
        }
        #expect(!tail.holdsRecord(tail.firstRecord - 1))
        #expect(!tail.holds(tail.first - 1))
        #expect(!tail.holds(tail.next))
    }

    @Test("a bound beyond the end drops all, and the numbers go on")
    func dropsAll() {
        var tail = LogTail()
        tail.reset(first: 3)
        for _ in 0..<4 { tail.append(entry(tail, bytes: 5)) }
        tail.drop(before: 100)
        #expect(tail.first == 7)
        #expect(tail.entryCount == 0)
        #expect(tail.byteCount == 0)
        #expect(tail.next == 7)
        #expect(tail.firstRecord(from: 7) == tail.endRecord)
        tail.drop(before: 2)
        #expect(tail.first == 7)
    }
}

import Bytes
import Detection
import System
import Testing

@testable import SeriesLog

@Suite struct SeriesTableTests {
    private func name(_ number: Int) -> [UInt8] { Array("device-\(number)".utf8) }

    @Test("a series that begins anew gives its memory back")
    func restarts() {
        let parameters = FoldParameters()
        var life = SeriesLife(parameters)
        func grown() -> Int {
            let before = ProcessUsage.read().residentBytes
            for _ in 0..<100_000 { life.restart(parameters) }
            return ProcessUsage.read().residentBytes - before
        }
        _ = grown()
        // Each holds a window of 800 bytes; all of them together 80 MB.
        #expect(grown() < 20_000_000)
    }

    @Test("series stand in the order of their activity, and those put at the end stay there")
    func ordersByActivity() {
        var table = SeriesTable<Int>()
        func at(_ second: Int) -> Instant { .zero + .seconds(second) }
        let first = table.insert(name(1).span, hash: 1, 1, now: at(10))
        _ = table.insert(name(2).span, hash: 2, 2, now: at(11))
        _ = table.insertOldest(name(3).span, hash: 3, 3, lastActivity: at(12))
        table.touch(first, now: at(13))
        var order: [Int] = []
        var id = table.newest
        while !id.isNone {
            order.append(table[id])
            id = table.older(than: id)
        }
        #expect(order == [1, 2, 3])
        #expect(table.oldestActivity < at(11))
        #expect(table.find(name(3).span, hash: 3) == table.oldest)
        table.remove(first)
        #expect(table.find(name(1).span, hash: 1) == nil && table.count == 2)
    }
}

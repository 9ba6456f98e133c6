import Bytes
import Detection
import Numerics
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

    @Test("a place in the middle of the list is found as by walking there")
    func findsPlaces() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var table = SeriesTable<Int>()
        var ids: [SeriesID] = []
        var second = 1_000
        var walked = 0
        for step in 0..<60_000 {
            second += random.below(2)
            let now = Instant.zero + .seconds(second)
            let place = ids.isEmpty ? 0 : random.below(ids.count)
            switch random.below(20) {
            case 0...3 where ids.count < 5_000:
                let device = name(step)
                ids.append(table.insert(device.span, hash: UInt64(step), step, now: now))
            case 4...5 where ids.count < 5_000:
                let device = name(step)
                ids.append(
                    table.insertOldest(
                        device.span, hash: UInt64(step), step,
                        lastActivity: .zero + .seconds(random.below(2_000))))
            case 6 where !ids.isEmpty:
                let id = random.below(4) == 0 ? table.newest : ids[place]
                table.remove(id)
                ids.removeAll { $0 == id }
            case 13 where !ids.isEmpty: table.touch(table.newest, now: now)
            case 7 where !ids.isEmpty:
                table.moveToOldest(ids[place], lastActivity: .zero + .seconds(random.below(900)))
            case 8...12 where !ids.isEmpty && step % 8_000 < 4_000:
                // Some are never active again, so that places in the middle stay.
                table.touch(ids[place / 2], now: now)
            default: break
            }
            guard step % 100 == 0, !ids.isEmpty else { continue }
            let activity = table.lastActivity(of: ids[random.below(ids.count)])
            let wanted = Instant(nanoseconds: activity.nanoseconds + Int64(random.below(3)) - 1)
            var id = table.newest
            while !id.isNone, table.lastActivity(of: id) > wanted {
                id = table.older(than: id)
                walked += 1
            }
            #expect(table.newest(notAfter: wanted) == id, "seed \(seed), step \(step)")
        }
        #expect(walked > 100_000 && ids.count > 1_000, "seed \(seed)")
    }
}

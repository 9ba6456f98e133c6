import Numerics
import Testing

@testable import SeriesLog

@Suite struct KeyMemoryTests {
    private func entries(_ memory: KeyMemory) -> [UInt64] {
        var found: [UInt64] = []
        memory.forEach { hash, _ in found.append(hash) }
        return found
    }

    @Test("what is remembered is known, and changes nothing when it comes again")
    func remembers() {
        var memory = KeyMemory(limit: 3, seed: 1)
        #expect(memory.oldestTime == nil)
        for hash in [5, 6, 7] as [UInt64] { #expect(memory.insert(hash, time: 100) == true) }
        #expect(memory.insert(5, time: 200) == false)
        #expect(memory.count == 3)
        #expect(entries(memory) == [5, 6, 7])
        // 5 is still the oldest, although it came again.
        #expect(memory.insert(8, time: 100) == true)
        #expect(!memory.contains(5))
        #expect(entries(memory) == [6, 7, 8])
    }

    @Test("with a limit of 0 nothing is remembered, with 1 the last hash")
    func takesSmallLimits() {
        var none = KeyMemory(limit: 0, seed: 1)
        #expect(none.insert(1, time: 1) == true)
        #expect(none.insert(1, time: 1) == true)
        #expect(none.count == 0 && none.oldestTime == nil && !none.contains(1))
        var one = KeyMemory(limit: 1, seed: 1)
        for hash in 1...5 as ClosedRange<UInt64> {
            #expect(one.insert(hash, time: Int(hash)) == true)
            #expect(one.insert(hash, time: 99) == false)
            #expect(entries(one) == [hash])
            #expect(one.oldestTime == Int(hash))
        }
    }

    @Test("the hash 0 is remembered too")
    func takesZero() {
        var memory = KeyMemory(limit: 2, seed: 1)
        #expect(!memory.contains(0))
        #expect(memory.insert(0, time: 1) == true)
        #expect(memory.insert(0, time: 1) == false)
        #expect(memory.insert(2, time: 1) && memory.insert(3, time: 1))
        #expect(!memory.contains(0))
    }

    @Test("after removeAll it is as new")
    func empties() {
        var memory = KeyMemory(limit: 100, seed: 1)
        for hash in 1...250 as ClosedRange<UInt64> { _ = memory.insert(hash, time: 10) }
        memory.removeAll()
        #expect(memory.count == 0 && memory.oldestTime == nil && entries(memory).isEmpty)
        #expect(memory.insert(250, time: 20) == true)
        #expect(memory.oldestTime == 20)
    }

    @Test("the oldest one's time is that of its block, a 64th of the limit at most before its own")
    func tellsTheOldestTime() {
        for limit in [1, 63, 64, 100, 129, 1000, 70_000, 200_000] {
            var memory = KeyMemory(limit: limit, seed: 1)
            let block = min(1024, max(1, limit / 64))
            for arrival in 0..<(3 * limit + 5) {
                // One hash a second: a time is an arrival.
                #expect(memory.insert(UInt64(arrival + 1), time: arrival) == true)
                let oldest = max(0, arrival + 1 - limit)
                guard let time = memory.oldestTime, time <= oldest, oldest - time < block else {
                    let time = String(describing: memory.oldestTime)
                    Issue.record("limit \(limit): \(time) at \(arrival)")
                    return
                }
            }
        }
    }

    @Test("times are kept within their range")
    func clampsTimes() {
        var memory = KeyMemory(limit: 2, seed: 1)
        _ = memory.insert(1, time: -5)
        #expect(memory.oldestTime == 0)
        memory.removeAll()
        _ = memory.insert(1, time: .max)
        #expect(memory.oldestTime == Int(UInt32.max))
    }

    @Test("it does what a plain list does", arguments: [1, 2, 12, 13, 100, 1000])
    func agreesWithAModel(_ limit: Int) {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var memory = KeyMemory(limit: limit, seed: 1)
        var model: [UInt64] = []
        for step in 0..<20 * limit + 2000 {
            // Few enough that many come again; some differ in their high bits alone. 0 counts as 1.
            let number = UInt64(random.below(2 * limit + 2) + 1)
            let hash = random.below(2) == 0 ? number : number << 40
            let isNew = memory.insert(hash, time: step)
            guard isNew != model.contains(hash) else {
                Issue.record("seed \(seed): \(hash) at step \(step)")
                return
            }
            if isNew {
                if model.count == limit { model.removeFirst() }
                model.append(hash)
            }
            let other = UInt64(random.below(2 * limit + 2) + 1)
            guard memory.count == model.count, memory.contains(other) == model.contains(other)
            else {
                Issue.record("seed \(seed): differs at step \(step)")
                return
            }
            if step % 97 == 0 { #expect(entries(memory) == model, "seed \(seed) at \(step)") }
            if random.below(20 * limit) == 0 {
                memory.removeAll()
                model = []
            }
        }
        #expect(entries(memory) == model, "seed \(seed)")
    }

    @Test("a million hashes take less than 28 bytes each, also when all were replaced")
    func takesLittleMemory() {
        let count = 1_000_000
        var random = SeededRandom(seed: 1)
        var memory = KeyMemory(limit: count, seed: 1)
        var bytes: Int { 8 * (memory.ring.capacity + memory.places.count) }
        for _ in 0..<count { _ = memory.insert(random.next(), time: 1) }
        #expect(memory.count == count)
        #expect(bytes < 28 * count, "\(bytes)")
        for _ in 0..<count { _ = memory.insert(random.next(), time: 2) }
        #expect(memory.count == count)
        #expect(bytes < 28 * count, "\(bytes)")
        print("a million hashes take \(bytes) bytes")
    }
}

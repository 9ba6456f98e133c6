import Bytes
import Detection
import Numerics
import SeriesLog
import Testing

@Suite struct MemoryLogTests {
    private func at(_ seconds: Int) -> Instant { Instant(nanoseconds: 0) + .seconds(seconds) }

    private func log(devices: Int = 1000, ttl: Int = 1000) -> MemoryLog {
        MemoryLog(
            FoldParameters(), deviceLimit: devices, timeToLive: .seconds(ttl), seed: 12345)
    }

    private func sample(_ rps: Double) -> Sample { Sample(timestamp: 1, cpu: 1, rps: rps) }

    private func append(_ log: MemoryLog, _ device: String, at seconds: Int) -> Verdict {
        let name = Array(device.utf8)
        return log.append(sample(1), device: name.span, now: at(seconds))
    }

    private func names(_ entries: [DeviceEntry]) -> [String] {
        entries.map { String($0.key.bytes) }
    }

    @Test("at its limit the log drops the series idle longest, and counts it")
    func evictsTheOldest() {
        let log = log(devices: 3)
        for (second, device) in ["a", "b", "c", "a", "d"].enumerated() {
            _ = append(log, device, at: second)
        }
        #expect(log.deviceCount == 3)
        #expect(log.evicted == 1)
        let listed = log.devices(after: nil, limit: 10, now: at(9))
        #expect(names(listed ?? []) == ["d", "a", "c"])
        #expect(append(log, "b", at: 10).sequence == 1, "an evicted series begins anew")
        #expect(append(log, "a", at: 11).sequence == 3)
    }

    @Test("a series without samples for its time to live is gone")
    func expires() {
        let log = log(ttl: 10)
        _ = append(log, "a", at: 0)
        _ = append(log, "b", at: 5)
        let a = Array("a".utf8)
        #expect(log.summary(device: a.span, now: at(10)) != nil)
        #expect(log.summary(device: a.span, now: at(11)) == nil)
        #expect(append(log, "a", at: 12).sequence == 1)
        #expect(log.dropExpired(now: at(16), limit: 100) == 1)
        #expect(log.deviceCount == 1)
        #expect(log.expired == 2)
    }

    @Test("many devices come and go, and each keeps its own sequence")
    func agreesWithAModel() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let log = log(devices: 100)
        var model: [String: (count: Int, last: Int)] = [:]
        for step in 0..<20_000 {
            let device = "device-\(random.below(140))"
            if model[device] == nil, model.count == 100 {
                let oldest = model.min { $0.value.last < $1.value.last }
                if let oldest { model[oldest.key] = nil }
            }
            let count = (model[device]?.count ?? 0) + 1
            model[device] = (count, step)
            #expect(append(log, device, at: step).sequence == count, "seed \(seed) at \(step)")
        }
        #expect(log.deviceCount == 100)
        var listed: [String] = []
        var after: [UInt8]?
        while true {
            let page =
                if let after {
                    log.devices(after: after.span, limit: 7, now: at(20_000))
                } else {
                    log.devices(after: nil, limit: 7, now: at(20_000))
                }
            guard let page, let last = page.last else { break }
            listed += names(page)
            after = Array(last.key.bytes)
        }
        #expect(listed == model.sorted { $0.value.last > $1.value.last }.map(\.key), "seed \(seed)")
    }

    @Test("however the names spread over the stripes, a page is the same")
    func listsUnevenStripes() {
        let log = log(devices: 5_000)
        for number in 0..<5_000 { _ = append(log, "d\(number)", at: number / 100) }
        for limit in [1, 10, 100, 1_000] {
            let whole = log.devices(after: nil, limit: limit, now: at(60), share: limit)
            for share in [1, 2, 7] {
                let page = log.devices(after: nil, limit: limit, now: at(60), share: share)
                #expect(names(page ?? []) == names(whole ?? []), "\(limit), \(share)")
            }
            #expect(whole?.count == limit)
        }
    }

    @Test("the fleet takes every sample")
    func countsTheFleet() {
        let log = log()
        for second in 1...20 {
            #expect(log.appendToFleet(sample(5)).sequence == second)
        }
        #expect(log.fleetSummary().mean == 5)
        #expect(log.deviceCount == 0)
    }

    @Test("an unknown device has no summary and begins no page")
    func knowsNoStrangers() {
        let name = Array("nobody".utf8)
        #expect(log().summary(device: name.span, now: at(1)) == nil)
        #expect(log().devices(after: name.span, limit: 5, now: at(1)) == nil)
    }
}

import Bytes
import Detection
import Numerics
import SeriesLog
import Store
import System
import Telemetry
import TestSupport
import Testing
import Wire

/// The kinds of store that there are.
enum StoreKind: CaseIterable {
    case memory, file, redis
}

/// Opens a store for a test. One in Redis has a server of its own, and one in a file a folder,
/// which end with it.
func openStore(
    _ kind: StoreKind, loops: Int = 1, timeout: TimeSpan = .seconds(10),
    timeToLive: TimeSpan = .seconds(3600), deviceLimit: Int = 1000, keys: Int? = nil
) throws -> any StoreDriver {
    var configuration = Configuration()
    configuration.redisTimeout = timeout
    configuration.seriesTimeToLive = timeToLive
    configuration.deviceLimit = deviceLimit
    configuration.idempotencyKeys = keys
    let driver: any StoreDriver
    switch kind {
    case .memory:
        let shared = SharedMemory(configuration, FoldParameters(), hashSeed: 7)
        driver = try Driver<MemoryStore>(shared, loops: loops, redis: nil)
    case .file:
        let folder = try TemporaryFolder()
        let shared = try SharedFile(
            path: folder.path + "/series.db", configuration, FoldParameters(), loops: loops)
        driver = try Driver<FileStore>(shared, loops: loops, redis: nil, folder: folder)
    case .redis:
        let redis = try RunningRedis()
        guard case .redis(let location) = StoreLocation(redis.url) else {
            throw Failure("\(redis.url) is not read")
        }
        let shared = try SharedRedis(at: location, configuration, FoldParameters(), loops: loops)
        driver = try Driver<RedisStore>(shared, loops: loops, redis: redis)
    }
    try driver.wait(until: { driver.shared.failure == nil }, "the store is there")
    return driver
}

/// What every store promises, asked of each through its protocol alone.
@Suite(.serialized) struct ConformanceTests {
    private func sample(
        _ device: String? = nil, at timestamp: Int = 1, cpu: Double = 1, rps: Double = 1
    ) -> String {
        let name = device.map { ",\"device_id\":\"\($0)\"" } ?? ""
        return "{\"timestamp\":\(timestamp),\"cpu\":\(cpu),\"rps\":\(rps)\(name)}"
    }

    private func array(_ samples: [String]) -> String {
        "[" + samples.joined(separator: ",") + "]"
    }

    private func sequences(_ verdicts: [Verdict]) -> [Int] { verdicts.map(\.sequence) }

    @Test(
        "a device's samples are numbered 1, 2, 3, and the fleet counts them too",
        arguments: StoreKind.allCases)
    func numbersSamples(_ kind: StoreKind) throws {
        let store = try openStore(kind)
        for count in 1...3 {
            #expect(try sequences(store.append(sample("a"))) == [count])
        }
        #expect(try sequences(store.append(sample("b"))) == [1])
        #expect(try sequences(store.append(sample())) == [5], "four came from devices")
        #expect(try store.analysis("a")?.lastVerdict.sequence == 3)
        #expect(try store.analysis(nil)?.lastVerdict.sequence == 5)
    }

    @Test(
        "a long batch lets others come between, and its verdicts are as if it were alone",
        arguments: StoreKind.allCases)
    func interleaves(_ kind: StoreKind) throws {
        let store = try openStore(kind, deviceLimit: 100_000)
        let count = 20_000
        let long = try (0..<2).map { number in
            try store.submit(
                array((0..<count).map { sample("\(number)-\($0 % 7_000)", at: $0 + 1) }), loop: 0)
        }
        let short = try store.submit(sample("short"), loop: 0)
        var ended: [Int] = []
        var verdicts: [Int: [Verdict]] = [:]
        try store.wait(
            until: { () throws -> Bool in
                for request in long + [short] where verdicts[request] == nil {
                    guard let ending = store.takeEnding(request) else { continue }
                    guard case .stored(let found) = ending else { throw Failure("\(ending)") }
                    verdicts[request] = found
                    ended.append(request)
                }
                return ended.count == 3
            }, "all are stored")
        #expect(ended.first == short)
        for request in long {
            let found = verdicts[request] ?? []
            #expect(found.map(\.timestamp) == (1...count).map(Double.init))
            #expect(sequences(found) == (0..<count).map { $0 / 7_000 + 1 })
        }
        #expect(try store.analysis(nil)?.lastVerdict.sequence == 2 * count + 1)
        // With a key, a repeat is known piece by piece.
        let keyed = array((0..<5_000).map { sample("k\($0 % 10)", at: $0) })
        #expect(try store.append(keyed, key: "k").last?.sequence == 500)
        _ = try store.append(keyed, key: "k")
        #expect(try store.analysis("k1")?.lastVerdict.sequence == 500)
    }

    @Test("a batch's verdicts stand in the order of its samples", arguments: StoreKind.allCases)
    func keepsTheOrder(_ kind: StoreKind) throws {
        let store = try openStore(kind)
        let devices = ["a", "b", "a", nil, "a", "b"]
        let body = array(
            devices.enumerated().map { index, device in sample(device, at: 10 + index) })
        let verdicts = try store.append(body)
        #expect(verdicts.map(\.timestamp) == [10, 11, 12, 13, 14, 15])
        // The fleet's series takes them in the same order: the one without a device is its fourth.
        #expect(sequences(verdicts) == [1, 1, 2, 4, 3, 2])
    }

    @Test(
        "requests that wait at the same time get back their own batches",
        arguments: StoreKind.allCases)
    func keepsBatchesApart(_ kind: StoreKind) throws {
        let store = try openStore(kind, loops: 2)
        for _ in 0..<5 {
            let requests = try (1...8).map { length in
                let samples = (0..<length).map { sample("d\(length)", at: 100 * length + $0) }
                return try store.submit(array(samples), loop: length % 2)
            }
            for (length, request) in zip(1...8, requests) {
                guard case .stored(let verdicts) = try store.end(request) else {
                    throw Failure("not stored")
                }
                #expect(verdicts.map(\.timestamp) == (0..<length).map { Double(100 * length + $0) })
            }
        }
        try store.pass(.milliseconds(50))
        #expect(store.waitingCount == 0)
    }

    @Test("the stores give the same verdicts, bit for bit")
    func agrees() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let stores = try StoreKind.allCases.map { try openStore($0) }
        var flagged = 0
        for step in 0..<60 {
            let body = array(
                (0...random.below(30)).map { index in
                    let isSpike = random.below(40) == 0
                    return sample(
                        ["a", "b", nil][random.below(3)], at: 1000 * step + index,
                        cpu: Double(random.below(1000)) / 10,
                        rps: Double(random.below(1000)) / 7 + (isSpike ? 5000 : 0))
                })
            let verdicts = try stores.map { try $0.append(body).map(\.withoutLife) }
            // A Double's text is another for every other value.
            #expect(Set(verdicts.map { "\($0)" }).count == 1, "seed \(seed) at \(step)")
            flagged += verdicts[0].count { $0.isFlagged }
        }
        #expect(flagged > 0, "seed \(seed)")
        for device in ["a", "b", nil] {
            let summaries = try stores.map { store in
                var summary = try store.analysis(device)
                summary?.lastVerdict.life = 0
                return summary
            }
            #expect(summaries[0] != nil)
            #expect(Set(summaries.map { "\(String(describing: $0))" }).count == 1, "seed \(seed)")
        }
    }

    @Test(
        "before the first sample the fleet is empty, and a device unknown",
        arguments: StoreKind.allCases)
    func knowsNoStrangers(_ kind: StoreKind) throws {
        let store = try openStore(kind)
        #expect(try store.analysis(nil) == .empty)
        guard case .stats(let summary) = try store.ask(.stats) else {
            throw Failure("no statistics")
        }
        #expect(summary == .empty)
        #expect(try store.analysis("nobody") == nil)
        #expect(try store.devices()?.names == [])
        #expect(try store.devices(after: "nobody") == nil)
        #expect(try store.anomalies(AnomalyFilter(limit: 10)) == [])
        _ = try store.append(sample("a"))
        #expect(try store.analysis("nobody") == nil)
    }

    @Test(
        "devices are listed by their last activity, page after page",
        arguments: StoreKind.allCases)
    func listsDevices(_ kind: StoreKind) throws {
        let store = try openStore(kind)
        for device in ["a", "b", "c", "d", "e", "b"] {
            _ = try store.append(sample(device, rps: 5))
            // Activity counts in milliseconds.
            try store.pass(.milliseconds(3))
        }
        // What other processes see, a store may tell them a little later.
        try store.wait(
            until: { try store.devices()?.names == ["b", "e", "d", "c", "a"] },
            "all devices are listed")
        let first = try #require(try store.devices(limit: 2))
        #expect(first.names == ["b", "e"])
        #expect(first.rows.map(\.summary.lastVerdict.sequence) == [2, 1])
        #expect(first.total == 5)
        #expect(first.next == Array("e".utf8))
        let second = try #require(try store.devices(after: "e", limit: 2))
        #expect(second.names == ["d", "c"])
        let third = try #require(try store.devices(after: "c", limit: 2))
        #expect(third.names == ["a"])
        #expect(third.next == nil)
        #expect(try store.devices(after: "nobody", limit: 2) == nil)
    }

    @Test(
        "flagged samples are listed newest first, by device, by alert, and no more than asked for",
        arguments: StoreKind.allCases)
    func listsAnomalies(_ kind: StoreKind) throws {
        let store = try openStore(kind)
        var flagged: [(device: String?, isAlert: Bool, sequence: Int)] = []
        var random = SeededRandom(seed: 1)
        for device in ["a", "b", nil] {
            // Of plain noise some samples stand out a little; the last ones do by far.
            let values =
                (0..<200).map { _ in 100 + Double(random.below(1000)) / 100 } + [5000, 6000]
            let body = values.enumerated().map { sample(device, at: 1 + $0, rps: $1) }
            for verdict in try store.append(array(body)) where verdict.isFlagged {
                flagged.append((device, verdict.alert, verdict.sequence))
            }
        }
        flagged.reverse()
        #expect(flagged.contains { $0.isAlert } && flagged.contains { !$0.isAlert })
        let all = AnomalyFilter(limit: 100)
        try store.wait(
            until: { try store.anomalies(all).count == flagged.count }, "all are listed")
        for (text, expected) in zip(try store.anomalies(all), flagged) {
            #expect(text.contains("\"sequence\":\(expected.sequence),"))
            if let device = expected.device { #expect(text.contains("\"\(device)\"")) }
        }
        let ofA = try store.anomalies(AnomalyFilter(device: Array("a".utf8), limit: 100))
        #expect(ofA.count == flagged.count { $0.device == "a" })
        let alerts = try store.anomalies(AnomalyFilter(alertsOnly: true, limit: 100))
        #expect(alerts.count == flagged.count { $0.isAlert })
        #expect(
            try store.anomalies(AnomalyFilter(limit: 2))
                == Array(store.anomalies(all).prefix(2)))
        #expect(
            try store.anomalies(AnomalyFilter(device: Array("nobody".utf8), limit: 9)) == [])
    }

    @Test(
        "a series without a sample for its time to live begins anew",
        arguments: StoreKind.allCases)
    func forgetsIdleSeries(_ kind: StoreKind) throws {
        let store = try openStore(kind, timeToLive: .seconds(1))
        #expect(try sequences(store.append(array([sample("a"), sample("a")]))) == [1, 2])
        try store.wait(until: { try store.analysis("a") == nil }, "the series is gone")
        #expect(try sequences(store.append(sample("a"))) == [1])
        #expect(try store.analysis(nil)?.lastVerdict.sequence == 3, "the fleet's is kept")
    }

    @Test(
        "beyond the limit of devices the one idle longest is dropped; a file keeps it",
        arguments: StoreKind.allCases)
    func dropsTheOldest(_ kind: StoreKind) throws {
        let store = try openStore(kind, deviceLimit: 3)
        for device in ["a", "b", "c", "a", "d"] {
            _ = try store.append(sample(device))
            try store.pass(.milliseconds(3))
        }
        guard kind != .file else {
            #expect(try store.devices()?.names == ["d", "a", "c", "b"])
            return
        }
        try store.wait(
            until: { try store.devices()?.names == ["d", "a", "c"] }, "the oldest is dropped")
        #expect(try store.devices()?.total == 3)
        // The list goes first, and then the series.
        try store.wait(until: { try store.analysis("b") == nil }, "its series is dropped")
        #expect(try sequences(store.append(sample("b"))) == [1])
        #expect(try sequences(store.append(sample("a"))) == [3])
    }

    @Test(
        "names that come once push out each other, and no device that was there",
        arguments: StoreKind.allCases)
    func outlivesFloods(_ kind: StoreKind) throws {
        let store = try openStore(kind, deviceLimit: 2000)
        let steady = (0..<50).map { "steady-\($0)" }
        for _ in 1...2 { _ = try store.append(array(steady.map { sample($0) })) }
        for first in stride(from: 0, to: 10_000, by: 500) {
            _ = try store.append(array((0..<500).map { sample("once-\(first + $0)") }))
        }
        let verdicts = try store.append(array(steady.map { sample($0) }))
        #expect(sequences(verdicts) == Array(repeating: 3, count: 50))
        guard kind != .file else {
            #expect(try store.devices()?.total == 10_050)
            return
        }
        try store.wait(
            until: { try (store.devices()?.total ?? 0) <= 2000 }, "the limit is kept again")
    }

    @Test("loops see each other's samples", arguments: StoreKind.allCases)
    func shares(_ kind: StoreKind) throws {
        let store = try openStore(kind, loops: 2)
        #expect(try sequences(store.append(sample("a"), loop: 0)) == [1])
        #expect(try sequences(store.append(sample("a"), loop: 1)) == [2])
        #expect(try sequences(store.append(sample("a"), loop: 0)) == [3])
        for loop in 0...1 {
            #expect(try store.analysis("a", loop: loop)?.lastVerdict.sequence == 3)
            #expect(try store.analysis(nil, loop: loop)?.lastVerdict.sequence == 3)
        }
        // At the same time, and in whatever order: each number is given once.
        let requests = try (0..<40).map { try store.submit(sample("a"), loop: $0 % 2) }
        var given: [Int] = []
        for request in requests {
            guard case .stored(let verdicts) = try store.end(request) else {
                throw Failure("not stored")
            }
            given += sequences(verdicts)
        }
        #expect(given.sorted() == Array(4...43))
    }

    @Test(
        "what loops share tells of the fleet, of the devices, and of itself",
        arguments: StoreKind.allCases)
    func tellsOfItself(_ kind: StoreKind) throws {
        let store = try openStore(kind, loops: 2)
        #expect(store.shared.failure == nil)
        for device in ["a", "b", "c"] { _ = try store.append(sample(device, rps: 8), loop: 1) }
        try store.wait(
            until: {
                store.shared.fleet.lastVerdict.sequence == 3 && store.shared.deviceCount == 3
            }, "the fleet and the devices are counted")
        #expect(store.shared.fleet.mean == 8)
        var writer = ExpositionWriter(.openMetrics)
        var text = ByteBuffer(limit: 1 << 20)
        store.shared.write(&writer, into: &text)
        let lines = String(decoding: Array(text.readable), as: UTF8.self).split(separator: "\n")
        switch kind {
        case .memory:
            #expect(store.shared.summary == "memory")
            #expect(lines.contains("devices_evicted_total 0"))
        case .file:
            #expect(store.shared.summary.hasSuffix("series.db"))
            #expect(lines.contains("file_waiting_samples 0"))
        case .redis:
            let port = try #require(store.redis?.port)
            #expect(store.shared.summary == "redis at 127.0.0.1:\(port)")
            #expect(lines.contains("redis_up 1"))
            #expect(lines.contains("redis_waiting_samples 0"))
        }
    }

    @Test("a request that comes again with its key is stored once", arguments: StoreKind.allCases)
    func storesOnce(_ kind: StoreKind) throws {
        let store = try openStore(kind, loops: 2)
        #expect(store.shared.oldestKeyTime == nil)
        let body = array([sample("a"), sample(), sample("a")])
        #expect(try sequences(store.append(body, key: "k")) == [1, 2, 2])
        // Whichever loop it comes to, and however often.
        for loop in [0, 1, 1] {
            #expect(try sequences(store.append(body, key: "k", loop: loop)) == [0, 0, 0])
        }
        #expect(try store.analysis(nil)?.lastVerdict.sequence == 3)
        #expect(try store.analysis("a")?.lastVerdict.sequence == 2)
        let seconds = Int(Clock.unixNanoseconds() / 1_000_000_000)
        try store.wait(until: { store.shared.oldestKeyTime != nil }, "the key is seen")
        let oldest = try #require(store.shared.oldestKeyTime)
        #expect((seconds - 3600...seconds).contains(oldest))
        // Without a key nothing is compared.
        #expect(try sequences(store.append(body)) == [3, 5, 4])
    }

    @Test(
        "another key, or the same with another body, is another request",
        arguments: StoreKind.allCases)
    func separatesRequests(_ kind: StoreKind) throws {
        let store = try openStore(kind)
        #expect(try sequences(store.append(sample("a"), key: "k")) == [1])
        #expect(try sequences(store.append(sample("a"), key: "l")) == [2])
        #expect(try sequences(store.append(sample("a") + " ", key: "k")) == [3])
        #expect(try sequences(store.append(sample("b"), key: "k")) == [1])
        #expect(try sequences(store.append(sample("a"), key: "k")) == [0])
    }

    @Test("each piece of a long request is remembered", arguments: StoreKind.allCases)
    func remembersPieces(_ kind: StoreKind) throws {
        let length = 2 * RequestKey.pieceSamples + 1
        let body = array((1...length).map { sample("a", at: $0) })
        let store = try openStore(kind)
        #expect(try sequences(store.append(body, key: "k")) == Array(1...length))
        #expect(
            try sequences(store.append(body, key: "k")) == Array(repeating: 0, count: length))
        // With room for two of its three pieces the first is forgotten, and so is stored again;
        // that drives out the second, and so on.
        let small = try openStore(kind, keys: 2)
        #expect(try sequences(small.append(body, key: "k")) == Array(1...length))
        #expect(
            try sequences(small.append(body, key: "k")) == Array(length + 1...2 * length))
    }

    @Test(
        "beyond the limit the oldest key is forgotten; with 0 every one",
        arguments: StoreKind.allCases)
    func forgetsKeys(_ kind: StoreKind) throws {
        let store = try openStore(kind, keys: 2)
        for (key, expected) in [("k", 1), ("l", 2), ("k", 0), ("m", 3), ("l", 0), ("k", 4)] {
            #expect(try sequences(store.append(sample("a"), key: key)) == [expected], "\(key)")
        }
        let off = try openStore(kind, keys: 0)
        #expect(try sequences(off.append(sample("a"), key: "k")) == [1])
        #expect(try sequences(off.append(sample("a"), key: "k")) == [2])
        #expect(off.shared.oldestKeyTime == nil)
    }

    @Test("a device's name that a request may carry fits a series' key")
    func holdsNames() {
        #expect(DeviceName.byteLimit <= DeviceKey.byteLimit)
    }

    @Test("the words for a store hold no password")
    func keepsSecrets() throws {
        guard case .redis(let location) = StoreLocation("redis://ada:hunter2@127.0.0.1:1") else {
            throw Failure("not read")
        }
        let shared = try SharedRedis(at: location, Configuration(), FoldParameters(), loops: 1)
        #expect(shared.summary == "redis at 127.0.0.1:1")
        #expect(shared.failure == .unreachable, "nobody has connected yet")
    }

    @Test("while Redis is away requests fail and say so; when it is back they are served")
    func survivesAnOutage() throws {
        let store = try openStore(.redis, timeout: .milliseconds(500))
        let redis = try #require(store.redis)
        #expect(try sequences(store.append(sample("a"))) == [1])
        redis.kill()
        // At first a request waits for the connection, until its own time is over.
        try store.wait(
            until: {
                if case .failed(.unreachable) = try store.end(store.submit(sample("a"), loop: 0)) {
                    return true
                }
                return false
            }, "it is known to be away")
        #expect(store.shared.failure == .unreachable)
        for call in [Call.stats, .analysis(device: Array("a".utf8))] {
            guard case .failed(.unreachable) = try store.end(store.submit(call, loop: 0)) else {
                throw Failure("answered without Redis: \(call)")
            }
        }
        try redis.start()
        try store.wait(until: { store.shared.failure == nil }, "it is back")
        try store.wait(
            until: {
                if case .stored = try store.end(store.submit(sample("z"), loop: 0)) { return true }
                return false
            }, "a sample is stored")
        #expect(try store.analysis("a") == nil, "this server keeps nothing on disk")
        #expect(store.waitingCount == 0)
    }
}

import Bytes
import Detection
import Foundation
import Synchronization
import TestSupport
import Testing
import Wire

@testable import Store

/// The tools' copy of a Redis: at one moment, while the replicas go on.
@Suite(.serialized) struct RedisCopyTests {
    private struct Fleet {
        let store: Driver<RedisStore>
        let location: RedisLocation
        let configuration: Configuration

        /// - Parameter password: of the default user.
        init(password: String? = nil) throws {
            let redis = try RunningRedis(port: nil, password.map { ["--requirepass", $0] } ?? [])
            let url =
                password.map { redis.url.replacingOccurrences(of: "//", with: "//:\($0)@") }
                ?? redis.url
            guard case .redis(let location) = StoreLocation(url) else { throw Failure(url) }
            self.location = location
            var configuration = Configuration()
            configuration.redisTimeout = .seconds(10)
            // Most of what is sent leaves the log.
            configuration.redisHistoryBytes = 65_536
            self.configuration = configuration
            let shared = try SharedRedis(at: location, configuration, FoldParameters(), loops: 1)
            let store = try Driver<RedisStore>(shared, loops: 1, redis: redis)
            self.store = store
            try store.wait(until: { shared.failure == nil }, "the store is there")
        }

    }

    private static func copy(
        _ location: RedisLocation, _ configuration: Configuration
    ) throws -> SeriesArchive {
        let copies = try SeriesArchive.copies(
            of: location, configuration, keyLimit: 1_000_000, judge: FoldParameters())
        #expect(copies.count == 1)
        return copies[0]
    }

    /// What a copy says of each series; the fleet's has no name.
    private static func judged(_ archive: SeriesArchive) throws -> [String: [Verdict]] {
        var judged: [String: [Verdict]] = [:]
        try archive.judge(timeToLive: 3_600_000) { name, _, verdict in
            judged[String(decoding: name, as: UTF8.self), default: []].append(
                verdict.withoutLife)
        }
        return judged
    }

    @Test("a copy that is made under load has each series up to one moment, as it was judged")
    func isOfOneMoment() throws {
        let fleet = try Fleet()
        let (store, location, configuration) = (fleet.store, fleet.location, fleet.configuration)
        var told = ToldVerdicts(seed: 51)
        for _ in 0..<20 { try told.send(400, devices: 1_200, to: store) }
        let isOver = Atomic(false)
        let copies = Mutex<[(verdicts: [String: [Verdict]], left: Int)]>([])
        let finished = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            while !isOver.load(ordering: .relaxed), copies.withLock({ $0.count }) < 40 {
                do {
                    let archive = try RedisCopyTests.copy(location, configuration)
                    let verdicts = try RedisCopyTests.judged(archive)
                    let left = try archive.statistics().logSamples
                    copies.withLock { $0.append((verdicts, left)) }
                } catch {
                    Issue.record("\(error)")
                }
            }
            finished.signal()
        }
        for _ in 0..<100 { try told.send(400, devices: 1_200, to: store) }
        isOver.store(true, ordering: .relaxed)
        finished.wait()
        try copies.withLock { copies in
            #expect(copies.count >= 3)
            let fleetRows = told.fleetRows()
            var moments = [(fleet: 0, devices: 0)]
            var moment = moments[0]
            for (index, sample) in told.sent.enumerated() {
                moment.fleet += sample.isDeviceOnly ? 0 : 1
                moment.devices += sample.device == nil ? 0 : 1
                if (index + 1) % 400 == 0 { moments.append(moment) }
            }
            var trimmed = 0
            for (verdicts, left) in copies {
                let fleet = try #require(verdicts[""])
                let end = try #require(fleet.last).sequence
                #expect(fleet == fleetRows[(end - fleet.count)..<end].map(\.verdict))
                var samples = 0
                for (name, found) in verdicts where !name.isEmpty {
                    let own = told.told(name).map(\.verdict)
                    let end = found.last?.sequence ?? 0
                    #expect(found == Array(own[(end - found.count)..<end]), "\(name)")
                    samples += end
                }
                // All series end at the same moment, after a whole request.
                let place = try #require(
                    moments.firstIndex { $0 == (fleet: end, devices: samples) })
                if left < 400 * place { trimmed += 1 }
            }
            #expect(trimmed > 0, "of no copy anything has left the log")
        }
    }

    @Test("a copy in a file goes on as the replicas do, keys of requests included")
    func goesOnInAFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/copy.db"
        let fleet = try Fleet(password: "hunter2")
        var told = ToldVerdicts(seed: 52)
        for round in 0..<60 {
            try told.send(200, devices: 5, key: "k\(round)", to: fleet.store)
        }
        try RedisCopyTests.copy(fleet.location, fleet.configuration).backup(to: path)
        // A reader of a file that no service has had yet keeps it from being opened.
        do {
            let archive = try SeriesArchive(path: path, keyLimit: 1_000_000)
            let found = try archive.verify(FoldParameters(), timeToLive: 3_600_000)
            #expect(found.isGood && found.series == 6, "\(found)")
        }
        let shared = try SharedFile(
            path: path, fleet.configuration, FoldParameters(), loops: 1)
        let file = try Driver<FileStore>(shared, loops: 1, redis: nil)
        try file.wait(until: { shared.failure == nil }, "the store is there")
        for round in [0, 30, 59] {
            let again = try file.append(told.bodies[round], key: "k\(round)")
            #expect(again.allSatisfy { $0.sequence == 0 }, "it is there already")
        }
        var both = (told, told)
        for _ in 0..<20 {
            try both.0.send(200, devices: 5, to: fleet.store)
            try both.1.send(200, devices: 5, to: file)
        }
        for device in told.devices { #expect(both.0.told(device) == both.1.told(device)) }
        #expect(try file.analysis(nil) == fleet.store.analysis(nil))
    }

    @Test("what is no log, or cannot be asked, is told in Redis' own words")
    func refuses() throws {
        let redis = try RunningRedis(port: nil, ["--requirepass", "hunter2"])
        for (url, words) in [
            (redis.url, "NOAUTH"),
            (redis.url.replacingOccurrences(of: "//", with: "//:wrong@"), "WRONGPASS"),
            (redis.url.replacingOccurrences(of: "//", with: "//:hunter2@"), "no log of series"),
            ("redis://127.0.0.1:1", "refused"),
        ] {
            guard case .redis(let location) = StoreLocation(url) else { throw Failure(url) }
            let error = #expect(throws: ArchiveError.self) {
                try SeriesArchive.copies(
                    of: location, Configuration(), keyLimit: 1, judge: FoldParameters())
            }
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
            #expect(error?.description.contains("hunter2") == false)
        }
    }
}

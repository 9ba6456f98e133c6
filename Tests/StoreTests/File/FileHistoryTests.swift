import Bytes
import Detection
import System
import TestSupport
import Testing
import Wire

@testable import Store

/// Samples that have left the log of a file are told as they were judged.
@Suite(.serialized) struct FileHistoryTests {
    private func settings() -> LogFileSettings {
        var settings = LogFileSettings()
        // Some 800 samples: most of what a test sends leaves the log.
        settings.logBytes = 32_768...32_768
        return settings
    }

    private func open(_ path: String, _ settings: LogFileSettings) throws -> Driver<FileStore> {
        let shared = try SharedFile(path: path, settings, waitsForDisk: false, loops: 1)
        let store = try Driver<FileStore>(shared, loops: 1, redis: nil)
        try store.wait(until: { shared.failure == nil }, "the store is there")
        return store
    }

    private func number(_ question: String, _ path: String) throws -> Int {
        try FileTables.number(question, Database(path: path))
    }

    @Test("a page begins anywhere, before and after a restart")
    func tellsWhatLeft() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/series.db"
        var told = ToldVerdicts(seed: 21)
        for _ in 0..<3 {
            let store = try open(path, settings())
            for _ in 0..<60 { try told.send(200, devices: 4, to: store) }
            try check(told, store)
        }
        #expect(try number("SELECT count(*) FROM history", path) > 20)
        #expect(try number("SELECT count(*) FROM folds WHERE series > 0", path) >= 4)
    }

    private func check(_ told: ToldVerdicts, _ store: any StoreDriver) throws {
        for device in told.devices {
            #expect(try store.allSamples(device, limit: 1000) == told.told(device), "\(device)")
        }
        #expect(try store.allSamples(nil, limit: 1000) == told.fleetRows())
        let all = told.told("d2")
        var query = SeriesQuery(device: Array("d2".utf8))
        query.limit = 5
        for start in stride(from: 1, to: all.count - 6, by: all.count / 17) {
            query.after = start
            #expect(try store.samples(query)?.plainRows == Array(all[start..<start + 5]))
            var timed = SeriesQuery(device: query.device)
            timed.limit = 1000
            timed.from = all[start].sample.timestamp
            timed.to = all[start + 5].sample.timestamp
            let wanted = all.filter { row in
                row.sample.timestamp >= all[start].sample.timestamp
                    && row.sample.timestamp <= all[start + 5].sample.timestamp
            }
            #expect(try store.samples(timed)?.plainRows == wanted)
        }
    }

    @Test("the fleet has its history where no sample names a device")
    func tellsFleetAlone() throws {
        let folder = try TemporaryFolder()
        let store = try open(folder.path + "/series.db", settings())
        var told = ToldVerdicts(seed: 27)
        for _ in 0..<30 { try told.send(200, devices: 0, to: store) }
        #expect(try number("SELECT count(*) FROM history", folder.path + "/series.db") > 0)
        #expect(try store.allSamples(nil, limit: 1000) == told.fleetRows())
    }

    @Test("a damaged entry begins its series anew, the fleet's too; what came before is kept apart")
    func damagedEntry() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/series.db"
        var told = ToldVerdicts(seed: 28)
        var store: Driver<FileStore>? = try open(path, settings())
        for _ in 0..<10 { try told.send(200, devices: 4, to: #require(store)) }
        try told.send(100, devices: 2, to: #require(store))
        let lost = told.sent.count
        for _ in 0..<2 { try told.send(100, devices: 4, to: #require(store)) }
        store = nil
        try Database(path: path).run(
            "UPDATE turns SET bytes = substr(bytes, 1, 1000) || zeroblob(7) || "
                + "substr(bytes, 1008) WHERE number = (SELECT max(number) - 2 FROM turns)")

        let damaged = try SeriesArchive(path: path, keyLimit: 1000)
        var judged = 0
        try damaged.judge(timeToLive: 86_400_000) { name, _, verdict in
            if name == Array("d0".utf8) { judged = verdict.sequence }
        }
        #expect(judged == told.folded(from: lost, "d0").count)
        #expect(try damaged.statistics().damaged == 1)

        let again = try open(path, settings())
        func check(_ what: String) throws {
            for device in ["d0", "d1"] {
                let rows = try again.allSamples(device, limit: 1000)
                #expect(rows == told.folded(from: lost, device), "\(what) \(device)")
            }
            for device in ["d2", "d3"] {
                let rows = try again.allSamples(device, limit: 1000)
                #expect(rows == told.folded(from: 0, device), "\(what) \(device)")
            }
            let fleet = try again.allSamples(nil, limit: 1000)
            #expect(fleet == told.folded(from: lost, nil), "\(what) fleet")
        }
        try check("in the log")
        for _ in 0..<30 { try told.send(200, devices: 4, to: again) }
        // A trim may still be under way.
        for _ in 0..<100 where try number("SELECT count(*) FROM history", path) <= 20 {
            try again.pass(.milliseconds(20))
        }
        #expect(try number("SELECT count(*) FROM history", path) > 20)
        try check("after trims")
        let archive = try SeriesArchive(path: path, keyLimit: 1000)
        let found = try archive.verify(FoldParameters(), timeToLive: 86_400_000)
        #expect(found.differences == [])
        #expect(found.damaged == 0)
    }

    @Test("a series that ended is not told; what came after begins at 1")
    func beginsAnew() throws {
        let folder = try TemporaryFolder()
        var settings = settings()
        settings.timeToLive = .milliseconds(300)
        let store = try open(folder.path + "/series.db", settings)
        var told = ToldVerdicts(seed: 22)
        for round in 0..<3 {
            for _ in 0..<10 { try told.send(200, devices: 4, to: store) }
            for device in told.devices {
                #expect(try store.allSamples(device, limit: 300) == told.told(device), "\(round)")
            }
            try store.pass(.milliseconds(400))
        }
        #expect(try store.samples(SeriesQuery(device: Array("d0".utf8))) == nil)
    }

    @Test("what is older than RETENTION goes, and the rest is told as before")
    func forgets() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/series.db"
        var settings = settings()
        settings.retention = .milliseconds(500)
        let store = try open(path, settings)
        var told = ToldVerdicts(seed: 23)
        for _ in 0..<100 { try told.send(200, devices: 1, to: store) }
        let before = try number("SELECT max(entry) FROM history", path)
        try store.pass(.milliseconds(600))
        // A trim drops what is too old, some time after the samples that called for it.
        for _ in 0..<500 {
            try told.send(200, devices: 1, to: store)
            if try number("SELECT min(entry) FROM history", path) > before { break }
        }
        #expect(before > 0)
        #expect(try number("SELECT min(entry) FROM history", path) > before)
        let rows = try store.allSamples("d0", limit: 1000)
        #expect(rows.count > 100 && rows.count < told.told("d0").count)
        #expect(rows == told.told("d0").suffix(rows.count))
    }

    @Test("the oldest goes when the file has its size")
    func boundsTheFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/series.db"
        var settings = settings()
        settings.byteLimit = 900_000
        let store = try open(path, settings)
        var told = ToldVerdicts(seed: 24, hasValues: false)
        for _ in 0..<300 { try told.send(400, devices: 2, to: store) }
        let bytes = try FileTables(path, waitsForDisk: false).usedBytes()
        #expect(bytes < 1_200_000)
        // Between two pages more may go.
        let rows = try store.allSamples("d0", limit: 1000)
        let all = told.told("d0")
        #expect(rows.count > 100 && rows.count < all.count)
        #expect(rows.allSatisfy { $0 == all[$0.verdict.sequence - 1] })
    }

    @Test("with other settings a series is folded again from its samples, and says so")
    func refolds() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/series.db"
        var told = ToldVerdicts(seed: 25)
        var store: Driver<FileStore>? = try open(path, settings())
        for _ in 0..<200 { try told.send(200, devices: 3, to: #require(store)) }
        store = nil
        #expect(try number("SELECT count(*) FROM folds WHERE series > 0", path) > 0)
        var settings = settings()
        settings.parameters.alertThreshold = 5
        settings.parameters.windowSize = 30
        let other = try open(path, settings)
        for _ in 0..<2 {
            for device in told.devices {
                let expected = told.refolded(device, settings.parameters)
                let rows = try other.allSamples(device, limit: 1000)
                #expect(rows.map(\.sample) == expected.map(\.sample))
                #expect(rows.map(\.verdict) == expected.map(\.verdict), "\(device)")
                #expect(rows[0].isRefolded)
                // From the middle on too, where only folds of the settings before are near.
                var query = SeriesQuery(device: Array(device.utf8))
                (query.after, query.limit) = (expected.count * 3 / 4, 10)
                let part = try #require(try other.samples(query)).rows
                #expect(
                    part.map(\.verdict)
                        == expected[query.after..<query.after + 10].map(\.verdict))
            }
            // What comes now goes on from there.
            let before = told
            try told.send(200, devices: 3, to: other)
            for device in told.devices {
                let new = told.told(device).suffix(
                    told.told(device).count - before.told(device).count)
                let expected = told.refolded(device, settings.parameters).suffix(new.count)
                #expect(new.map(\.verdict) == expected.map(\.verdict), "\(device)")
                let rows = try other.allSamples(device, limit: 1000)
                #expect(rows.last?.isRefolded == false)
            }
        }
    }

    @Test("without RETENTION a file keeps no history, and still tells what its log holds")
    func keepsNone() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/series.db"
        var settings = settings()
        settings.retention = nil
        let store = try open(path, settings)
        var told = ToldVerdicts(seed: 26)
        for _ in 0..<60 { try told.send(200, devices: 2, to: store) }
        #expect(try number("SELECT count(*) FROM history", path) == 0)
        // Between two pages more may leave the log.
        let rows = try store.allSamples("d0", limit: 1000)
        let all = told.told("d0")
        #expect(!rows.isEmpty && rows.last == all.last)
        #expect(rows.allSatisfy { $0 == all[$0.verdict.sequence - 1] })
    }
}

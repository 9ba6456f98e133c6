import Bytes
import Detection
import System
import TestSupport
import Testing
import Wire

@testable import SeriesLog
@testable import Store

/// What the tools make of a file: everything that was sent, in its order, and nothing else.
@Suite(.serialized) struct SeriesArchiveTests {
    private static let timeToLive = 86_400_000

    private func settings() -> LogFileSettings {
        var settings = LogFileSettings()
        // Most of what is sent leaves the log.
        settings.logBytes = 32_768...32_768
        settings.parameters.zThreshold = 2.5
        return settings
    }

    /// A file with samples, most of them beside its log.
    private func fill(
        _ path: String, seed: UInt64, devices: Int = 4, batches: Int = 80, hasValues: Bool = true
    ) throws -> ToldVerdicts {
        let shared = try SharedFile(path: path, settings(), waitsForDisk: false, loops: 1)
        let store = try Driver<FileStore>(shared, loops: 1, redis: nil)
        try store.wait(until: { shared.failure == nil }, "the store is there")
        var told = ToldVerdicts(seed: seed, hasValues: hasValues)
        for _ in 0..<batches { try told.send(200, devices: devices, to: store) }
        return told
    }

    private func open(_ path: String) throws -> SeriesArchive {
        try SeriesArchive(path: path, keyLimit: 1_000_000)
    }

    private typealias Exported = (device: String?, sample: Sample, isDeviceOnly: Bool)

    private func exported(_ path: String) throws -> [Exported] {
        var samples: [Exported] = []
        try open(path).forEachSample { name, sample, isDeviceOnly in
            let device = name.isEmpty ? nil : String(decoding: name, as: UTF8.self)
            samples.append((device, sample, isDeviceOnly))
        }
        return samples
    }

    /// Equal samples of different devices that came together may have changed places, and so may
    /// those that are not of the fleet.
    private func check(_ samples: [Exported], _ told: ToldVerdicts) {
        #expect(samples.count == told.sent.count)
        #expect(
            samples.filter { !$0.isDeviceOnly }.map(\.sample)
                == told.ofFleet)
        for device in told.devices {
            let own = samples.filter { $0.device == device }
            #expect(own.map(\.sample) == told.told(device).map(\.sample), "\(device)")
        }
    }

    @Test("an export has every sample in the order in which it came")
    func exports() throws {
        let folder = try TemporaryFolder()
        let told = try fill(folder.path + "/a.db", seed: 41)
        let samples = try exported(folder.path + "/a.db")
        check(samples, told)
        var own: [Sample] = []
        var isDeviceOnly: [Bool] = []
        try open(folder.path + "/a.db").forEachSample(
            of: Array("d2".utf8), timeToLive: SeriesArchiveTests.timeToLive
        ) { sample, isOwn in
            own.append(sample)
            isDeviceOnly.append(isOwn)
        }
        #expect(own == told.told("d2").map(\.sample))
        #expect(isDeviceOnly == told.sent.filter { $0.device == "d2" }.map(\.isDeviceOnly))
        #expect(throws: ArchiveError.self) {
            try self.open(folder.path + "/a.db").forEachSample(
                of: Array("nobody".utf8), timeToLive: 1
            ) { _, _ in }
        }
    }

    @Test("what is exported and imported is the same again")
    func imports() throws {
        let folder = try TemporaryFolder()
        let told = try fill(folder.path + "/a.db", seed: 42, batches: 20)
        var text = ByteBuffer(limit: 1 << 22)
        try open(folder.path + "/a.db").forEachSample { name, sample, isDeviceOnly in
            text.append(sample, device: name.span, isValue: isDeviceOnly)
            text.append("\n")
        }
        do {
            let file = try SeriesImport(
                path: folder.path + "/b.db", Configuration(), FoldParameters())
            let (stored, bad) = try file.append(text.readable, now: 0)
            #expect(stored == told.sent.count && bad == 0)
        }
        let samples = try exported(folder.path + "/b.db")
        check(samples, told)
    }

    @Test("every fold that is kept is that of its samples; one that is not is found")
    func verifies() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.db"
        // Of each series so many have left the log that there is a fold, even when a trim is late.
        let told = try fill(path, seed: 43, devices: 2, batches: 160)
        let parameters = try open(path).parameters()
        #expect(parameters == settings().parameters)
        let good = try open(path).verify(parameters, timeToLive: SeriesArchiveTests.timeToLive)
        #expect(good.isGood && good.series == 3 && good.folds > 3 && good.partial == 0, "\(good)")
        let own = told.devices.reduce(0) { $0 + told.told($1).count }
        #expect(good.samples == told.ofFleet.count + own)
        // The least change of one sample that a fold has taken in.
        let database = try Database(path: path)
        let row = try database.prepare(
            "SELECT series, entry, bytes FROM history WHERE series = 1 ORDER BY entry LIMIT 1")
        #expect(try row.next())
        let records = try #require(HistoryChunk.records(row.bytes(2)))
        let entry = row.integer(1)
        row.reset()
        var changed = records
        let first = records[0]
        changed[0] = HistoryRecord(
            entry: first.entry, arrival: first.arrival,
            sample: Sample(
                timestamp: first.sample.timestamp, cpu: first.sample.cpu,
                rps: first.sample.rps.nextUp))
        let bytes = HistoryChunk.bytes(of: changed)
        let update = try database.prepare(
            "UPDATE history SET crc = ?8, bytes = ?9 WHERE series = 1 AND entry = ?1")
        update.bind(1, entry)
        try update.run(with: bytes)
        let bad = try open(path).verify(parameters, timeToLive: SeriesArchiveTests.timeToLive)
        #expect(!bad.isGood && !bad.differences.isEmpty && bad.damaged == 0)
        // A change that its check sum shows.
        try database.run("UPDATE history SET crc = crc + 1 WHERE series = 2")
        let damaged = try open(path).verify(parameters, timeToLive: SeriesArchiveTests.timeToLive)
        #expect(damaged.damaged > 0)
    }

    @Test("a backtest says what other settings would have made of every series")
    func backtests() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.db"
        let told = try fill(path, seed: 44)
        var other = settings().parameters
        other.alertThreshold = 3
        var outcomes: [String: Backtest.Outcome] = [:]
        try open(path).backtest(
            from: settings().parameters, to: other, timeToLive: SeriesArchiveTests.timeToLive
        ) { name, outcome in outcomes[String(decoding: name, as: UTF8.self)] = outcome }
        #expect(outcomes.count == told.devices.count + 1)
        for device in told.devices {
            let outcome = try #require(outcomes[device])
            let before = told.told(device).count { $0.verdict.alert }
            let after = told.refolded(device, other).count { $0.verdict.alert }
            #expect(outcome.before == before && outcome.after == after && after > before)
            #expect(outcome.same + outcome.moved + outcome.gone == before)
            #expect(outcome.same + outcome.moved + outcome.new == after)
        }
        #expect(outcomes[""]?.samples == told.ofFleet.count)
    }

    @Test("alerts that come a little earlier or later have moved")
    func counts() {
        var test = Backtest(before: FoldParameters(), after: FoldParameters())
        for index in 0..<500 {
            let sample = Sample(
                timestamp: Double(index), cpu: 1, rps: index == 400 ? 9_000 : 100)
            test.take(HistoryRecord(entry: 1, arrival: 0, sample: sample))
        }
        let outcome = test.outcome
        #expect(outcome.samples == 500 && outcome.before == outcome.same && !outcome.isChanged)
        test.restart()
        #expect(test.outcome == outcome)
    }

    @Test("a copy that is made while the service writes is whole")
    func copies() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.db"
        let shared = try SharedFile(path: path, settings(), waitsForDisk: false, loops: 1)
        let store = try Driver<FileStore>(shared, loops: 1, redis: nil)
        try store.wait(until: { shared.failure == nil }, "the store is there")
        var told = ToldVerdicts(seed: 45)
        for _ in 0..<20 { try told.send(200, devices: 2, to: store) }
        let copy = folder.path + "/it's a copy.db"
        try open(path).backup(to: copy)
        #expect(throws: ArchiveError.self) { try self.open(path).backup(to: copy) }
        #expect(throws: ArchiveError.self) { try SeriesArchive.compact(path) }
        let before = told
        for _ in 0..<5 { try told.send(200, devices: 2, to: store) }
        check(try exported(copy), before)
        let (size, smaller) = try SeriesArchive.compact(copy)
        #expect(smaller <= size)
        check(try exported(copy), before)
    }

    @Test("statistics count what is there")
    func tells() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.db"
        let told = try fill(path, seed: 46, hasValues: false)
        let found = try open(path).statistics()
        #expect(found.devices == 4 && found.liveDevices == 4 && found.damaged == 0)
        #expect(found.logSamples + found.keptFleetSamples == told.sent.count)
        #expect(found.keptSamples < found.keptFleetSamples && found.chunks > 20)
    }

    @Test("other files are refused")
    func refuses() throws {
        let folder = try TemporaryFolder()
        #expect(throws: ArchiveError.self) { try self.open(folder.path + "/none.db") }
        try Files.write(folder.path + "/text.db", "no database")
        #expect(throws: ArchiveError.self) { try self.open(folder.path + "/text.db") }
        let other = folder.path + "/other.db"
        try Database(path: other).run("CREATE TABLE a (b)")
        #expect(throws: ArchiveError.self) { try self.open(other) }
    }

    @Test("of a damaged file what can be read is saved, and the service goes on with it")
    func recovers() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.db"
        let told = try fill(path, seed: 47, devices: 30)
        let database = try Database(path: path)
        let whole = try SeriesRecovery.recover(path, to: folder.path + "/whole.db")
        let incidents = try FileTables.number("SELECT count(*) FROM incidents", database)
        #expect(incidents > 0 && whole.first { $0.table == "incidents" }?.copied == incidents)
        try database.run("DELETE FROM facts WHERE name = CAST('birth' AS BLOB)")
        #expect(throws: SharedFile.OpeningError.self) {
            try SharedFile(path: path, self.settings(), waitsForDisk: false, loops: 1)
        }
        // Pages in the middle are overwritten, as a broken disk does.
        _ = try database.moveWrittenAhead()
        var bytes = try Files.read(path)
        let pages = bytes.count / 4096
        for page in stride(from: pages / 4, to: pages, by: 7) {
            for index in 0..<4096 { bytes[page * 4096 + index] = UInt8(truncatingIfNeeded: index) }
        }
        try Files.write(folder.path + "/broken.db", bytes.span)
        let copy = folder.path + "/saved.db"
        let counts = try SeriesRecovery.recover(folder.path + "/broken.db", to: copy)
        #expect(counts.contains { $0.holes > 0 })
        #expect(counts.reduce(0) { $0 + $1.copied } > 100)
        let shared = try SharedFile(path: copy, settings(), waitsForDisk: false, loops: 1)
        let store = try Driver<FileStore>(shared, loops: 1, redis: nil)
        try store.wait(until: { shared.failure == nil }, "the store is there")
        var again = told
        try again.send(200, devices: 30, to: store)
        #expect(try store.devices()?.total ?? 0 > 0)
        #expect(throws: ArchiveError.self) { try SeriesRecovery.recover(path, to: copy) }
    }
}

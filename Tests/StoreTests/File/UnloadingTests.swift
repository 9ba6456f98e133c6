import Bytes
import Detection
import TestSupport
import Testing
import Wire

@testable import Store

/// A file knows more devices than the process keeps in memory.
@Suite(.serialized) struct UnloadingTests {
    private func settings() -> LogFileSettings {
        var settings = LogFileSettings()
        // Some 800 samples: most devices have none of theirs in the log.
        settings.logBytes = 32_768...32_768
        settings.deviceLimit = 50
        return settings
    }

    private func open(
        _ path: String, _ settings: LogFileSettings
    ) throws -> (Driver<FileStore>, SharedFile) {
        let shared = try SharedFile(path: path, settings, waitsForDisk: false, loops: 1)
        let store = try Driver<FileStore>(shared, loops: 1, redis: nil)
        try store.wait(until: { shared.failure == nil }, "the store is there")
        return (store, shared)
    }

    private func checkVerdicts(_ told: ToldVerdicts) {
        for device in told.devices {
            let rows = told.told(device)
            #expect(rows == told.refolded(device, FoldParameters()), "\(device)")
        }
    }

    /// All names, page by page.
    private func list(_ store: any StoreDriver, limit: Int) throws -> [String] {
        var names: [String] = []
        var after: String?
        for _ in 0..<1_000 {
            guard let page = try store.devices(after: after, limit: limit) else {
                throw Failure("no such device: \(after ?? "")")
            }
            names += page.names
            if page.names.count < limit { return names }
            after = page.names.last
        }
        throw Failure("pages without an end")
    }

    @Test("each series goes on where it was, whether it was in memory or not, after restarts too")
    func goesOn() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/series.db"
        var told = ToldVerdicts(seed: 61)
        for round in 0..<3 {
            let (store, shared) = try open(path, settings())
            for _ in 0..<60 { try told.send(100, devices: 600, to: store) }
            // Old ones leave, one after the other, while few send.
            for _ in 0..<40 { try told.send(100, devices: 20, to: store) }
            for number in 0..<100 { _ = try store.append(sample("new-\(round)-\(number)")) }
            try store.wait(until: { shared.metrics.value(.loaded) > 0 }, "it is counted")
            #expect(shared.metrics.value(.loaded) < 300, "most are not in memory")
            checkVerdicts(told)
            #expect(told.devices.count == 600)
            #expect(try store.devices()?.total == 600 + 100 * (round + 1))
            let names = try list(store, limit: 37)
            #expect(Set(names).count == names.count && names.count == 600 + 100 * (round + 1))
            for number in [0, 100, 300, 599] {
                let rows = try store.allSamples("d\(number)", limit: 1000)
                #expect(rows == told.told("d\(number)"))
            }
            #expect(try store.analysis("nobody") == nil)
            #expect(shared.metrics.value(.evicted) == 0)
        }
    }

    private func sample(_ device: String) -> String {
        "{\"timestamp\":1700000000,\"cpu\":1,\"rps\":1,\"device_id\":\"\(device)\"}"
    }

    @Test("a device that is not in memory ends SERIES_TTL after its last sample, and is counted so")
    func ends() throws {
        let folder = try TemporaryFolder()
        var settings = settings()
        settings.timeToLive = .seconds(2)
        let (store, shared) = try open(folder.path + "/series.db", settings)
        for number in 0..<300 { _ = try store.append(sample("d\(number)")) }
        var told = ToldVerdicts(seed: 62)
        for _ in 0..<20 { try told.send(100, devices: 10, to: store) }
        // They can be unloaded when their samples have left the log.
        for number in 0..<200 where shared.metrics.value(.loaded) > 200 {
            _ = try store.append(sample("e\(number)"))
            try store.pass(.milliseconds(2))
        }
        #expect(shared.metrics.value(.loaded) <= 200)
        try store.pass(.milliseconds(2_100))
        let verdicts = try store.append(sample("d5"))
        #expect(verdicts.map(\.sequence) == [1])
        #expect(try store.analysis("d6") == nil)
    }

    @Test("an incident goes on while its device is not in memory")
    func keepsIncidents() throws {
        let folder = try TemporaryFolder()
        let (store, shared) = try open(folder.path + "/series.db", settings())
        func send(_ values: [Double], from start: Int) throws {
            let lines = values.enumerated().map { index, value in
                "{\"timestamp\":\(1_700_000_000 + 60 * (start + index)),\"rps\":\(value),"
                    + "\"device_id\":\"broken\"}"
            }
            _ = try store.append("[" + lines.joined(separator: ",") + "]")
        }
        try send((0..<400).map { 97 + Double($0 * 7919 % 61) / 10 }, from: 0)
        try send([20], from: 400)
        func isOpen() -> Bool {
            var filter = IncidentFilter()
            filter.device = Array("broken".utf8)
            filter.state = .open
            return shared.incidents.page(filter)?.incidents.count == 1
        }
        #expect(isOpen())
        for number in 0..<600 { _ = try store.append(sample("d\(number)")) }
        var told = ToldVerdicts(seed: 64)
        for _ in 0..<20 { try told.send(100, devices: 10, to: store) }
        for number in 0..<200 where shared.metrics.value(.loaded) > 400 {
            _ = try store.append(sample("e\(number)"))
            try store.pass(.milliseconds(2))
        }
        #expect(shared.metrics.value(.loaded) <= 400)
        // Longer than from one look for silent series to the next.
        for _ in 0..<3 {
            try store.pass(.milliseconds(600))
            _ = try store.append(sample("last"))
        }
        #expect(isOpen())
    }

    @Test("names in the order of their last activity, from memory and from the file")
    func lists() throws {
        let folder = try TemporaryFolder()
        let (store, _) = try open(folder.path + "/series.db", settings())
        var expected: [String] = []
        for number in 0..<400 {
            _ = try store.append(sample("d\(number)"))
            if number % 20 == 0 { try store.pass(.milliseconds(2)) }
            expected.insert("d\(number)", at: 0)
        }
        var told = ToldVerdicts(seed: 63)
        for _ in 0..<20 { try told.send(100, devices: 0, to: store) }
        for number in 400..<470 {
            _ = try store.append(sample("d\(number)"))
            expected.insert("d\(number)", at: 0)
        }
        #expect(try list(store, limit: 1000) == expected)
        #expect(try list(store, limit: 30) == expected)
        #expect(try store.devices(after: "d100", limit: 3)?.names == ["d99", "d98", "d97"])
        #expect(try store.devices(after: "nobody") == nil)
    }
}

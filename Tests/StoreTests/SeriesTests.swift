import Bytes
import Detection
import Numerics
import System
import TestSupport
import Testing
import Wire

@testable import Store

/// What was said of each sample when it came, to hold `GET /series` against.
struct ToldVerdicts {
    private(set) var rows: [String?: [SeriesPage.Row]] = [:]
    private var random: SeededRandom
    private var time = 1_700_000_000
    /// All that was sent, in order: a store tells only the verdict of a device, so the fleet's
    /// samples are judged here.
    private(set) var sent: [(device: String?, sample: Sample, isDeviceOnly: Bool)] = []
    /// The requests, in order.
    private(set) var bodies: [String] = []

    private let hasValues: Bool

    /// - Parameter hasValues: some samples are of another metric than the load.
    init(seed: UInt64, hasValues: Bool = true) {
        random = SeededRandom(seed: seed)
        self.hasValues = hasValues
    }

    /// Sends a batch of samples: some of no device, some without cpu, and some of another metric
    /// than the load, which may be negative.
    mutating func send(
        _ count: Int, devices: Int, key: String? = nil, to store: any StoreDriver
    ) throws {
        var samples: [(device: String?, sample: Sample, isDeviceOnly: Bool)] = []
        for _ in 0..<count {
            time += random.below(3)
            let isValue = hasValues && random.below(8) == 0
            let hasCPU = !isValue && random.below(8) > 0
            let number = random.below(devices + 1)
            let rps = random.below(50) == 0 ? random.below(5_000) : 100 + random.below(20)
            let sample = Sample(
                timestamp: Double(time),
                cpu: hasCPU ? Double(random.below(1_000)) / 10 : Sample.notMeasured,
                rps: isValue ? Double(random.below(40) - 20) : Double(rps))
            let isDeviceOnly = isValue && number < devices
            samples.append((number == devices ? nil : "d\(number)", sample, isDeviceOnly))
        }
        let texts = samples.map { device, sample, isDeviceOnly in
            let name = device.map { ",\"device_id\":\"\($0)\"" } ?? ""
            let cpu = sample.hasCPU ? "\"cpu\":\(sample.cpu)," : ""
            let field = isDeviceOnly || sample.rps < 0 ? "value" : "rps"
            return "{\"timestamp\":\(sample.timestamp),\(cpu)\"\(field)\":\(sample.rps)\(name)}"
        }
        let body = "[" + texts.joined(separator: ",") + "]"
        let verdicts = try store.append(body, key: key)
        bodies.append(body)
        for ((device, sample, isDeviceOnly), verdict) in zip(samples, verdicts) {
            if verdict.sequence == 1 { rows[device] = [] }
            rows[device, default: []].append(
                SeriesPage.Row(sample: sample, verdict: verdict.withoutLife))
            sent.append((device, sample, isDeviceOnly))
        }
    }

    /// Samples that the fleet's series has.
    var ofFleet: [Sample] { sent.filter { !$0.isDeviceOnly }.map(\.sample) }

    var devices: [String] { rows.keys.compactMap { $0 }.sorted() }

    func told(_ device: String) -> [SeriesPage.Row] { rows[device] ?? [] }

    /// All samples of the fleet, folded from the beginning.
    func fleetRows(_ parameters: FoldParameters = FoldParameters()) -> [SeriesPage.Row] {
        refolded(ofFleet, parameters)
    }

    func refolded(_ device: String, _ parameters: FoldParameters) -> [SeriesPage.Row] {
        refolded(told(device).map(\.sample), parameters)
    }

    /// The samples of a device, or of the fleet, folded from one place of what was sent on.
    func folded(from start: Int, _ device: String?) -> [SeriesPage.Row] {
        let own = sent[start...].filter {
            device == nil ? !$0.isDeviceOnly : $0.device == device
        }
        return refolded(own.map(\.sample), FoldParameters())
    }

    private func refolded(_ samples: [Sample], _ parameters: FoldParameters) -> [SeriesPage.Row] {
        var fold = SeriesFold(parameters)
        return samples.map {
            SeriesPage.Row(sample: $0, verdict: fold.fold($0, parameters).withoutLife)
        }
    }
}

extension Verdict {
    /// Without what depends on the log's entries, which a fold apart from any log does not know.
    var withoutLife: Verdict {
        var plain = self
        plain.life = 0
        return plain
    }
}

extension SeriesPage {
    var plainRows: [Row] {
        rows.map {
            Row(sample: $0.sample, verdict: $0.verdict.withoutLife, isRefolded: $0.isRefolded)
        }
    }
}

extension StoreDriver {
    /// All pages of a series, one after the other.
    func allSamples(_ device: String?, limit: Int) throws -> [SeriesPage.Row] {
        var query = SeriesQuery(device: device.map { Array($0.utf8) })
        query.limit = limit
        var rows: [SeriesPage.Row] = []
        while let page = try samples(query) {
            rows += page.plainRows
            guard let next = page.next else { return rows }
            query.after = next
        }
        throw Failure("no such device: \(device ?? "fleet")")
    }
}

@Suite(.serialized) struct SeriesTests {
    @Test("a series is told as it was judged, page by page", arguments: StoreKind.allCases)
    func tellsAll(_ kind: StoreKind) throws {
        let store = try openStore(kind)
        var told = ToldVerdicts(seed: 5)
        for count in [1, 200, 700, 30] { try told.send(count, devices: 3, to: store) }
        for device in told.devices {
            for limit in [7, 100, 1000] {
                let rows = try store.allSamples(device, limit: limit)
                #expect(rows == told.told(device), "\(device), pages of \(limit)")
            }
        }
        #expect(try store.allSamples(nil, limit: 100) == told.fleetRows())
        #expect(try store.samples(SeriesQuery(device: Array("nobody".utf8))) == nil)
    }

    @Test("a poll after the last sample gets what is new", arguments: StoreKind.allCases)
    func polls(_ kind: StoreKind) throws {
        let store = try openStore(kind)
        var told = ToldVerdicts(seed: 6)
        var seen: [SeriesPage.Row] = []
        for _ in 0..<5 {
            try told.send(20, devices: 1, to: store)
            var query = SeriesQuery(device: Array("d0".utf8))
            query.after = seen.last?.verdict.sequence ?? 0
            let page = try #require(try store.samples(query))
            #expect(page.next == nil)
            seen += page.rows
            #expect(seen == told.told("d0"))
            query.after = seen.last?.verdict.sequence ?? 0
            #expect(try store.samples(query)?.plainRows == [])
        }
    }

    @Test("times bound what is told, both included", arguments: StoreKind.allCases)
    func boundsTimes(_ kind: StoreKind) throws {
        let store = try openStore(kind)
        var told = ToldVerdicts(seed: 7)
        for _ in 0..<5 { try told.send(100, devices: 2, to: store) }
        let all = told.told("d1")
        var query = SeriesQuery(device: Array("d1".utf8))
        query.limit = 1000
        query.from = all[30].sample.timestamp
        query.to = all[60].sample.timestamp
        let wanted = all.filter {
            $0.sample.timestamp >= all[30].sample.timestamp
                && $0.sample.timestamp <= all[60].sample.timestamp
        }
        #expect(try store.samples(query)?.plainRows == wanted)
        query.to = nil
        query.after = all[40].verdict.sequence
        #expect(try store.samples(query)?.plainRows == Array(all[41...]))
        query.from = 1e12
        #expect(try store.samples(query)?.plainRows == [])
    }

    @Test("few points show the extremes and every alert", arguments: StoreKind.allCases)
    func thins(_ kind: StoreKind) throws {
        let store = try openStore(kind)
        var told = ToldVerdicts(seed: 8)
        for _ in 0..<10 { try told.send(300, devices: 1, to: store) }
        let all = told.told("d0")
        var query = SeriesQuery(device: Array("d0".utf8))
        query.points = 40
        let page = try #require(try store.samples(query))
        let alerts = all.filter(\.verdict.alert)
        #expect(page.next == nil)
        #expect(page.rows.count <= 40 + alerts.count && page.rows.count >= 20)
        #expect(page.rows.allSatisfy { all[$0.verdict.sequence - 1] == $0 })
        #expect(page.rows.first == all.first && page.rows.last == all.last)
        #expect(alerts.allSatisfy { page.rows.contains($0) })
        let values = page.rows.map(\.sample.rps)
        #expect(values.min() == all.map(\.sample.rps).min())
        #expect(values.max() == all.map(\.sample.rps).max())
        query.points = 2_000
        #expect(try store.samples(query)?.rows.count ?? 0 > 300)
    }

    @Test("another threshold shows what would have been", arguments: StoreKind.allCases)
    func rejudges(_ kind: StoreKind) throws {
        let store = try openStore(kind)
        var told = ToldVerdicts(seed: 9)
        for _ in 0..<10 { try told.send(90, devices: 1, to: store) }
        var query = SeriesQuery(device: Array("d0".utf8))
        query.limit = 1000
        var parameters = FoldParameters()
        for threshold in [2.0, 8, 100] {
            query.alertThreshold = threshold
            parameters.alertThreshold = threshold
            let rows = try #require(try store.samples(query)).rows
            // With another threshold there would have been other incidents.
            let wanted = told.refolded("d0", parameters).map { row in
                var verdict = row.verdict
                verdict.forgetIncident()
                return SeriesPage.Row(sample: row.sample, verdict: verdict)
            }
            #expect(rows == wanted, "threshold \(threshold)")
        }
    }

    @Test("memory keeps the newest samples of all series together")
    func bounds() throws {
        var configuration = Configuration()
        configuration.historySamples = 100
        let shared = SharedMemory(configuration, FoldParameters(), hashSeed: 7)
        let store = try Driver<MemoryStore>(shared, loops: 1, redis: nil)
        var told = ToldVerdicts(seed: 10)
        for _ in 0..<10 { try told.send(40, devices: 1, to: store) }
        let rows = try store.allSamples("d0", limit: 1000)
        #expect(rows == told.told("d0").suffix(rows.count))
        let fleet = try store.allSamples(nil, limit: 1000)
        #expect(fleet == told.fleetRows().suffix(fleet.count))
        #expect(rows.count + fleet.count <= 100 && fleet.count >= 50)
        configuration.historySamples = 0
        let off = SharedMemory(configuration, FoldParameters(), hashSeed: 7)
        let none = try Driver<MemoryStore>(off, loops: 1, redis: nil)
        try told.send(40, devices: 1, to: none)
        #expect(try none.allSamples("d0", limit: 10) == [])
    }

    @Test("Redis tells what its log and its checkpoints hold", .timeLimit(.minutes(2)))
    func tellsWhatRedisHolds() throws {
        let store = try openStore(.redis)
        var told = ToldVerdicts(seed: 11)
        // More than the log holds: some 40 bytes each.
        for _ in 0..<70 { try told.send(1_000, devices: 20, to: store) }
        for device in told.devices {
            let rows = try store.allSamples(device, limit: 1000)
            #expect(rows.count > 300 && rows.count < told.told(device).count)
            #expect(rows == told.told(device).suffix(rows.count), "\(device)")
        }
        var query = SeriesQuery()
        query.limit = 1000
        query.after = told.ofFleet.count - 500
        #expect(try store.samples(query)?.plainRows == told.fleetRows().suffix(500))
    }
}

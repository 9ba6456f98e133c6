import CPowerCut
import Detection
import Foundation
import Numerics
import System
import TestSupport
import Testing
import Wire

@testable import Store

/// What a power cut may leave of a file and of what was written ahead of it.
private struct PowerCut {
    /// The disk changes so many bytes at once, at least.
    private static let sector = 512

    /// What becomes of the operations that were not synced.
    private enum Fate: CaseIterable {
        /// The process died, the machine did not.
        case kept
        case lost
        /// Each is kept or lost.
        case some
        /// As `some`, in another order.
        case reordered
        /// As `some`, and of a write each sector is old or new.
        case torn
    }

    private struct Operation {
        let kind: pc_kind
        let file: Int32
        let offset: Int
        let bytes: [UInt8]

        init(_ index: Int) {
            // SAFETY: the record is kept while its operations are copied.
            let operation = unsafe pc_at(Int64(index))
            unsafe kind = operation.kind
            unsafe file = operation.file
            unsafe offset = Int(operation.offset)
            // SAFETY: there are so many bytes; of other operations there are none.
            unsafe bytes = Array(
                UnsafeBufferPointer(start: operation.bytes, count: Int(operation.count)))
        }

        /// - Parameter file: nil when there is none.
        func apply(to file: inout [UInt8]?) {
            switch kind {
            case pc_delete: file = nil
            case pc_sync: break
            case pc_truncate: file = file.map { Array($0.prefix(offset)) }
            default: write(0..<bytes.count, to: &file)
            }
        }

        /// Of a write each sector is written or not.
        func apply(to file: inout [UInt8]?, tearing random: inout SeededRandom) {
            guard kind == pc_write else { return apply(to: &file) }
            var from = 0
            while from < bytes.count {
                let next = (offset + from) / sector * sector + sector - offset
                let end = min(bytes.count, next)
                if random.below(2) == 0 { write(from..<end, to: &file) }
                from = end
            }
        }

        private func write(_ range: Range<Int>, to kept: inout [UInt8]?) {
            var file = kept ?? []
            kept = nil
            let missing = offset + range.upperBound - file.count
            if missing > 0 { file += [UInt8](repeating: 0, count: missing) }
            for index in range { file[offset + index] = bytes[index] }
            kept = file
        }
    }

    /// - Parameter count: the operations before the cut.
    /// - Returns: the bytes of the database, of what was written ahead and of the journal; nil
    ///   where there is no such file.
    static func files(_ count: Int, _ random: inout SeededRandom) -> [[UInt8]?] {
        let all = (0..<count).map { Operation($0) }
        // The first sync of what is written ahead syncs the folder, with what was deleted before.
        let folder = all.firstIndex { $0.file == 1 && $0.kind == pc_sync } ?? -1
        return [Int32(0), 1, 2].map { number in
            let own = all.indices.filter { all[$0].file == number }
            let synced =
                own.lastIndex {
                    all[$0].kind == pc_sync || (all[$0].kind == pc_delete && $0 < folder)
                }.map { $0 + 1 } ?? 0
            // A name in a folder is on the disk with the first sync.
            if synced == 0, own.isEmpty || random.below(2) == 0 { return nil }
            var bytes: [UInt8]?
            for index in own[..<synced] { all[index].apply(to: &bytes) }
            let fate = Fate.allCases[random.below(Fate.allCases.count)]
            var rest = own[synced...].map { all[$0] }
            if fate == .reordered { rest.shuffle(using: &random) }
            for operation in rest {
                switch fate {
                case .kept: operation.apply(to: &bytes)
                case .lost: break
                case .some, .reordered:
                    if random.below(2) == 0 { operation.apply(to: &bytes) }
                case .torn:
                    if random.below(2) == 0 { operation.apply(to: &bytes, tearing: &random) }
                }
            }
            return bytes
        }
    }
}

/// The store in a file after a power cut: the disk keeps, drops, reorders and tears what it was not
/// asked to sync. `POWER_CUTS` is how many there are, `SEED` the first of their seeds.
@Suite(.serialized) struct PowerCutTests {
    private static let perWorkload = 20

    private func settings() -> LogFileSettings {
        var settings = LogFileSettings()
        // Samples leave the log, devices get checkpoints, and keys go into blocks.
        settings.logBytes = 8_192...8_192
        return settings
    }

    private func open(_ path: String, waitsForDisk: Bool) throws -> Driver<FileStore> {
        let shared = try SharedFile(path: path, settings(), waitsForDisk: waitsForDisk, loops: 1)
        let store = try Driver<FileStore>(shared, loops: 1, redis: nil)
        try store.wait(until: { shared.failure == nil }, "the store is there")
        return store
    }

    /// What was answered by a service that lost its power, and when.
    private struct Workload {
        var told: ToldVerdicts
        /// Operations on the files when the answer to a batch came.
        var marks: [Int] = []
        /// Samples of the fleet and of each device after so many batches.
        var counts: [[Int]] = [[0, 0, 0, 0]]

        /// Of the fleet and of each device, those after so many batches.
        func rows(after batches: Int) -> [[SeriesPage.Row]] {
            let all = [told.fleetRows()] + (0..<3).map { told.told("d\($0)") }
            return zip(all, counts[batches]).map { Array($0.prefix($1)) }
        }

        mutating func note() {
            marks.append(Int(pc_count()))
            counts.append([told.ofFleet.count] + (0..<3).map { told.told("d\($0)").count })
        }
    }

    /// Of the fleet and of each device, what the store tells.
    private func rows(_ store: Driver<FileStore>) throws -> [[SeriesPage.Row]] {
        try [nil, "d0", "d1", "d2"].map { device in
            let query = SeriesQuery(device: device.map { Array($0.utf8) })
            return try store.samples(query) == nil ? [] : store.allSamples(device, limit: 1000)
        }
    }

    private func work(_ seed: UInt64, waitsForDisk: Bool) throws -> Workload {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.db"
        // SAFETY: the layer copies the path during the call.
        unsafe pc_begin(path)
        var random = SeededRandom(seed: seed)
        var workload = Workload(told: ToldVerdicts(seed: seed))
        let store = try open(path, waitsForDisk: waitsForDisk)
        let mover = try Database(path: path)
        for batch in 0..<24 {
            try workload.told.send(1 + random.below(60), devices: 3, key: "k\(batch)", to: store)
            workload.note()
            if random.below(4) == 0 { _ = try mover.moveWrittenAhead() }
        }
        #expect(pc_count() > 100)
        return workload
    }

    /// The power is cut after some operation; then the file is opened again.
    /// - Returns: batches that were answered and are not there.
    private func cut(
        _ workload: Workload, _ random: inout SeededRandom, waitsForDisk: Bool, name: String
    ) throws -> Int {
        let last = Int(pc_count())
        let count = 1 + random.below(last)
        let answered = workload.marks.count { $0 <= count }
        let folder = try TemporaryFolder()
        let path = folder.path + "/b.db"
        for (bytes, end) in zip(PowerCut.files(count, &random), ["", "-wal", "-journal"]) {
            if let bytes { try Files.write(path + end, bytes.span) }
        }
        let store = try open(path, waitsForDisk: waitsForDisk)
        let found = try rows(store)
        guard let state = workload.counts.lastIndex(of: found.map(\.count)) else {
            Issue.record("\(name): \(found.map(\.count)) is after no batch, \(answered) answered")
            return 0
        }
        #expect(!waitsForDisk || state >= answered, "\(name): \(state) of \(answered) answered")
        #expect(found == workload.rows(after: state), "\(name)")
        // A batch that is there is not counted again; one that is not goes on from there.
        if state > 0 {
            let again = random.below(state)
            let verdicts = try store.append(workload.told.bodies[again], key: "k\(again)")
            #expect(verdicts.allSatisfy { $0 == Verdict() }, "\(name): batch \(again)")
        }
        if state < workload.told.bodies.count {
            let verdicts = try store.append(workload.told.bodies[state], key: "k\(state)")
            #expect(!verdicts.contains(Verdict()), "\(name): batch \(state)")
            #expect(try rows(store) == workload.rows(after: state + 1), "\(name): and on")
        }
        return max(0, answered - state)
    }

    @Test(
        "after a power cut the file holds what was answered (SYNC=full), or the beginning of it",
        arguments: [true, false])
    func survives(waitsForDisk: Bool) throws {
        pc_install()
        let environment = ProcessInfo.processInfo.environment
        let cuts = Int(environment["POWER_CUTS"] ?? "") ?? 60
        let first = Int(environment["SEED"] ?? "") ?? 1
        var done = 0
        var lost = 0
        while done < cuts {
            let workload = try work(UInt64(first + done), waitsForDisk: waitsForDisk)
            defer { pc_end() }
            for number in 0..<min(PowerCutTests.perWorkload, cuts - done) {
                let seed = UInt64(first + done + number)
                var random = SeededRandom(seed: seed)
                let name =
                    "SYNC=\(waitsForDisk ? "full" : "normal"), seed \(first + done), cut \(number)"
                do {
                    lost += try cut(workload, &random, waitsForDisk: waitsForDisk, name: name)
                } catch {
                    Issue.record("\(name): \(error)")
                }
            }
            done += PowerCutTests.perWorkload
        }
        // Without waiting for the disk the last batches are lost: the layer does lose something.
        #expect(waitsForDisk == (lost == 0), "\(lost) lost")
    }
}

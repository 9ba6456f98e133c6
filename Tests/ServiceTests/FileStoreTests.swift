import Detection
import Foundation
import Numerics
import TestSupport
import Testing

/// The store in a file, as a process that is killed and started again uses it.
@Suite struct FileStoreTests {
    private func settings(
        _ folder: TemporaryFolder, _ more: [String: String] = [:]
    ) -> [String: String] {
        ["STORE": "file:\(folder.path)/series.db", "THREADS": "2"].merging(more) { $1 }
    }

    /// Samples of clients with devices of their own, so that the order of each series is known.
    private func plan(_ samples: Int) -> LogTraffic.Plan {
        var plan = LogTraffic.Plan()
        plan.clients = 4
        plan.samples = samples
        plan.devices = 5
        plan.fleetPercent = 0
        plan.isSticky = true
        plan.isKeyed = true
        plan.seed = UInt64.random(in: 1...20)
        return plan
    }

    private final class OwnedFold {
        var fold: SeriesFold
        init(_ parameters: FoldParameters) { fold = SeriesFold(parameters) }
    }

    /// A verdict's text without the part of an incident's ID that depends on the log's entries.
    private func withoutLife(_ text: String) -> String {
        guard let start = text.range(of: "\"incident\":\""),
            let dash = text[start.upperBound...].firstIndex(of: "-")
        else { return text }
        return String(text[..<start.upperBound] + text[dash...])
    }

    /// What is wrong with verdicts that should be those of a process that never ended.
    private func faults(_ told: Told) -> [String] {
        let parameters = FoldParameters()
        var folds: [String: OwnedFold] = [:]
        var faults: [String] = []
        for (timestamp, answer) in told.acknowledged.sorted(by: { $0.key < $1.key }) {
            let sample = Sample(
                timestamp: Double(timestamp), cpu: answer.cpu, rps: answer.rps)
            let owned = folds[answer.device] ?? OwnedFold(parameters)
            folds[answer.device] = owned
            let verdict = LogTruth.text(owned.fold.fold(sample, parameters), answer.device)
            if let said = answer.verdict, withoutLife(said) != withoutLife(verdict) {
                faults.append("\(answer.device) \(timestamp): \(said) is not \(verdict)")
            }
        }
        return faults
    }

    @Test("after kill -9 at any moment all that was acknowledged is there, once, and goes on")
    func outlivesKills() throws {
        let rounds =
            ProcessInfo.processInfo.environment["FILE_ROUNDS"].flatMap(Int.init) ?? 8
        let folder = try TemporaryFolder()
        let port = try freePort()
        var service = try RunningService(settings(folder), port: port)
        let plan = plan(400 * rounds)
        let traffic = LogTraffic(plan, ports: [port])
        traffic.start()
        var random = SeededRandom(seed: plan.seed)
        for _ in 0..<rounds {
            usleep(20_000 + UInt32(random.next() % 200_000))
            kill(service.process.processIdentifier, SIGKILL)
            service.process.waitUntilExit()
            service = try RunningService(settings(folder), port: port)
        }
        let told = traffic.wait()
        #expect(told.broken > 0 && told.strange.isEmpty, "\(told.strange.first ?? "")")
        #expect(told.acknowledged.count == plan.clients * plan.samples)
        let faults = faults(told)
        #expect(faults.isEmpty, "seed \(plan.seed): \(faults.count), first \(faults.first ?? "")")
        let fleet = try service.get("/analyze")
        #expect(fleet.number("total_processed") == Double(plan.clients * plan.samples))
        var counts: [String: Int] = [:]
        for answer in told.acknowledged.values { counts[answer.device, default: 0] += 1 }
        for (device, count) in counts {
            let analysis = try service.get("/analyze?device_id=\(device)")
            #expect(analysis.number("total_processed") == Double(count), "\(device)")
        }
        #expect(service.stop() == 0)
    }

    @Test("a process that stops leaves everything to the next one", arguments: ["normal", "full"])
    func survivesARestart(_ sync: String) throws {
        let folder = try TemporaryFolder()
        let first = try RunningService(settings(folder, ["SYNC": sync]))
        for value in 0..<60 {
            #expect(
                try first.post(
                    "/ingest", "{\"cpu\":1,\"rps\":\(100 + value % 3),\"device_id\":\"a\"}"
                ).status == 202)
        }
        let flagged = try first.post("/ingest", "{\"cpu\":1,\"rps\":9000,\"device_id\":\"a\"}")
        #expect(flagged.body.contains("\"is_anomaly\":true"))
        let before = try first.get("/analyze?device_id=a").body
        #expect(first.stop() == 0)
        let second = try RunningService(settings(folder, ["SYNC": sync]))
        for _ in 0..<200 where try second.get("/ready").status != 200 { usleep(10_000) }
        let after = try second.get("/analyze?device_id=a").body
        func timeless(_ text: String) -> String {
            text.replacing(/"computedAt":[0-9]+/, with: "")
        }
        #expect(timeless(after) == timeless(before))
        #expect(try second.get("/devices").body.contains("\"a\""))
        #expect(try second.get("/anomalies").body.contains("9000"))
        let next = try second.post("/ingest", "{\"cpu\":1,\"rps\":100,\"device_id\":\"a\"}")
        #expect(next.number("sequence") == 62)
    }

    @Test("a second service on the same file is refused by name")
    func locks() throws {
        let folder = try TemporaryFolder()
        let first = try RunningService(settings(folder))
        let (status, output) = try start(settings(folder))
        #expect(status == 1)
        #expect(output.contains("series.db: another process has it"))
        #expect(try first.get("/ready").status == 200)
    }

    @Test("what is no file of this program is refused, and not touched")
    func refusesStrangers() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/series.db"
        try Data("no database at all, but long enough to be one of something else".utf8)
            .write(to: URL(fileURLWithPath: path))
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        let (status, output) = try start(settings(folder))
        #expect(status == 1)
        #expect(output.contains("series.db: file is not a database"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        let missing = ["STORE": "file:\(folder.path)/nowhere/series.db"]
        #expect(try start(missing).output.contains("nowhere/series.db.lock: open"))
    }

    @Test("a file that is taken away is told and refused, and used again when it is back")
    func noticesRemoval() throws {
        let folder = try TemporaryFolder()
        let service = try RunningService(settings(folder))
        let body = "{\"cpu\":1,\"rps\":100,\"device_id\":\"a\"}"
        #expect(try service.post("/ingest", body).status == 202)
        let (path, away) = (folder.path + "/series.db", folder.path + "/away.db")
        try FileManager.default.moveItem(atPath: path, toPath: away)
        let refused = try service.post("/ingest", body)
        #expect(refused.status == 503 && refused.body.contains("removed or replaced"))
        // The other loop may hear of it a moment later.
        var ready = try service.get("/ready").status
        for _ in 0..<200 where ready != 503 {
            usleep(10_000)
            ready = try service.get("/ready").status
        }
        #expect(ready == 503)
        #expect(try service.get("/health").status == 200)
        try FileManager.default.moveItem(atPath: away, toPath: path)
        var answer = try service.post("/ingest", body)
        for _ in 0..<300 where answer.status != 202 {
            usleep(20_000)
            answer = try service.post("/ingest", body)
        }
        #expect(answer.number("sequence") == 2)
        #expect(try service.get("/ready").status == 200)
    }

    /// Whether this machine lets a test mount something in a namespace of its own.
    private static var canMount: Bool {
        (try? Programs.run("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).status) == 0
    }

    @Test(
        "a full disk is told and refused with the reason, and used again when there is room",
        .enabled(if: canMount))
    func outlivesAFullDisk() throws {
        let folder = try TemporaryFolder()
        let service = try RunningService(
            settings(folder),
            under: [
                "unshare", "-rm", "sh", "-c",
                "mount -t tmpfs -o size=1500k none \(folder.path) && exec \"$@\"", "sh",
            ])
        var stored = 0
        func send() throws -> Response {
            let body = (0..<100).map { "{\"cpu\":1,\"rps\":\($0),\"device_id\":\"a\"}" }
            return try service.post("/ingest?verdicts=none", body.joined(separator: "\n"))
        }
        var answer = try send()
        for _ in 0..<2000 where answer.status == 202 {
            stored += 100
            answer = try send()
        }
        #expect(answer.status == 503 && answer.body.contains("disk of the store's file is full"))
        #expect(answer.headers["retry-after"] != nil)
        // What was written ahead is moved into the file, so it may go on for a while.
        for _ in 0..<2000 {
            answer = try send()
            if answer.status == 202 { stored += 100 }
            let ready = try service.get("/ready")
            if ready.status == 503, ready.body.contains("full") { break }
        }
        #expect(try service.get("/ready").status == 503)
        #expect(try service.get("/health").status == 200)
        let (status, output) = try Programs.run(
            "nsenter",
            [
                "-t", "\(service.process.processIdentifier)", "-U", "-m", "--preserve-credentials",
                "mount", "-o", "remount,size=64m", folder.path,
            ])
        #expect(status == 0, "\(output)")
        answer = try send()
        for _ in 0..<400 where answer.status != 202 {
            usleep(20_000)
            answer = try send()
        }
        stored += 100
        #expect(answer.status == 202)
        let analysis = try service.get("/analyze?device_id=a")
        #expect(analysis.number("total_processed") == Double(stored))
        #expect(service.stop() == 0)
    }

    @Test("a damaged entry begins the series in it anew, counted and told; the others go on")
    func survivesDamage() throws {
        let folder = try TemporaryFolder()
        let tight = settings(folder)
        let first = try RunningService(tight)
        for device in ["a", "b"] {
            for _ in 0..<3 {
                let body = "{\"cpu\":1,\"rps\":1,\"device_id\":\"\(device)\"}"
                #expect(try first.post("/ingest", body).status == 202)
            }
        }
        #expect(first.stop() == 0)
        // The timestamp of the second sample of a.
        let spoil = """
            import sqlite3, sys
            file = sqlite3.connect(sys.argv[1])
            file.execute("UPDATE turns SET bytes = substr(bytes, 1, 41) || x'55' || "
                         "substr(bytes, 43) WHERE number = 3")
            file.commit()
            """
        let (status, output) = try Programs.run(
            "python3", ["-c", spoil, folder.path + "/series.db"])
        #expect(status == 0, "\(output)")
        let second = try RunningService(tight)
        for _ in 0..<200 where try second.get("/ready").status != 200 { usleep(10_000) }
        #expect(try second.get("/analyze?device_id=b").number("total_processed") == 3)
        #expect(try second.get("/analyze?device_id=a").number("total_processed") == 1)
        #expect(try second.get("/analyze").number("total_processed") == 4)
        let again = try second.post("/ingest", "{\"cpu\":1,\"rps\":1,\"device_id\":\"a\"}")
        #expect(again.number("sequence") == 2)
        let metrics = try second.get("/metrics").body
        #expect(metrics.contains("file_damaged_rows_total 1\n"))
        #expect(second.stopAndReadLog().contains("damaged"))
    }

    @Test("a copy that is made while the service runs is whole, and a file that was compacted too")
    func isCopied() throws {
        let (folder, other) = (try TemporaryFolder(), try TemporaryFolder())
        let first = try RunningService(settings(folder))
        let traffic = LogTraffic(plan(100_000), ports: [first.port])
        traffic.start()
        usleep(300_000)
        func run(_ program: String, _ paths: String...) throws {
            let (status, output) = try Programs.run(
                "python3", ["-c", "import sqlite3, sys\n" + program] + paths)
            guard status == 0 else { throw Failure(output) }
        }
        let copied = try first.get("/analyze").number("total_processed") ?? 0
        try run(
            "sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))",
            folder.path + "/series.db", other.path + "/series.db")
        let told = traffic.stop()
        #expect(told.strange.isEmpty && copied > 0)
        #expect(first.stop() == 0)
        try run("sqlite3.connect(sys.argv[1]).execute('VACUUM')", folder.path + "/series.db")
        for (place, least) in [(other, copied), (folder, Double(told.acknowledged.count))] {
            let next = try RunningService(settings(place))
            for _ in 0..<200 where try next.get("/ready").status != 200 { usleep(10_000) }
            let count = try next.get("/analyze").number("total_processed") ?? 0
            #expect(count >= least && count <= Double(told.acknowledged.count))
            #expect(next.stop() == 0)
        }
    }

    /// Starts a service that should not come up.
    private func start(_ settings: [String: String]) throws -> (status: Int32, output: String) {
        let process = Process()
        let log = Pipe()
        process.executableURL = URL(fileURLWithPath: Programs.folder + "/tidemark")
        process.arguments = ["--port", "0"]
        process.environment = settings
        process.standardError = log
        try process.begin()
        let output = log.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}

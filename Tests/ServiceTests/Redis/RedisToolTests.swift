import Foundation
import TestSupport
import Testing

/// The tools of a file on a Redis, and on a Redis Cluster, while a service runs.
@Suite(.serialized) struct RedisToolTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func tidemark(_ words: String...) throws -> (status: Int32, output: String) {
        try Programs.run(Programs.folder + "/tidemark", words)
    }

    /// 300 samples of three devices, 100 without a device.
    private func fill(_ store: String) throws -> RunningService {
        let service = try RunningService(["STORE": store, "THREADS": "1"])
        for _ in 0..<500 where try service.get("/ready").status != 200 { usleep(10_000) }
        for round in 0..<100 {
            let lines = ["a", "b", "c"].map {
                "{\"timestamp\":\(1_700_000_000 + round),\"cpu\":1,\"rps\":\(round),"
                    + "\"device_id\":\"\($0)\"}"
            }
            let none = "{\"timestamp\":\(1_700_000_000 + round),\"cpu\":1,\"rps\":7}"
            let body = (lines + [none]).joined(separator: "\n")
            #expect(try service.post("/ingest", body).status == 202)
        }
        return service
    }

    private func checkTools(_ store: String, fleet: Int) throws {
        let (_, stats) = try tidemark("log", "stats", store)
        #expect(stats.contains("devices              "), "\(stats)")
        let (verified, verification) = try tidemark("log", "verify", store)
        #expect(verified == 0)
        #expect(verification.contains("4 series, \(fleet + 300) samples"), "\(verification)")
        let (_, judged) = try tidemark("log", "judge", store)
        let lines = judged.split(separator: "\n")
        #expect(lines.count == 1 + fleet + 300)
        #expect(lines.contains { $0.hasSuffix("\"b\"") && $0.contains(",100,1700000099,99,") })
        let (_, exported) = try tidemark("log", "export", store, "--device", "c")
        #expect(exported.split(separator: "\n").count == 100)
        let (_, csv) = try tidemark("log", "export", store, "--format", "csv")
        #expect(csv.split(separator: "\n").count == 1 + fleet)
        let (_, tested) = try tidemark("backtest", store, "--alert-threshold", "4")
        #expect(tested.contains("| all devices | 300 |"), "\(tested)")
        for words in [
            ["log", "import", store], ["log", "compact", store],
            ["log", "recover", store, folder.path + "/x.db"],
            ["diff", store, "--with", "/bin/true"],
            ["log", "export", store, "--device", "nobody"],
        ] {
            let (status, output) = try Programs.run(Programs.folder + "/tidemark", words)
            #expect(status == 1, "\(words): \(output)")
            #expect(output.contains("not on Redis") || output.contains("no device nobody"))
        }
    }

    @Test("a Redis: all tools that read, and a copy that a service can go on with")
    func readsRedis() throws {
        let redis = try RunningRedis()
        let service = try fill(redis.url)
        try checkTools(redis.url, fleet: 400)
        let (_, exported) = try tidemark("log", "export", redis.url)
        #expect(exported.split(separator: "\n").count == 400)
        let copy = folder.path + "/copy.db"
        let (status, output) = try tidemark("log", "backup", redis.url, copy)
        #expect(status == 0, "\(output)")
        let told = try service.get("/analyze?device_id=b").body
        let second = try RunningService(["STORE": "file:" + copy, "THREADS": "1"])
        for _ in 0..<500 where try second.get("/ready").status != 200 { usleep(10_000) }
        #expect(try second.get("/analyze?device_id=b").number("total_processed") == 100)
        #expect(told.contains("\"total_processed\":100"))
    }

    @Test("a Redis Cluster: each of its logs is read")
    func readsCluster() throws {
        let cluster = try RunningCluster()
        let service = try fill(cluster.url)
        try checkTools(cluster.url, fleet: 400)
        for words in [
            ["log", "backup", cluster.url, folder.path + "/copy.db"],
            ["log", "export", cluster.url],
        ] {
            let (status, output) = try Programs.run(Programs.folder + "/tidemark", words)
            #expect(status == 1 && output.contains("has 4 logs"), "\(output)")
        }
        #expect(service.stop() == 0)
    }

    @Test("a location that is none is no path either, and a node of a cluster says what it is")
    func refuses() throws {
        let (status, output) = try tidemark("log", "stats", "redis://host:99999")
        #expect(status == 1 && output.contains("redis-cluster://"), "\(output)")
        let cluster = try RunningCluster()
        let (other, words) = try tidemark(
            "log", "stats", "redis://127.0.0.1:\(cluster.nodes[0].port)")
        #expect(other == 1, "\(words)")
        #expect(words.contains("MOVED") || words.contains("no log of series"), "\(words)")
    }
}

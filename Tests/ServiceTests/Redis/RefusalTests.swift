import Foundation
import Redis
import TestSupport
import Testing

/// A Redis that answers and stores nothing: /ready says why, in its own words, at once; so does one
/// line of the log, and Redis is not flooded meanwhile.
@Suite struct RefusalTests {
    private func service(_ url: String) throws -> RunningService {
        try RunningService(["STORE": url, "THREADS": "2"])
    }

    private func reason(_ service: RunningService) throws -> String {
        let ready = try service.get("/ready")
        return ready.status == 503
            ? ready.json["detail"] as? String ?? "" : "status \(ready.status)"
    }

    /// What /ready says within five seconds.
    private func reason(_ service: RunningService, holding word: String) throws -> Bool {
        for _ in 0..<500 {
            if try reason(service).contains(word) { return true }
            usleep(10_000)
        }
        Issue.record("/ready: \(try reason(service)), expected \(word)")
        return false
    }

    private func commands(_ client: RedisClient) throws -> Int {
        guard case .text(let bytes) = try client.command("INFO", "stats") else { return -1 }
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").first {
            $0.hasPrefix("total_commands_processed:")
        }
        return line.flatMap { Int($0.split(separator: ":")[1]) } ?? -1
    }

    private func expectQuiet(_ client: RedisClient) throws {
        let before = try commands(client)
        usleep(1_000_000)
        let count = try commands(client) - before
        #expect(count < 300, "\(count) commands in a second")
    }

    private func post(_ service: RunningService) throws -> Int {
        try service.post("/ingest", "{\"cpu\":1,\"rps\":1,\"device_id\":\"a\"}").status
    }

    @Test("a right that is missing is named, and when it is given all goes on")
    func lacksRight() throws {
        let redis = try RunningRedis()
        let client = try redis.client()
        try client.command("ACL", "SETUSER", "u", "on", ">p", "~*", "&*", "+@all", "-set")
        let service = try service("redis://u:p@127.0.0.1:\(redis.port)")
        #expect(try reason(service, holding: "no permissions to run the 'set' command"))
        #expect(try post(service) == 503)
        try expectQuiet(client)
        try client.command("ACL", "SETUSER", "u", "+set")
        #expect(try reason(service, holding: "status 200"))
        #expect(try post(service) == 202)
        let log = service.stopAndReadLog()
        #expect(log.components(separatedBy: "NOPERM").count == 2, "\(log)")
    }

    @Test("a node of a cluster that is taken for a server of its own is told as that")
    func isOfCluster() throws {
        let redis = try RunningRedis(port: clusterPort(), ["--cluster-enabled", "yes"])
        let service = try service("redis://127.0.0.1:\(redis.port)")
        #expect(try reason(service, holding: "redis-cluster://"))
        #expect(try post(service) == 503)
        try expectQuiet(redis.client())
        // With some of the slots it answers, and sends the rest elsewhere.
        try redis.client().command("CLUSTER", "ADDSLOTSRANGE", "0", "8000")
        #expect(try reason(service, holding: "redis-cluster://"))
        try expectQuiet(redis.client())
    }

    @Test("a password that is missing, and a replica, are told")
    func isTold() throws {
        let closed = try RunningRedis(["--requirepass", "x"])
        #expect(
            try reason(service("redis://127.0.0.1:\(closed.port)"), holding: "Authentication"))
        let replica = try RunningRedis(["--replicaof", "127.0.0.1", "1"])
        #expect(
            try reason(service("redis://127.0.0.1:\(replica.port)"), holding: "it is a replica"))
    }

    @Test("a policy that evicts, and a log that is gone, are told and counted")
    func losesSeries() throws {
        let redis = try RunningRedis([
            "--maxmemory", "200mb", "--maxmemory-policy", "volatile-lru",
        ])
        let client = try redis.client()
        let service = try service("redis://127.0.0.1:\(redis.port)")
        #expect(try reason(service, holding: "maxmemory-policy"))
        try client.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        #expect(try reason(service, holding: "status 200"))
        #expect(try post(service) == 202)
        #expect(try Programs.metric(service.port, "redis_gaps_total") == 0)
        try client.command("FLUSHALL")
        #expect(try post(service) == 202)
        var gaps = 0.0
        for _ in 0..<300 where gaps == 0 {
            usleep(10_000)
            gaps = try Programs.metric(service.port, "redis_gaps_total")
        }
        #expect(gaps == 1)
        let log = service.stopAndReadLog()
        #expect(log.contains("may evict") && log.contains("all its series begin anew"), "\(log)")
    }

    /// Makes a log anew as another process would whose clock is behind. A birth counts
    /// microseconds.
    private let bornTwoSecondsEarlier = """
        local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
        local birth = tonumber(string.match(first[1], '^%d+')) - 2000000
        redis.call('DEL', KEYS[1])
        return redis.call('XADD', KEYS[1], string.format('%.0f-1', birth), 't', first[2][2])
        """

    @Test("of a log that a clock behind others made anew no sample is refused, and none lost")
    func bornEarlier() throws {
        let redis = try RunningRedis()
        let client = try redis.client()
        let service = try service("redis://127.0.0.1:\(redis.port)")
        #expect(try reason(service, holding: "status 200"))
        #expect(try post(service) == 202)
        for log in try LogTruth.logs(client) {
            try client.command("EVAL", bornTwoSecondsEarlier, "1", log)
        }
        for sent in 1...5 {
            let reply = try service.post("/ingest", "{\"cpu\":1,\"rps\":1,\"device_id\":\"d\"}")
            #expect(reply.status == 202, "\(reply.body)")
            #expect(reply.number("sequence") == Double(sent))
        }
    }
}

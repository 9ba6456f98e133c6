import Detection
import Foundation
import Redis
import TestSupport
import Testing

/// What REDIS_REPLICAS promises is kept, refused or shouted; never lowered in silence.
@Suite(.serialized) struct ReplicaConfirmationTests {
    /// A master with replicas that have caught up.
    private struct Set {
        let master: RunningRedis
        let replicas: [RunningRedis]
        let client: RedisClient

        init(replicas count: Int) throws {
            // Else a replica waits five seconds for others to come.
            let master = try RunningRedis(["--repl-diskless-sync-delay", "0"])
            self.master = master
            client = try master.client()
            replicas = try (0..<count).map { _ in
                try RunningRedis(["--replicaof", "127.0.0.1", "\(master.port)"])
            }
            try waitForReplicas(count)
        }

        func waitForReplicas(_ count: Int) throws {
            for _ in 0..<1_000 {
                if try client.integer("WAIT", "\(count)", "10") == count { return }
            }
            throw Failure("the replicas do not come")
        }
    }

    private func service(_ url: String, _ settings: [String: String] = [:]) throws
        -> RunningService
    {
        let wanted = ["STORE": url, "THREADS": "1", "REDIS_REPLICAS": "1"]
        let service = try RunningService(wanted.merging(settings) { $1 })
        for _ in 0..<500 where try service.get("/ready").status != 200 { usleep(10_000) }
        return service
    }

    private func post(_ service: RunningService, key: String? = nil) throws -> Response {
        try service.post(
            "/ingest", "{\"timestamp\":1700000000,\"cpu\":1,\"rps\":1,\"device_id\":\"a\"}",
            headers: key.map { "Idempotency-Key: \($0)\r\n" } ?? "")
    }

    /// Until a POST has this status, in milliseconds; nil after so many seconds.
    private func time(
        until status: Int, _ service: RunningService, seconds: Double = 10
    ) throws -> Double? {
        let start = Date()
        while -start.timeIntervalSinceNow < seconds {
            if try post(service).status == status { return -start.timeIntervalSinceNow * 1_000 }
            usleep(5_000)
        }
        return nil
    }

    private func gauge(_ name: String, _ service: RunningService) throws -> Double? {
        try service.get("/metrics").body.split(separator: "\n").first {
            $0.hasPrefix(name + " ")
        }.flatMap { Double($0.split(separator: " ")[1]) }
    }

    @Test("strict: without a replica samples are refused and not written, until one is there again")
    func refuses() throws {
        let set = try Set(replicas: 1)
        let service = try service(set.master.url, ["REDIS_REPLICAS_STRICT": "on"])
        #expect(try time(until: 202, service) != nil)
        set.replicas[0].kill()
        #expect(try time(until: 503, service) != nil)
        // By now it is known: nothing is written any more.
        usleep(1_500_000)
        let before = try set.client.integer("XLEN", "tm:{0}")
        for _ in 0..<20 {
            let answer = try post(service)
            #expect(answer.status == 503 && answer.body.contains("REDIS_REPLICAS"))
        }
        #expect(try set.client.integer("XLEN", "tm:{0}") == before)
        let ready = try service.get("/ready")
        #expect(ready.status == 503 && ready.body.contains("REDIS_REPLICAS"))
        #expect(try gauge("redis_replicas_confirming", service) == 0)
        let again = try RunningRedis(["--replicaof", "127.0.0.1", "\(set.master.port)"])
        #expect(try time(until: 202, service) != nil)
        #expect(try service.get("/ready").status == 200)
        again.kill()
    }

    @Test(
        "a replica that hangs: not strict, all goes on within seconds; what was refused counts once"
    )
    func goesOn() throws {
        let set = try Set(replicas: 1)
        let service = try service(set.master.url)
        #expect(try time(until: 202, service) != nil)
        let stored = try service.get("/analyze?device_id=a").json["total_processed"] as? Int ?? 0
        #expect(try gauge("redis_replicas_confirming", service) == 1)
        set.replicas[0].pause()
        // Nobody can tell whether the first ones are stored. With their keys they count once.
        var refused: [String] = []
        let start = Date()
        var isDegraded = false
        while !isDegraded, -start.timeIntervalSinceNow < 30 {
            let key = "key-\(refused.count)"
            isDegraded = try post(service, key: key).status == 202
            if !isDegraded { refused.append(key) }
        }
        #expect(isDegraded && !refused.isEmpty)
        for key in refused {
            let answer = try post(service, key: key)
            #expect(answer.status == 202 && answer.body.contains("\"duplicate\":true"))
        }
        let total = try service.get("/analyze?device_id=a").json["total_processed"] as? Int
        #expect(total == stored + 1 + refused.count)
        #expect(try gauge("redis_replicas_confirming", service) == 0)
        #expect(try service.get("/ready").status == 200)
        set.replicas[0].resume()
        for _ in 0..<300 where try gauge("redis_replicas_confirming", service) != 1 {
            usleep(20_000)
        }
        #expect(try gauge("redis_replicas_confirming", service) == 1)
        let log = service.stopAndReadLog()
        #expect(log.contains("0 of 1 replicas confirm") && log.contains("confirm again"), "\(log)")
    }

    @Test("a replica that hangs: strict, samples are refused at once, and taken when it is back")
    func refusesAtOnce() throws {
        let set = try Set(replicas: 1)
        let service = try service(set.master.url, ["REDIS_REPLICAS_STRICT": "on"])
        #expect(try time(until: 202, service) != nil)
        set.replicas[0].pause()
        #expect(try time(until: 503, service) != nil)
        for _ in 0..<300 where try service.get("/ready").status == 200 {
            _ = try post(service)
        }
        let before = try set.client.integer("XLEN", "tm:{0}")
        for _ in 0..<20 { #expect(try post(service).status == 503) }
        #expect(try set.client.integer("XLEN", "tm:{0}") == before, "refused before it is written")
        set.replicas[0].resume()
        #expect(try time(until: 202, service) != nil)
    }

    @Test("auto is strict once as many were there, also for the next process")
    func remembers() throws {
        let set = try Set(replicas: 2)
        let settings = ["REDIS_REPLICAS": "2"]
        let lone = try RunningRedis()
        // Who has never seen two goes on with none.
        let careless = try service(lone.url, settings)
        #expect(try post(careless).status == 202)
        let first = try service(set.master.url, settings)
        #expect(try time(until: 202, first) != nil)
        for _ in 0..<300 where try set.client.command("GET", "tm:{0}:r") != .text([50]) {
            usleep(10_000)
        }
        set.replicas[0].kill()
        #expect(try time(until: 503, first) != nil)
        let second = try RunningService(
            settings.merging(["STORE": set.master.url, "THREADS": "1"]) { $1 })
        for _ in 0..<100 where try !second.get("/ready").body.contains("REDIS_REPLICAS") {
            usleep(20_000)
        }
        #expect(try post(second).body.contains("REDIS_REPLICAS"))
        // One is enough for who wants one.
        let modest = try service(set.master.url, ["REDIS_REPLICAS": "1"])
        #expect(try post(modest).status == 202)
    }

    @Test("an old master that lives on alone acknowledges nothing that its successor lacks")
    func losesNothing() throws {
        let set = try Set(replicas: 1)
        // All that is sent stays in the log, so that it can be looked for.
        let service = try service(
            set.master.url, ["REDIS_REPLICAS_STRICT": "on", "REDIS_HISTORY": "67108864"])
        var plan = LogTraffic.Plan()
        (plan.clients, plan.samples, plan.devices) = (6, 1_000_000, 20)
        let traffic = LogTraffic(plan, ports: [service.port])
        traffic.start()
        for _ in 0..<2_000 where try set.client.integer("XLEN", "tm:{0}") < 200 { usleep(10_000) }
        let successor = try set.replicas[0].client()
        try successor.command("REPLICAOF", "NO", "ONE")
        usleep(2_000_000)
        let told = traffic.stop()
        #expect(told.acknowledged.count > 100)
        let truth = try LogTruth([successor], FoldParameters())
        let faults = truth.faults(of: told)
        #expect(
            faults.isEmpty, "\(faults.count) of \(told.acknowledged.count): \(faults.first ?? "")")
    }

    @Test(
        "the rights to ROLE and WAIT are needed where replicas are to confirm",
        arguments: ["role", "wait"])
    func needsRights(_ command: String) throws {
        let redis = try RunningRedis()
        let client = try redis.client()
        try client.command("ACL", "SETUSER", "u", "on", ">p", "~*", "&*", "+@all", "-" + command)
        let url = "redis://u:p@127.0.0.1:\(redis.port)"
        let service = try RunningService(["STORE": url, "THREADS": "1"])
        let wanted = "REDIS_REPLICAS needs \(command.uppercased())"
        for _ in 0..<200 where try !service.get("/ready").body.contains(wanted) { usleep(10_000) }
        #expect(try service.get("/ready").body.contains(wanted))
        #expect(try post(service).status == 503)
        try client.command("ACL", "SETUSER", "u", "+" + command)
        #expect(try time(until: 202, service) != nil)
        let log = service.stopAndReadLog()
        #expect(log.components(separatedBy: wanted).count == 2, "\(log)")
        // Who wants no replicas needs neither.
        try client.command("ACL", "SETUSER", "u", "-" + command)
        let modest = try RunningService(["STORE": url, "THREADS": "1", "REDIS_REPLICAS": "0"])
        #expect(try time(until: 202, modest) != nil)
    }

    @Test("a name with several addresses: all are tried")
    func triesAll() throws {
        let redis = try RunningRedis()
        // On most machines ::1 comes first, where nobody listens.
        let service = try service("redis://localhost:\(redis.port)")
        #expect(try post(service).status == 202)
    }

    @Test("the smallest ACL, as documented, is enough for the service and its tools")
    func needsNoMore() throws {
        let file = Programs.root + "/docs/redis.md"
        let line = try #require(
            try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").first {
                $0.hasPrefix("ACL SETUSER ")
            })
        let redis = try RunningRedis()
        let client = try redis.client()
        try client.command(line.split(separator: " ").map(String.init))
        let url = "redis://tidemark:PASSWORD@127.0.0.1:\(redis.port)"
        let settings = ["REDIS_HISTORY": "1048576"]
        let services = [try service(url, settings), try service(url, settings)]
        for part in 0..<30 {
            var lines: [String] = []
            for number in 0..<20 {
                for device in 0..<50 {
                    let time = 1_700_000_000 + 60 * (20 * part + number)
                    let value = part == 29 ? 0 : 97 + Double((20 * part + number) * 7919 % 61) / 10
                    lines.append(
                        "{\"timestamp\":\(time),\"cpu\":20,\"rps\":\(value),"
                            + "\"device_id\":\"d\(device)\"}")
                }
            }
            let answer = try services[part % 2].post(
                "/ingest?verdicts=none", lines.joined(separator: "\n"),
                headers: "Idempotency-Key: k\(part)\r\n")
            #expect(answer.status == 202)
        }
        for path in ["/devices", "/anomalies", "/incidents", "/series?device_id=d3", "/analyze"] {
            #expect(try services[0].get(path).status == 200)
        }
        #expect(
            try Programs.run(Programs.folder + "/tidemark", ["log", "verify", url]).status == 0)
        for _ in 0..<500 where try client.integer("XLEN", "tm:{0}") > 25 { usleep(10_000) }
        #expect(try services[0].get("/metrics").body.contains("redis_trims_total"))
        #expect(try client.command("ACL", "LOG") == .array([]))
    }
}

import Detection
import Foundation
import Glibc
import Redis
import Store
import TestSupport
import Testing

/// Whatever breaks: what was answered 2xx is in the log, once, and everything else was a 503.
@Suite(.serialized) struct FaultTests {
    private static let durable = ["--appendonly", "yes", "--appendfsync", "always"]

    private func settings(_ url: String, _ more: [String: String] = [:]) -> [String: String] {
        ["STORE": url, "THREADS": "1", "REDIS_HISTORY": "67108864"].merging(more) { $1 }
    }

    private func endless(_ seed: UInt64, clients: Int = 6) -> LogTraffic.Plan {
        var plan = LogTraffic.Plan()
        plan.clients = clients
        plan.samples = 1_000_000
        plan.devices = 20
        plan.seed = seed
        return plan
    }

    private func expectNothingLost(_ told: Told, _ redis: [RedisClient]) throws {
        let truth = try LogTruth(redis, FoldParameters())
        let faults = truth.faults(of: told)
        #expect(faults.isEmpty, "\(faults.count), the first: \(faults.first ?? "")")
        #expect(told.strange.isEmpty, "\(told.strange.first ?? "")")
        #expect(told.acknowledged.count > 100)
    }

    /// Sends until a sample is stored; whether that took less than two seconds.
    private func isBack(_ service: RunningService) throws -> Bool {
        for _ in 0..<200 {
            let response = try service.post("/ingest", "{\"cpu\":1,\"rps\":1}")
            if response.status == 202 { return try service.get("/ready").status == 200 }
            usleep(10_000)
        }
        return false
    }

    private func waitUntilReady(_ service: RunningService) throws {
        for _ in 0..<1000 {
            if try service.get("/ready").status == 200 { return }
            usleep(2000)
        }
    }

    private func waitUntilCut(_ proxy: CuttingProxy) {
        for _ in 0..<2000 {
            if !proxy.isCutPending { return }
            usleep(1000)
        }
    }

    @Test("a replica that is killed takes nothing with it")
    func killsReplica() throws {
        let redis = try RunningRedis()
        var services = try (0..<3).map { _ in try RunningService(settings(redis.url)) }
        let traffic = LogTraffic(endless(1), ports: services.map(\.port))
        traffic.start()
        for _ in 0..<2 {
            usleep(500_000)
            kill(services.removeFirst().process.processIdentifier, SIGKILL)
        }
        usleep(500_000)
        let told = traffic.stop()
        #expect(told.broken > 0)
        try expectNothingLost(told, [try redis.client()])
    }

    @Test("a Redis that is killed and started again has what was acknowledged")
    func killsRedis() throws {
        let redis = try RunningRedis(FaultTests.durable)
        let services = try (0..<2).map { _ in try RunningService(settings(redis.url)) }
        let traffic = LogTraffic(endless(2), ports: services.map(\.port))
        traffic.start()
        for _ in 0..<3 {
            usleep(500_000)
            redis.kill()
            usleep(700_000)
            #expect(try services[0].get("/ready").status == 503)
            #expect(try services[0].get("/health").status == 200)
            try redis.start()
            #expect(try isBack(services[0]))
        }
        usleep(300_000)
        let told = traffic.stop()
        #expect(told.unavailable > 0)
        try expectNothingLost(told, [try redis.client()])
    }

    @Test("a Redis that stands still for ten seconds is answered for with 503, and found again")
    func pausesRedis() throws {
        let redis = try RunningRedis()
        let services = try (0..<2).map { _ in try RunningService(settings(redis.url)) }
        let traffic = LogTraffic(endless(3), ports: services.map(\.port))
        traffic.start()
        usleep(500_000)
        redis.pause()
        sleep(10)
        redis.resume()
        #expect(try isBack(services[0]))
        #expect(try isBack(services[1]))
        usleep(500_000)
        let told = traffic.stop()
        #expect(told.unavailable > 0)
        try expectNothingLost(told, [try redis.client()])
    }

    @Test("a connection cut after any byte of a pipeline is settled, and nobody sees it")
    func cutsEverywhere() throws {
        let redis = try RunningRedis()
        let proxy = try CuttingProxy(to: redis.port)
        let service = try RunningService(
            settings("redis://127.0.0.1:\(proxy.port)", ["REDIS_TIMEOUT": "10s"]))
        var plan = endless(4, clients: 3)
        plan.devices = 5
        plan.batchSize = 8
        let traffic = LogTraffic(plan, ports: [service.port])
        traffic.start()
        usleep(300_000)
        var place = 1
        while place < 1500 {
            for direction in [CuttingProxy.Direction.toServer, .toClient] {
                try waitUntilReady(service)
                proxy.cutAfter(place, direction)
                waitUntilCut(proxy)
            }
            // Closer together where commands begin.
            place += place < 200 ? 7 : 61
        }
        // Twice in a row, so that the second meets the greeting.
        for bytes in [1, 20, 40, 60, 90] {
            proxy.cutAfter(1, .toServer)
            waitUntilCut(proxy)
            proxy.cutAfter(bytes, .toClient)
            waitUntilCut(proxy)
            try waitUntilReady(service)
        }
        let told = traffic.stop()
        #expect(proxy.cuts > 90)
        #expect(told.unavailable == 0 && told.broken == 0, "\(told.reasons)")
        try expectNothingLost(told, [try redis.client()])
        let metrics = try service.get("/metrics").body
        #expect(metrics.contains("redis_settled_total{outcome=\"unknown\"} 0\n"))
        #expect(!metrics.contains("redis_settled_total{outcome=\"found\"} 0\n"))
        #expect(!metrics.contains("redis_settled_total{outcome=\"sent_again\"} 0\n"))
    }

    @Test("with keys and retries every sample is stored exactly once, whatever is killed or cut")
    func storesOnce() throws {
        let redis = try RunningRedis(FaultTests.durable)
        let proxy = try CuttingProxy(to: redis.port)
        let url = "redis://127.0.0.1:\(proxy.port)"
        var plan = endless(11)
        plan.samples = 4000
        plan.isKeyed = true
        let rounds = ProcessInfo.processInfo.environment["FAULT_ROUNDS"].flatMap(Int.init) ?? 3
        plan.samples *= rounds
        let ports = try (0..<3).map { _ in try freePort() }
        var services = try ports.map { try RunningService(settings(url), port: $0) }
        let traffic = LogTraffic(plan, ports: ports)
        traffic.start()
        for round in 0..<rounds {
            usleep(200_000)
            let victim = round % 3
            kill(services[victim].process.processIdentifier, SIGKILL)
            proxy.cutAfter(200 + 37 * round, .toServer)
            usleep(200_000)
            services[victim] = try RunningService(settings(url), port: ports[victim])
            proxy.cutAfter(100 + 53 * round, .toClient)
            if round % 3 == 2 {
                redis.kill()
                usleep(300_000)
                try redis.start()
            } else {
                redis.pause()
                usleep(800_000)
                redis.resume()
            }
        }
        let told = traffic.wait()
        #expect(told.retries > 0 && told.strange.isEmpty, "\(told.strange.first ?? "")")
        #expect(told.acknowledged.count == plan.clients * plan.samples)
        let truth = try LogTruth([try redis.client()], FoldParameters())
        let faults = truth.faults(of: told)
        #expect(faults.isEmpty, "\(faults.count), the first: \(faults.first ?? "")")
        #expect(truth.samples == plan.clients * plan.samples)
    }

    @Test("the first request of a process has the same key as its retry at another one")
    func knowsKeysFromTheStart() throws {
        let redis = try RunningRedis()
        let first = try RunningService(settings(redis.url))
        #expect(try isBack(first))
        for round in 0..<5 {
            let key = "Idempotency-Key: \(round)\r\n"
            let body = "{\"cpu\":1,\"rps\":\(round)}"
            let fresh = try RunningService(settings(redis.url))
            var stored = try fresh.post("/ingest", body, headers: key)
            for _ in 0..<200 where stored.status == 503 {
                usleep(10_000)
                stored = try fresh.post("/ingest", body, headers: key)
            }
            #expect(stored.status == 202)
            let again = try first.post("/ingest", body, headers: key)
            #expect(again.status == 202 && again.body.contains("\"duplicate\":true"))
        }
    }

    @Test("a batch that is stored in part says how much, and is completed with its key")
    func completes() throws {
        let redis = try RunningRedis()
        let service = try RunningService(settings(redis.url, ["REDIS_TIMEOUT": "10s"]))
        #expect(try isBack(service))
        let client = try redis.client()
        // Room for one entry more, not for two.
        guard case .text(let info) = try client.command("INFO", "memory"),
            let used = String(decoding: info, as: UTF8.self)
                .firstMatch(of: /used_memory:([0-9]+)/).flatMap({ Int($0.1) })
        else { throw Failure("no memory") }
        try client.command("CONFIG", "SET", "maxmemory", "\(used + 560_000)")
        let count = 30_000
        let body = (0..<count).map { "{\"cpu\":1,\"rps\":\($0 % 9)}" }.joined(separator: "\n")
        let key = "Idempotency-Key: long\r\n"
        let first = try service.post("/ingest?verdicts=none", body, headers: key)
        let stored = try #require(first.number("accepted"))
        #expect(first.status == 503 && stored > 0 && stored < Double(count), "\(first.body)")
        try client.command("CONFIG", "SET", "maxmemory", "0")
        let second = try service.post("/ingest?verdicts=none", body, headers: key)
        #expect(second.status == 202 && second.number("accepted") == Double(count))
        #expect(second.number("duplicates") == stored)
        #expect(try service.get("/analyze").number("total_processed") == Double(count + 1))
    }

    @Test("bytes that come late and in pieces make no difference")
    func delays() throws {
        let redis = try RunningRedis()
        let proxy = try CuttingProxy(to: redis.port, seed: 5)
        proxy.disturb(delayMicroseconds: 300, pieceBytes: 40)
        let services = try (0..<2).map { _ in
            try RunningService(
                settings("redis://127.0.0.1:\(proxy.port)", ["REDIS_TIMEOUT": "20s"]))
        }
        var plan = LogTraffic.Plan()
        plan.samples = 150
        plan.devices = 10
        plan.batchSize = 10
        plan.seed = 5
        let traffic = LogTraffic(plan, ports: services.map(\.port))
        traffic.start()
        let told = traffic.wait()
        #expect(told.unavailable == 0 && told.broken == 0)
        #expect(told.acknowledged.count == 8 * 150)
        try expectNothingLost(told, [try redis.client()])
    }

    @Test("a replica of Redis that goes away is waited for no longer, one that comes is")
    func losesRedisReplica() throws {
        let redis = try RunningRedis()
        let replica = try RunningRedis(["--replicaof", "127.0.0.1", "\(redis.port)"])
        let client = try redis.client()
        for _ in 0..<500 {
            if try client.integer("WAIT", "1", "10") == 1 { break }
        }
        let service = try RunningService(settings(redis.url))
        #expect(try isBack(service))
        #expect(try client.command("INFO", "commandstats").isText { $0.contains("cmdstat_wait") })
        let traffic = LogTraffic(endless(10), ports: [service.port])
        traffic.start()
        usleep(500_000)
        replica.kill()
        #expect(try isBack(service))
        usleep(500_000)
        let told = traffic.stop()
        try expectNothingLost(told, [client])
    }

    @Test("a master that was a replica for a while is taken up again by the loop that it refused")
    func takesUpAgain() throws {
        let (redis, other) = (try RunningRedis(), try RunningRedis())
        let service = try RunningService(settings(redis.url))
        #expect(try isBack(service))
        let client = try redis.client()
        try client.command("REPLICAOF", "127.0.0.1", "\(other.port)")
        #expect(try service.post("/ingest", "{\"cpu\":1,\"rps\":1}").status == 503)
        try client.command("REPLICAOF", "NO", "ONE")
        #expect(try isBack(service))
    }

    @Test(
        "a server that says more than it was asked is left, and the process goes on",
        arguments: ["+OK\r\n+OK\r\n:1\r\n+OK\r\n$3\r\n1-1\r\n*0\r\n", "$-1\r\n", "-ERR no\r\n"])
    func outlivesChatter(_ words: String) throws {
        let server = try TalkativeServer(saying: words)
        let service = try RunningService(settings("redis://127.0.0.1:\(server.port)"))
        for _ in 0..<5 {
            #expect(try service.post("/ingest", "{\"cpu\":1,\"rps\":1}").status == 503)
            usleep(100_000)
        }
        #expect(try service.get("/health").status == 200)
        #expect(service.stop() == 0)
    }

    @Test("after FLUSHALL the series begin anew, for all replicas alike")
    func flushes() throws {
        let redis = try RunningRedis()
        // Long enough that only what Redis says can lead to a refusal, not a machine that is busy.
        let patient = settings(redis.url, ["REDIS_TIMEOUT": "20s"])
        let services = try (0..<2).map { _ in try RunningService(patient) }
        let first = LogTraffic(endless(6), ports: services.map(\.port))
        first.start()
        usleep(500_000)
        let client = try redis.client()
        try client.command("FLUSHALL")
        // What was asked for from now on is in the log, and nothing was refused meanwhile.
        let second = LogTraffic(endless(7, clients: 3), ports: services.map(\.port))
        second.start()
        usleep(1_000_000)
        let before = first.stop()
        let told = second.stop()
        #expect(before.strange.isEmpty && before.unavailable == 0, "\(before.reasons)")
        #expect(told.unavailable == 0, "\(told.reasons)")
        try expectNothingLost(told, [client])
    }

    @Test("a Redis that comes back older than it was is noticed")
    func restoresOlder() throws {
        let redis = try RunningRedis(["--dbfilename", "dump.rdb"])
        let patient = settings(redis.url, ["REDIS_TIMEOUT": "3s"])
        let services = try (0..<2).map { _ in try RunningService(patient) }
        let first = LogTraffic(endless(8), ports: services.map(\.port))
        first.start()
        usleep(500_000)
        try redis.client().command("SAVE")
        usleep(500_000)
        redis.kill()
        let before = first.stop()
        #expect(before.strange.isEmpty)
        try redis.start()
        #expect(try isBack(services[0]) && isBack(services[1]))
        let second = LogTraffic(endless(9), ports: services.map(\.port))
        second.start()
        usleep(1_000_000)
        let told = second.stop()
        #expect(told.unavailable == 0, "\(told.reasons)")
        try expectNothingLost(told, [try redis.client()])
    }
}

extension Reply {
    fileprivate func isText(_ isSo: (String) -> Bool) -> Bool {
        guard case .text(let text) = self else { return false }
        return isSo(String(decoding: text, as: UTF8.self))
    }
}

import Foundation
import Redis
import Store
import TestSupport
import Testing

/// What else replicas over one Redis promise.
@Suite(.serialized) struct ReplicaTests {
    private func eventually(_ isSo: () throws -> Bool) rethrows -> Bool {
        for _ in 0..<200 {
            if try isSo() { return true }
            usleep(10_000)
        }
        return false
    }

    private func post(_ service: RunningService, _ body: String) throws -> Response {
        try service.post("/ingest", body)
    }

    @Test("devices and flagged samples are the same from any replica within two seconds")
    func sharesLists() throws {
        let redis = try RunningRedis()
        let services = try (0..<2).map { _ in try RunningService(["STORE": redis.url]) }
        var lines = ""
        for index in 0..<30 {
            lines += "{\"cpu\":1,\"rps\":\(100 + index % 3),\"device_id\":\"a\"}\n"
        }
        #expect(try post(services[0], lines).status == 202)
        #expect(try post(services[0], "{\"cpu\":1,\"rps\":7,\"device_id\":\"b\"}").status == 202)
        #expect(try post(services[0], "{\"cpu\":1,\"rps\":9000,\"device_id\":\"a\"}").status == 202)
        let isSame = try eventually {
            let pages = try services.map { try $0.get("/devices") }
            let flagged = try services.map { try $0.get("/anomalies?device_id=a") }
            return pages[0].body == pages[1].body && flagged[0].body == flagged[1].body
                && pages[1].number("total") == 2 && flagged[1].body.contains("9000")
        }
        #expect(isSame)
        let page = try services[1].get("/devices?limit=1").json
        #expect(page["next"] as? String == "a")
        let second = try services[1].get("/devices?limit=1&after=a").json
        let row = (second["devices"] as? [[String: Any]])?.first
        #expect(row?["device_id"] as? String == "b" && row?["last_rps"] as? Double == 7)
        #expect(try services[1].get("/devices?after=nobody").status == 404)
        #expect(try services[1].get("/analyze?device_id=nobody").status == 404)
        #expect(try services[1].get("/analyze?device_id=a").number("total_processed") == 31)
        #expect(try services[1].get("/stats").number("last_rps") == 9000)
        #expect(try services[1].get("/anomalies?alerts=true&limit=1").status == 200)
    }

    @Test("a password and a database are used, and a wrong password is never shown")
    func authenticates() throws {
        let redis = try RunningRedis(["--requirepass", "se@cret"])
        // Its own client has no password: the server is there, and refuses it.
        let good = try RunningService(["STORE": "redis://:se%40cret@127.0.0.1:\(redis.port)/3"])
        #expect(try eventually { try post(good, "{\"cpu\":1,\"rps\":1}").status == 202 })
        let client = try redis.client()
        try client.command("AUTH", "se@cret")
        try client.command("SELECT", "3")
        #expect(try client.integer("XLEN", "tm:{0}") >= 1)
        let bad = try RunningService(["STORE": "redis://:wrong-one@127.0.0.1:\(redis.port)"])
        #expect(try post(bad, "{\"cpu\":1,\"rps\":1}").status == 503)
        #expect(try bad.get("/ready").status == 503)
        #expect(try bad.get("/health").status == 200)
        let log = bad.stopAndReadLog()
        #expect(log.contains("AUTH: ") && !log.contains("wrong-one"))
    }

    @Test("the readable keys of the five services are written when asked for")
    func mirrors() throws {
        let redis = try RunningRedis()
        let service = try RunningService([
            "STORE": redis.url, "REDIS_MIRROR": "on", "THREADS": "1",
        ])
        let body = "{\"timestamp\":1700000001,\"cpu\":5,\"rps\":120,\"device_id\":\"a\"}"
        #expect(try post(service, body).status == 202)
        let client = try redis.client()
        let sample = Reply.text(
            Array("{\"timestamp\":1700000001,\"cpu\":5,\"rps\":120,\"device_id\":\"a\"}".utf8))
        #expect(try eventually { try client.command("GET", "last_metric") == sample })
        #expect(try client.command("GET", "metric:1700000001") == sample)
        #expect(try (290...300).contains(client.integer("TTL", "metric:1700000001")))
        #expect(try client.command("LRANGE", "metrics", "0", "0") == .array([sample]))
        let hasAnalysis = try eventually {
            guard case .text(let text) = try client.command("GET", "last_analysis") else {
                return false
            }
            return String(decoding: text, as: UTF8.self).contains("\"lastRps\":120")
        }
        #expect(hasAnalysis)
    }

    @Test("a series that was silent for its time to live begins anew")
    func expires() throws {
        let redis = try RunningRedis()
        let service = try RunningService(["STORE": redis.url, "SERIES_TTL": "1s"])
        let body = "{\"cpu\":1,\"rps\":1,\"device_id\":\"a\"}"
        #expect(try post(service, body).number("sequence") == 1)
        #expect(try post(service, body).number("sequence") == 2)
        usleep(1_300_000)
        #expect(try service.get("/analyze?device_id=a").status == 404)
        #expect(try post(service, body).number("sequence") == 1)
        #expect(try service.get("/stats").number("count") == 3)
    }

    @Test("beyond MAX_DEVICES the devices idle longest go, with their series")
    func prunes() throws {
        let redis = try RunningRedis()
        let service = try RunningService(["STORE": redis.url, "MAX_DEVICES": "5", "THREADS": "1"])
        for index in 0..<12 {
            let body = "{\"cpu\":1,\"rps\":1,\"device_id\":\"d\(index)\"}"
            #expect(try post(service, body).status == 202)
            usleep(3000)
        }
        #expect(try service.get("/devices").number("total") == 5)
        #expect(try service.get("/analyze?device_id=d0").status == 404)
        #expect(try service.get("/analyze?device_id=d11").status == 200)
        // The one that was idle longest begins anew.
        let first = "{\"cpu\":1,\"rps\":1,\"device_id\":\"d0\"}"
        #expect(try post(service, first).number("sequence") == 1)
    }

    @Test("a large batch may take longer than REDIS_TIMEOUT as long as it makes progress")
    func takesLargeBatches() throws {
        let redis = try RunningRedis()
        let service = try RunningService([
            "STORE": redis.url, "REDIS_TIMEOUT": "400ms", "THREADS": "1",
        ])
        var body = ""
        for index in 0..<20_000 {
            body += "{\"cpu\":1,\"rps\":1,\"device_id\":\"d\(index % 5000)\"}\n"
        }
        let response = try service.post("/ingest?verdicts=none", body)
        #expect(response.number("accepted") == 20_000, "\(response.body)")
    }

    @Test("requests behind one that waits are answered in their order")
    func keepsOrder() throws {
        let redis = try RunningRedis()
        let service = try RunningService(["STORE": redis.url, "THREADS": "1"])
        #expect(try eventually { try service.get("/ready").status == 200 })
        let client = try service.connect()
        var requests = ""
        for index in 0..<20 {
            requests += RunningService.post(
                "/ingest", "{\"cpu\":1,\"rps\":\(index),\"device_id\":\"a\"}")
            requests += "GET /health HTTP/1.1\r\nHost: test\r\n\r\n"
        }
        try client.write(requests)
        for index in 0..<20 {
            #expect(try client.response().number("sequence") == Double(index + 1))
            #expect(try client.response().body.contains("healthy"))
        }
    }

    @Test("a master that is made a replica is left, and taken up when it is a master again")
    func leavesReplicas() throws {
        let (redis, other) = (try RunningRedis(), try RunningRedis())
        // By name, which is resolved anew with every connection.
        let service = try RunningService(["STORE": "redis://localhost:\(redis.port)"])
        #expect(try eventually { try post(service, "{\"cpu\":1,\"rps\":1}").status == 202 })
        let client = try redis.client()
        try client.command("REPLICAOF", "127.0.0.1", "\(other.port)")
        #expect(try post(service, "{\"cpu\":1,\"rps\":1}").status == 503)
        #expect(try eventually { try service.get("/ready").status == 503 })
        try client.command("REPLICAOF", "NO", "ONE")
        #expect(try eventually { try post(service, "{\"cpu\":1,\"rps\":1}").status == 202 })
    }

    @Test("with other parameters a series goes on counting where it was")
    func keepsCounting() throws {
        let redis = try RunningRedis()
        let body = "{\"cpu\":1,\"rps\":1,\"device_id\":\"a\"}"
        let settings = ["STORE": redis.url]
        let first = try RunningService(settings.merging(["WINDOW_SIZE": "50"]) { $1 })
        // Enough that the log is trimmed, and the series is in its checkpoint.
        let many = Array(repeating: body, count: 1000).joined(separator: "\n")
        for _ in 0..<70 { #expect(try post(first, many).status == 202) }
        #expect(first.stop() == 0)
        let second = try RunningService(settings.merging(["WINDOW_SIZE": "10"]) { $1 })
        #expect(try eventually { try second.get("/ready").status == 200 })
        #expect(try post(second, body).number("sequence") == 70_001)
        let isTold = try eventually {
            try !second.get("/metrics").body.contains("series_relearned_total 0\n")
        }
        #expect(isTold)
    }
}

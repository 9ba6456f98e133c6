import Foundation
import TestSupport
import Testing

/// What field devices, collectors, browsers and proxies really send.
@Suite struct ForgivingTests {
    @Test(
        "samples are taken as the decoders of Go services take them, and as collectors spell them")
    func takesSpellings() throws {
        let service = try RunningService()
        let rows = [
            ("/ingest", "{\"CPU\":1,\"Rps\":2,\"DEVICE_ID\":\"a\"}", "a"),
            ("/ingest", "{\"cpu\":1,\"rps\":2,\"deviceId\":\"b\"}", "b"),
            ("/ingest?device_id=c", "{\"cpu\":1,\"rps\":2}", "c"),
            ("/ingest?device_id=d", "{\"cpu\":1,\"rps\":2,\"device_id\":\"\"}", "d"),
            ("/ingest?device_id=e", "{\"cpu\":1,\"rps\":2,\"device_id\":\"f\"}", "f"),
            ("//ingest/", "{\"cpu\":\"1\",\"rps\":\"2.5\",\"device_id\":\"g\"}", "g"),
            ("/ingest", "\u{FEFF}{\"cpu\":1,\"rps\":2,\"device_id\":\"h\"}", "h"),
        ]
        for (path, body, device) in rows {
            let answer = try service.post(path, body)
            #expect(answer.status == 202, "\(path) \(body): \(answer.body)")
            #expect(answer.json["device_id"] as? String == device, "\(path) \(body)")
        }
        let unnamed = try service.post("/ingest", "{\"cpu\":1,\"rps\":2,\"device_id\":\"\"}")
        #expect(unnamed.status == 202 && unnamed.json["device_id"] == nil)
        for coding in ["identity", "", "none", "utf-8", "UTF8"] {
            let answer = try service.post(
                "/ingest", "{\"cpu\":1,\"rps\":2}", headers: "Content-Encoding: \(coding)\r\n")
            #expect(answer.status == 202, "\(coding)")
        }
        let other = try service.post("/ingest", "x", headers: "Content-Encoding: br\r\n")
        #expect(other.status == 415)
        #expect(other.headers["accept-encoding"] == "gzip, deflate, zstd, identity")
    }

    @Test(
        "any metric: value may be negative and stays with its device; cpu may be missing",
        arguments: ["memory", "file"])
    func takesAnyMetric(_ store: String) throws {
        let folder = try TemporaryFolder()
        let service = try RunningService(
            ["STORE": store == "file" ? "file:\(folder.path)/a.db" : store])
        for index in 1...20 {
            let body = "{\"value\":\(-index),\"device_id\":\"t\"}"
            let answer = try service.post("/ingest", body)
            #expect(answer.status == 202 && answer.json["cpu_z_score"] == nil, "\(answer.body)")
            #expect(answer.number("sequence") == Double(index))
        }
        #expect(try service.get("/analyze").number("total_processed") == 0)
        let device = try service.get("/analyze?device_id=t")
        #expect(device.number("total_processed") == 20 && device.number("lastRps") == -20)
        #expect(device.number("lastCpu") == 0 && device.number("mean") == -10.5)
        let metric = try service.post("/metrics", "{\"value\":-3.5,\"device_id\":\"t\"}")
        let stored = metric.json["metric"] as? [String: Any]
        #expect(stored?["value"] as? Double == -3.5 && stored?["cpu"] == nil)
        // Without a device it is the fleet's.
        #expect(try service.post("/ingest", "{\"value\":-7}").status == 202)
        #expect(try service.post("/ingest", "{\"rps\":7,\"cpu\":null}").status == 202)
        #expect(try service.get("/stats").number("count") == 2)
        let page = try service.get("/series?device_id=t&limit=2&after=19")
        let rows = page.json["samples"] as? [[String: Any]]
        #expect(rows?.map { $0["rps"] as? Double } == [-20, -3.5], "\(page.body)")
        #expect(rows?.first?["cpu"] == nil)
    }

    @Test("what clients of InfluxDB write is judged and stored as if it were JSON")
    func takesLines() throws {
        let service = try RunningService(["AUTH_TOKEN": "t"])
        func write(_ path: String, _ body: String, token: String = "Token t") throws -> Response {
            try service.post(path, body, headers: "Authorization: \(token)\r\n")
        }
        for index in 1...3 {
            let answer = try write(
                "/api/v2/write?org=o&bucket=b&precision=s",
                "m,host=a rps=\(index),cpu=2 \(1_700_000_000 + index)\nother,host=a x=1\n")
            #expect(answer.status == 204 && answer.body.isEmpty, "\(answer.body)")
        }
        #expect(try write("/write?db=x", "m,host=a value=5", token: "Basic dTp0").status == 204)
        #expect(try write("/write", "m rps=1", token: "Token x").status == 401)
        #expect(try write("/write?precision=d", "m rps=1").status == 400)
        // Elsewhere it is a name like any other.
        #expect(try service.get("/devices?precision=d").status == 200)
        let partly = try write("/write", "m,host=a rps=7\nm rps=-1\n")
        #expect(partly.status == 400 && partly.number("accepted") == 1)
        #expect(partly.body.contains("number 2: rps: must be"), "\(partly.body)")
        #expect(try write("/write", "nothing here=1 \n").status == 204)
        #expect(try write("/write", "").status == 204)
        let page = try service.get("/series?device_id=a").json["samples"] as? [[String: Any]]
        #expect(page?.map { $0["rps"] as? Double } == [1, 2, 3, 5, 7])
        #expect(page?.first?["timestamp"] as? Double == 1_700_000_001)
        #expect(try service.get("/analyze").number("total_processed") == 4)
        #expect(try service.get("/ping").status == 204)
        #expect(try service.get("/write").status == 405)
        let metrics = try service.get("/metrics").body
        #expect(metrics.contains("lines_ignored_total 4\n"))
        #expect(metrics.contains("route=\"/api/v2/write\",status=\"204\"} 3\n"))
    }

    @Test("a body may be coded: it is the same request as the plain one; a bomb is a 413")
    func decodesBodies() throws {
        let service = try RunningService(["MAX_BODY_BYTES": "100000"])
        let lines = (0..<500).map { "{\"cpu\":1,\"rps\":\($0 % 7),\"device_id\":\"a\"}\n" }.joined()
        func post(_ bytes: [UInt8], _ coding: String, key: String = "k") throws -> Response {
            let client = try service.connect()
            let head =
                "POST /ingest HTTP/1.1\r\nHost: a\r\nContent-Encoding: \(coding)\r\n"
                + "Idempotency-Key: \(key)\r\nContent-Length: \(bytes.count)\r\n\r\n"
            try client.write(Array(head.utf8) + bytes)
            return try client.response()
        }
        let gzip = try Programs.coded(lines, "gzip.compress(b)")
        let first = try post(gzip, "gzip")
        #expect(first.status == 202 && first.number("accepted") == 500, "\(first.body)")
        for (bytes, coding) in [
            (Array(lines.utf8), "identity"),
            (try Programs.coded(lines, "zlib.compress(b)"), "deflate"),
            (gzip, "X-GZIP"),
        ] {
            let again = try post(bytes, coding)
            #expect(again.number("duplicates") == 500, "\(coding): \(again.body)")
        }
        #expect(try post(Array(gzip.dropLast(9)), "gzip", key: "l").status == 400)
        #expect(try post(Array(lines.utf8), "gzip", key: "m").status == 400)
        let bomb = try Programs.coded("x", "gzip.compress(bytes(50_000_000))")
        #expect(bomb.count < 100_000)
        #expect(try post(bomb, "gzip", key: "n").status == 413)
        #expect(try service.get("/analyze?device_id=a").number("total_processed") == 500)
    }

    @Test("a query may hold UTF-8 as it is")
    func readsRawQueries() throws {
        let service = try RunningService()
        #expect(try service.post("/ingest?device_id=café", "{\"cpu\":1,\"rps\":2}").status == 202)
        #expect(try service.get("/analyze?device_id=café").number("count") == 1)
        #expect(try service.get("/analyze?device_id=caf%C3%A9").number("count") == 1)
        let client = try service.connect()
        try client.write(
            Array("GET /analyze?device_id=".utf8) + [0xFF]
                + Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        #expect(try client.response().status == 400)
    }

    @Test("one bad value is one bad sample, and is counted as one")
    func countsSamples() throws {
        let service = try RunningService()
        let good = "{\"cpu\":1,\"rps\":2}"
        let bad = ["{\"cpu\":NaN,\"rps\":2}", "{\"cpu\":12,5,\"rps\":2}", "{\"cpu\":1}"]
        let body = "[" + ([good] + bad + [good]).joined(separator: ",") + "]"
        let answer = try service.post("/ingest", body)
        #expect(answer.number("accepted") == 2 && answer.number("rejected") == 3)
        // As `curl -d @file` sends a file of lines.
        let joined = try service.post("/ingest", good + good + bad[0] + good)
        #expect(joined.number("accepted") == 3 && joined.number("rejected") == 1)
        let metrics = try service.get("/metrics").body
        let rejected = metrics.split(separator: "\n")
            .filter { $0.hasPrefix("samples_rejected_total{") }
            .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
        #expect(rejected.reduce(0, +) == 4)
    }

    @Test("OPTIONS is answered with the methods, as checks of proxies and browsers ask it")
    func tellsMethods() throws {
        let service = try RunningService()
        for (path, methods) in [
            ("/ingest", "POST, OPTIONS"), ("/metrics", "GET, HEAD, POST, OPTIONS"),
            ("/analyze/", "GET, HEAD, OPTIONS"), ("/", "GET, HEAD, POST, OPTIONS"),
        ] {
            let client = try service.connect()
            for _ in 0..<2 {
                try client.write("OPTIONS \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                let answer = try client.response(isHead: true)
                #expect(answer.status == 204 && answer.headers["allow"] == methods)
                #expect(answer.headers["content-length"] == nil)
            }
        }
        #expect(try service.get("/metrics").body.contains("method=\"OPTIONS\",route=\"/ingest\""))
    }

    @Test("a connection that stays open says for how long, and one that does not says nothing")
    func tellsIdleTime() throws {
        let service = try RunningService()
        #expect(try service.get("/health").headers["keep-alive"] == "timeout=310")
        #expect(
            try service.post("/ingest", "{\"cpu\":1,\"rps\":2}").headers["keep-alive"]
                == "timeout=310")
        let last = try service.get("/health", headers: "Connection: close\r\n")
        #expect(last.headers["keep-alive"] == nil)
        let short = try RunningService(["IDLE_TIMEOUT": "700ms"])
        #expect(try short.get("/health").headers["keep-alive"] == nil)
    }
}

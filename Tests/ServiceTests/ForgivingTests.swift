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
        let gzip = try service.post("/ingest", "x", headers: "Content-Encoding: gzip\r\n")
        #expect(gzip.status == 415)
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

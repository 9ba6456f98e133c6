import Foundation
import TestSupport
import Testing

/// Samples, endpoints and errors, row by row, over a real socket.
@Suite struct EndpointTests {
    /// Of a young series.
    private let verdictFields: Set<String> = [
        "learning",
        "timestamp", "sequence", "rolling_avg", "std_dev", "z_score", "is_anomaly", "cpu_z_score",
        "score", "expected", "lower", "upper", "alert",
    ]

    @Test("POST /ingest takes the samples of the five services: 202 and the verdict")
    func ingests() throws {
        let service = try RunningService()
        let first = try service.post("/ingest", #"{"cpu": 12, "rps": 120}"#)
        #expect(first.status == 202)
        #expect(first.headers["content-type"] == "application/json")
        #expect(first.json["status"] as? String == "accepted")
        #expect(Set(first.json.keys) == verdictFields.union(["status"]))
        #expect(first.number("rolling_avg") == 120)
        let now = Date().timeIntervalSince1970
        #expect(abs((first.number("timestamp") ?? 0) - now) < 30, "no timestamp means now")
        let second = try service.post(
            "/ingest", #"{"timestamp": 1735100000, "cpu": 60.5, "rps": 2000}"#)
        #expect(second.number("timestamp") == 1_735_100_000)
        #expect(second.number("sequence") == 2)
        let third = try service.post("/ingest", #"{"timestamp":0,"cpu":50,"rps":1500}"#)
        #expect(abs((third.number("timestamp") ?? 0) - now) < 30, "0 means now")
        let fourth = try service.post(
            "/ingest", #"{"timestamp":1735100000123,"cpu":0,"rps":0,"device_id":"caf\u00e9"}"#)
        #expect(fourth.number("timestamp") == 1_735_100_000.123, "milliseconds")
        #expect(fourth.json["device_id"] as? String == "café")
        #expect(fourth.number("sequence") == 1, "a device has a series of its own")
    }

    @Test("POST /metrics answers as the IoT seeds do: 200, the metric as stored, the verdict")
    func takesMetrics() throws {
        let service = try RunningService()
        let answer = try service.post(
            "/metrics",
            #"{"timestamp": 1234567890, "cpu": 50.5, "rps": 100.0, "device_id": "device_1"}"#)
        #expect(answer.status == 200)
        #expect(answer.json["status"] as? String == "ok")
        let metric = answer.json["metric"] as? [String: Any] ?? [:]
        #expect(metric["timestamp"] as? Int == 1_234_567_890)
        #expect(metric["cpu"] as? Double == 50.5)
        #expect(metric["rps"] as? Double == 100)
        #expect(metric["device_id"] as? String == "device_1")
        let verdict = answer.json["verdict"] as? [String: Any] ?? [:]
        #expect(Set(verdict.keys) == verdictFields.union(["device_id"]))
    }

    @Test("GET /analyze and /stats carry every spelling; before the first sample zeros")
    func analyzes() throws {
        let service = try RunningService()
        let fields: Set<String> = [
            "count", "windowSize", "rollingAvg", "stdDev", "zScore", "isAnomaly", "lastRps",
            "lastCpu", "computedAt", "rolling_average", "mean", "std_dev", "anomaly_count",
            "total_processed", "anomaly_rate", "window_size", "cpu", "score", "alert",
            "alert_count",
        ]
        let empty = try service.get("/analyze")
        #expect(empty.status == 200)
        #expect(Set(empty.json.keys) == fields)
        #expect(empty.number("count") == 0)
        #expect(empty.number("anomaly_rate") == 0)
        let emptyStats = try service.get("/stats")
        #expect(emptyStats.number("avg_rps") == 0)
        for index in 1...60 {
            _ = try service.post(
                "/ingest",
                "{\"cpu\":10,\"rps\":\(index % 2 == 0 ? 110 : 90),\"timestamp\":\(60 * index)}")
        }
        // A minute after the last one: of samples that come more often one alone would not alert.
        let spike = try service.post("/ingest", #"{"cpu":10,"rps":900,"timestamp":3660}"#)
        #expect(spike.json["is_anomaly"] as? Bool == true, "a spike of 900 is one")
        #expect(spike.json["alert"] as? Bool == true)
        #expect(spike.json["reason"] as? String == "spike")
        let analysis = try service.get("/analyze")
        #expect(analysis.number("count") == 50)
        #expect(analysis.number("total_processed") == 61)
        #expect(analysis.number("anomaly_count") == 1)
        #expect(analysis.number("alert_count") == 1)
        #expect(abs((analysis.number("anomaly_rate") ?? 0) - 100.0 / 61) < 1e-9)
        #expect(analysis.number("rollingAvg") == analysis.number("rolling_average"))
        #expect((analysis.json["cpu"] as? [String: Any])?["mean"] as? Double == 10)
        let stats = try service.get("/stats")
        #expect(
            Set(stats.json.keys) == [
                "count", "avg_cpu", "avg_rps", "last_cpu", "last_rps", "last_timestamp", "z_score",
                "is_anomaly",
            ])
        #expect(stats.number("last_timestamp") == 3660)
        #expect(stats.number("avg_rps") == analysis.number("mean"))
    }

    @Test("GET /analyze of one device; 404 when it is unknown")
    func analyzesDevices() throws {
        let service = try RunningService()
        _ = try service.post("/ingest", #"{"cpu":1,"rps":5,"device_id":"a b"}"#)
        _ = try service.post("/ingest", #"{"cpu":1,"rps":15}"#)
        #expect(try service.get("/analyze?device_id=a%20b").number("mean") == 5)
        #expect(try service.get("/analyze").number("mean") == 10)
        let unknown = try service.get("/analyze?device_id=x")
        #expect(unknown.status == 404)
        #expect(unknown.headers["content-type"] == "application/problem+json")
        #expect(try service.get("/analyze?device_id=%zz").status == 400)
    }

    @Test("GET /devices lists the newest activity first, page by page")
    func listsDevices() throws {
        let service = try RunningService()
        for device in ["a", "b", "c", "d", "b"] {
            _ = try service.post("/ingest", "{\"cpu\":1,\"rps\":5,\"device_id\":\"\(device)\"}")
        }
        func names(_ response: Response) -> [String] {
            (response.json["devices"] as? [[String: Any]] ?? []).compactMap {
                $0["device_id"] as? String
            }
        }
        let first = try service.get("/devices?limit=3")
        #expect(names(first) == ["b", "d", "c"])
        #expect(first.json["next"] as? String == "c")
        #expect(names(try service.get("/devices?limit=3&after=c")) == ["a"])
        #expect(try service.get("/devices?limit=0").status == 400)
        #expect(try service.get("/devices?limit=1001").status == 400)
        #expect(try service.get("/devices?after=zzz").status == 404)
    }

    @Test("GET /anomalies lists flagged samples, newest first, by device and by alert")
    func listsAnomalies() throws {
        let service = try RunningService()
        for device in ["x", "y"] {
            var lines = (1...60).map { _ in "{\"cpu\":1,\"rps\":5,\"device_id\":\"\(device)\"}" }
            lines.append("{\"cpu\":1,\"rps\":500,\"device_id\":\"\(device)\"}")
            _ = try service.post("/ingest", lines.joined(separator: "\n"))
        }
        func devices(_ path: String) throws -> [String?] {
            let list = try service.get(path).json["anomalies"] as? [[String: Any]] ?? []
            return list.map { $0["device_id"] as? String }
        }
        #expect(try devices("/anomalies").first == "y")
        #expect(try devices("/anomalies?device_id=x") == ["x"])
        #expect(try devices("/anomalies?limit=1") == ["y"])
        #expect(try devices("/anomalies?alerts=true").contains("x"))
        #expect(try service.get("/anomalies?alerts=maybe").status == 400)
    }

    @Test("HEAD works wherever GET does; other methods are 405 with Allow; other paths 404")
    func routes() throws {
        let service = try RunningService()
        for path in [
            "/health", "/ready", "/analyze", "/stats", "/metrics", "/prometheus",
            "/metrics/prometheus", "/devices", "/anomalies",
        ] {
            #expect(try service.get(path).status == 200, "\(path)")
            let head = try service.send("HEAD \(path) HTTP/1.1\r\nHost: test\r\n\r\n")
            #expect(head.status == 200, "\(path)")
            #expect(Int(head.headers["content-length"] ?? "") ?? 0 > 0)
            let put = try service.send("PUT \(path) HTTP/1.1\r\nHost: test\r\n\r\n")
            #expect(put.status == 405)
            #expect(put.headers["allow"]?.contains("GET, HEAD") == true)
        }
        #expect(try service.get("/ingest").status == 405)
        #expect(try service.get("/ingest").headers["allow"] == "POST, OPTIONS")
        #expect(try service.get("/nothing").status == 404)
        #expect(try service.get("/").status == 404)
        #expect(try service.get("/health").json["status"] as? String == "healthy")
    }

    @Test(
        "the process stops when asked, after answering what was under way, in its head or its body",
        arguments: [20, 60])
    func drains(_ sent: Int) throws {
        let service = try RunningService()
        let client = try service.connect()
        try client.write(RunningService.post("/ingest", #"{"cpu":1,"rps":1}"#))
        #expect(try client.response().status == 202)
        let request = Array(RunningService.post("/ingest", #"{"cpu":1,"rps":2}"#).utf8)
        try client.write(Array(request[..<sent]))
        usleep(50_000)
        service.process.terminate()
        usleep(100_000)
        try client.write(Array(request[sent...]))
        let last = try client.response()
        #expect(last.status == 202)
        #expect(last.headers["connection"] == "close")
        #expect(try client.isAtEnd())
        service.process.waitUntilExit()
        #expect(service.process.terminationStatus == 0)
    }

    @Test("the program itself refuses to start on a bad value or a taken port")
    func refusesToStart() throws {
        let program = Programs.folder + "/tidemark"
        let bad = try Programs.run(program, ["--threads", "many"])
        #expect(bad.status == 64)
        #expect(bad.output == "tidemark: --threads: \"many\" is not allowed; allowed is 0 to 256\n")
        #expect(try Programs.run(program, ["--help"]).output.contains("SERIES_TTL"))
    }
}

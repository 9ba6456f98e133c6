import Foundation
import TestSupport
import Testing

/// The names and labels that Prometheus reads.
@Suite struct MetricsTests {
    /// The value of a metric with exactly these labels.
    private func value(_ name: String, _ text: String) -> Double? {
        text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            .flatMap { Double($0.dropFirst(name.count + 1)) }
    }

    @Test("every name of the contract is there, and promtool accepts the text")
    func passesPromtool() throws {
        let service = try RunningService()
        for index in 0..<30 {
            _ = try service.post("/ingest", "{\"cpu\":1,\"rps\":\(index == 29 ? 900 : 100)}")
        }
        _ = try service.post("/metrics", #"{"cpu":1,"rps":"bad"}"#)
        _ = try service.get("/nowhere")
        let answer = try service.get("/prometheus")
        let text = answer.body
        #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(value("ingest_requests_total", text) == 31)
        #expect(value("samples_total", text) == 30)
        #expect(value("anomalies_total", text) == 1)
        #expect(value("anomalies_detected_total", text) == 1)
        #expect(value("alerts_total", text) == 1)
        #expect(value("samples_rejected_total{reason=\"wrong_type\"}", text) == 1)
        let posts = "http_requests_total{method=\"POST\",route=\"/ingest\",status=\"202\"}"
        #expect(value(posts, text) == 30)
        let strays = "http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"}"
        #expect(value(strays, text) == 1)
        #expect(value("http_request_duration_seconds_count", text) == 32)
        #expect(value("current_rps", text) == 900)
        #expect((value("rolling_average_rps", text) ?? 0) > 100)
        for name in [
            "http_requests_in_flight", "http_connections", "devices", "process_cpu_seconds_total",
            "process_resident_memory_bytes", "process_open_fds", "process_max_fds",
            "process_threads", "process_start_time_seconds", "jemalloc_allocated_bytes",
            "jemalloc_resident_bytes",
        ] {
            #expect(value(name, text) != nil, "\(name)")
        }
        #expect(text.contains("tidemark_build_info{version="))
        #expect((value("process_resident_memory_bytes", text) ?? 0) > 1e6)
        let bounds = [".0005", ".001", ".0025", ".005", ".01", ".025", ".05", ".1", ".25", ".5"]
        for bound in bounds.map({ "0" + $0 }) + ["1", "2.5", "+Inf"] {
            #expect(
                text.contains("http_request_duration_seconds_bucket{le=\"\(bound)\"}"), "\(bound)")
        }
        #expect(try Programs.run("promtool", ["check", "metrics"], input: text).status == 0)
    }

    @Test("refusals of what clients ask for have their series before the first of them")
    func awaitsRefusals() throws {
        let service = try RunningService()
        let text = try service.get("/metrics").body
        for (method, route, success) in [
            ("POST", "/ingest", 202), ("POST", "/metrics", 200), ("GET", "/analyze", 200),
            ("GET", "/stats", 200), ("GET", "/devices", 200), ("GET", "/anomalies", 200),
        ] {
            for status in [success, 429, 500, 503] {
                let labels = "method=\"\(method)\",route=\"\(route)\",status=\"\(status)\""
                #expect(value("http_requests_total{\(labels)}", text) == 0, "\(labels)")
            }
        }
        #expect(!text.contains("route=\"/health\""))
        #expect(!text.contains("status=\"404\""))
    }

    @Test("OpenMetrics when Accept asks for it")
    func speaksOpenMetrics() throws {
        let service = try RunningService()
        let answer = try service.get(
            "/metrics", headers: "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n")
        #expect(
            answer.headers["content-type"]
                == "application/openmetrics-text; version=1.0.0; charset=utf-8")
        #expect(answer.body.hasSuffix("# EOF\n"))
        #expect(answer.body.contains("# TYPE samples counter\nsamples_total 0\n"))
    }

    @Test("a request whose body has not come is in flight until it is settled or gone")
    func countsInFlight() throws {
        let service = try RunningService()
        var client: RawClient? = try service.connect()
        try client?.write("POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{")
        func inFlight(becomes expected: Double) throws -> Bool {
            for _ in 0..<100 {
                let text = try service.get("/metrics").body
                if value("http_requests_in_flight", text) == expected { return true }
                usleep(10_000)
            }
            return false
        }
        #expect(try inFlight(becomes: 1))
        client = nil
        #expect(try inFlight(becomes: 0))
        _ = try service.post("/ingest", #"{"cpu":1,"rps":1}"#)
        #expect(try inFlight(becomes: 0))
    }

    @Test("no label carries a device's name or a raw path")
    func keepsLabelsBounded() throws {
        let service = try RunningService()
        _ = try service.post("/ingest", #"{"cpu":1,"rps":1,"device_id":"secret-device"}"#)
        _ = try service.get("/secret-path")
        let text = try service.get("/metrics").body
        #expect(!text.contains("secret"))
    }
}

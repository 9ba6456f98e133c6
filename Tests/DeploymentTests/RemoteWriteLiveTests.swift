import Foundation
import TestSupport
import Testing

/// A real Prometheus that writes what it scrapes. `PROMETHEUS_SECONDS` is how long it runs, three
/// times.
@Suite struct RemoteWriteLiveTests {
    private func start(_ data: String, from service: RunningService) throws -> RunningServer {
        try RunningServer("prometheus", readyAt: "/-/ready") { folder, port in
            let path = folder.appendingPathComponent("prometheus.yml")
            let text = """
                global: {scrape_interval: 1s}
                scrape_configs:
                  - job_name: tidemark
                    authorization: {credentials: r}
                    static_configs: [{targets: ["127.0.0.1:\(service.port)"], labels: {host: web}}]
                remote_write:
                  - url: http://127.0.0.1:\(service.port)/api/v1/write
                    authorization: {credentials: w}
                """
            try text.write(to: path, atomically: true, encoding: .utf8)
            return [
                "--config.file=\(path.path)", "--storage.tsdb.path=\(data)",
                "--web.listen-address=127.0.0.1:\(port)",
            ]
        }
    }

    @Test("Prometheus is restarted twice: every sample is there, once", .timeLimit(.minutes(10)))
    func losesNothing() throws {
        let data = try TemporaryFolder()
        let service = try RunningService([
            "REMOTE_WRITE_RPS": "process_open_fds", "REMOTE_WRITE_CPU": "process_threads",
            "REMOTE_WRITE_DEVICE": "host", "AUTH_TOKEN": "w", "READ_TOKEN": "r",
        ])
        let environment = ProcessInfo.processInfo.environment
        let seconds = environment["PROMETHEUS_SECONDS"].flatMap(UInt32.init) ?? 10
        var scraped: Set<Double> = []
        for _ in 0..<3 {
            let prometheus = try start(data.path, from: service)
            usleep(seconds * 1_000_000)
            let found = try prometheus.get(
                "/api/v1/query", ["query": "process_open_fds{host=\"web\"}[10m]"]
            ).body["data"]["result"].list
            for pair in found.first?["values"].list ?? [] {
                if case .scalar(let time) = pair.list.first ?? .missing,
                    let seconds = (time as? NSNumber)?.doubleValue
                {
                    scraped.insert(seconds)
                }
            }
            prometheus.stop()
        }
        #expect(scraped.count >= Int(seconds) * 3 / 2 - 3, "\(scraped.count)")
        let page = try service.get(
            "/series?device_id=web&limit=1000", headers: "Authorization: Bearer r\r\n")
        let rows = page.json["samples"] as? [[String: Any]] ?? []
        let times = rows.compactMap { $0["timestamp"] as? Double }
        #expect(Set(times).count == times.count && times == times.sorted(), "\(times)")
        #expect(
            scraped.subtracting(times).isEmpty, "\(scraped.subtracting(times)) of \(scraped.count)")
        // Prometheus may send both in two requests; then the sample is one without cpu.
        let complete = rows.count { $0["cpu"] is Double }
        #expect(complete * 10 >= rows.count * 9, "\(complete) of \(rows.count) have cpu")
    }
}

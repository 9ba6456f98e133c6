import Foundation
import TestSupport
import Testing

/// Load generators that others wrote: what they count, the service counts.
@Suite(.serialized) struct OtherClientTests {
    /// Where scripts/setup puts locust, or wherever else this machine has it; nil without one.
    static let locust: String? = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let own = root.appendingPathComponent(".build/clients/bin/locust").path
        if FileManager.default.isExecutableFile(atPath: own) { return own }
        let found = try? Programs.run("which", ["locust"])
        return found?.status == 0
            ? found?.output.trimmingCharacters(in: .whitespacesAndNewlines) : nil
    }()

    private func count(_ port: UInt16, method: String, route: String, status: Int) throws
        -> Double
    {
        let labels = "method=\"\(method)\",route=\"\(route)\",status=\"\(status)\""
        return try Programs.metric(port, "http_requests_total{\(labels)}")
    }

    @Test(
        "locust's requests are all in /metrics, by route and status",
        .enabled(if: locust != nil, "locust is not installed; scripts/setup test installs it"))
    func countsLocust() throws {
        let locust = try #require(Self.locust)
        try Programs.withService { port, _ in
            let run = try Programs.run(
                "env",
                [
                    "USER_RATE=20", "DEVICES=7", "TOKEN=t", "HOST_HEADER=a.test", locust, "-f",
                    Programs.root + "/locust/locustfile.py", "--headless", "-u", "20", "-r", "20",
                    "-t", "4s", "--stop-timeout", "20", "--host", "http://127.0.0.1:\(port)",
                    "--json",
                ])
            #expect(run.status == 0, "\(run.output)")
            let sent = try counts(run.output)
            #expect((sent["/ingest"] ?? 0) > 50, "\(run.output)")
            #expect(
                try count(port, method: "POST", route: "/ingest", status: 202) == sent["/ingest"])
            #expect(
                try count(port, method: "GET", route: "/analyze", status: 200) == sent["/analyze"])
            #expect((sent["/ingest"] ?? 0) > 4 * (sent["/analyze"] ?? 0), "9 to 1: \(sent)")
            #expect(try Programs.metric(port, "devices") == 7)
        }
    }

    /// What locust says at its end of each route, log lines around it.
    private func counts(_ output: String) throws -> [String: Double] {
        let start = try #require(output.range(of: "[\n"), "\(output)")
        let end = try #require(output.range(of: "\n]"), "\(output)")
        let text = output[start.lowerBound..<end.upperBound]
        let rows = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]]
        var counts: [String: Double] = [:]
        for row in try #require(rows) {
            #expect((row["num_failures"] as? NSNumber)?.intValue == 0, "\(row)")
            let name = try #require(row["name"] as? String)
            counts[name] = (row["num_requests"] as? NSNumber)?.doubleValue
        }
        return counts
    }

    @Test("hey's requests are all in /metrics")
    func countsHey() throws {
        try Programs.withService { port, _ in
            let url = "http://127.0.0.1:\(port)/ingest"
            let hey = try Programs.run(
                "hey", ["-n", "3000", "-c", "30", "-m", "POST", "-d", #"{"cpu":1,"rps":2}"#, url])
            #expect(hey.output.contains("[202]\t3000 responses"), "\(hey.output)")
            #expect(try count(port, method: "POST", route: "/ingest", status: 202) == 3000)
            #expect(try Programs.metric(port, "samples_total") == 3000)
        }
    }
}

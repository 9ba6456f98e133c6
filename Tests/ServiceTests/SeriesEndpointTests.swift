import Foundation
import TestSupport
import Testing

/// `GET /series` over a real socket: its answers, and what it refuses.
@Suite struct SeriesEndpointTests {
    private func verdicts(_ response: Response, _ name: String) -> [[String: Any]] {
        response.json[name] as? [[String: Any]] ?? []
    }

    /// Sends samples, a minute apart, and returns what was said of each.
    private func feed(_ service: RunningService, _ count: Int) throws -> [[String: Any]] {
        let lines = (0..<count).map { index in
            let rps = index % 37 == 36 ? 900 : 100 + index % 5
            return "{\"timestamp\":\(1_700_000_000 + 60 * index),\"cpu\":\(index % 7),"
                + "\"rps\":\(rps),\"device_id\":\"a\"}"
        }
        let answer = try service.post("/ingest?verdicts=all", lines.joined(separator: "\n"))
        #expect(answer.status == 202)
        return verdicts(answer, "verdicts")
    }

    @Test(
        "samples are told with the verdicts they got, from memory and from a file",
        arguments: ["memory", "file"])
    func tells(_ store: String) throws {
        let folder = try TemporaryFolder()
        let service = try RunningService(
            ["STORE": store == "memory" ? store : "file:\(folder.path)/a.db"])
        let said = try feed(service, 250)
        let first = try service.get("/series?device_id=a&limit=200")
        #expect(first.status == 200 && first.json["device_id"] as? String == "a")
        #expect(first.number("next") == 200)
        let second = try service.get("/series?device_id=a&limit=200&after=200")
        #expect(second.status == 200 && second.json["next"] == nil)
        let told = verdicts(first, "samples") + verdicts(second, "samples")
        #expect(told.count == 250)
        for (row, verdict) in zip(told, said) {
            for field in ["timestamp", "sequence", "z_score", "score", "lower", "upper", "alert"] {
                #expect(row[field] as? NSNumber == verdict[field] as? NSNumber, "\(field)")
            }
            #expect(row["rps"] as? Double ?? 0 >= 100 && row["cpu"] != nil)
            #expect(row["device_id"] == nil && row["refolded"] == nil)
            #expect(row["incident"] as? String == verdict["incident"] as? String)
        }
        #expect(said.contains { ($0["incident"] as? String)?.hasSuffix("-a") == true })
        let fleet = try service.get("/series?limit=1000")
        #expect(verdicts(fleet, "samples").count == 250 && fleet.json["device_id"] == nil)
    }

    @Test("times are Unix seconds or RFC 3339, both bounds included; few points keep extremes")
    func bounds() throws {
        let service = try RunningService()
        _ = try feed(service, 250)
        let unix = try service.get("/series?device_id=a&from=1700000600&to=1700001200")
        #expect(verdicts(unix, "samples").count == 11)
        let text = try service.get(
            "/series?device_id=a&from=2023-11-14T22:23:20Z&to=2023-11-14T23:33:20%2B01:00")
        #expect(text.body == unix.body)
        let few = try service.get("/series?device_id=a&points=40")
        let rows = verdicts(few, "samples")
        #expect(rows.count < 80 && rows.contains { $0["rps"] as? Int == 900 })
        let strict = try service.get("/series?device_id=a&limit=1000&alert_threshold=1000")
        #expect(!verdicts(strict, "samples").contains { $0["alert"] as? Bool == true })
        let head = try service.send("HEAD /series?device_id=a HTTP/1.1\r\nHost: test\r\n\r\n")
        #expect(head.status == 200 && head.body.isEmpty)
    }

    @Test(
        "what is not allowed is named with what is",
        arguments: [
            ("device_id=a&limit=0", "limit: allowed is 1 to 1000"),
            ("device_id=a&limit=1001", "limit: allowed is 1 to 1000"),
            ("device_id=a&points=2001", "points: allowed is 1 to 2000"),
            ("device_id=a&points=x", "points: allowed is 1 to 2000"),
            ("device_id=a&after=-1", "after: allowed is a sequence, a whole number from 0 on"),
            ("device_id=a&after=1.5", "after: allowed is a sequence, a whole number from 0 on"),
            ("from=yesterday", "from: allowed is a time in Unix seconds"),
            ("to=-5", "to: allowed is a time in Unix seconds"),
            ("alert_threshold=0", "alert_threshold: allowed is 0.1 to 1000"),
            ("alert_threshold=nan", "alert_threshold: allowed is 0.1 to 1000"),
        ])
    func refuses(_ query: String, _ detail: String) throws {
        let service = try RunningService()
        let answer = try service.get("/series?\(query)")
        #expect(answer.status == 400)
        #expect((answer.json["detail"] as? String ?? "").hasPrefix(detail), "\(answer.body)")
    }

    @Test("an unknown device is a 404, and a POST a 405")
    func knowsDevices() throws {
        let service = try RunningService()
        #expect(try service.get("/series?device_id=nobody").status == 404)
        #expect(try service.get("/series").json["samples"] as? [Int] == [])
        let answer = try service.post("/series", "{}")
        #expect(answer.status == 405 && answer.headers["allow"] == "GET, HEAD, OPTIONS")
    }
}

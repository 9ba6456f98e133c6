import Foundation
import TestSupport
import Testing

/// What Prometheus writes.
@Suite struct RemoteWriteTests {
    private func post(
        _ service: RunningService, _ body: [UInt8], coding: String? = "snappy"
    ) throws -> Response {
        let header = coding.map { "Content-Encoding: \($0)\r\n" } ?? ""
        let client = try service.connect()
        let head =
            "POST /api/v1/write HTTP/1.1\r\nHost: a\r\n\(header)Content-Length: \(body.count)\r\n\r\n"
        try client.write(Array(head.utf8) + body)
        return try client.response()
    }

    private func rows(_ service: RunningService, _ device: String) throws -> [[String: Any]] {
        let name = device.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let page = try service.get("/series?limit=1000&device_id=\(name)")
        return page.json["samples"] as? [[String: Any]] ?? []
    }

    private static let now = 1_700_000_000_000

    @Test("unset, every series is a device of its own, named by its metric and labels")
    func takesAnySeries() throws {
        let service = try RunningService()
        let long = String(repeating: "ä", count: 100)
        let body = RemoteWriteBody.message([
            (
                [("__name__", "temp"), ("a", "x\"\n"), ("b", "y")],
                [(-3.5, Self.now + 250), (4, Self.now + 1_250)]
            ),
            ([("__name__", "long"), ("a", long)], [(1, Self.now)]),
            ([("__name__", "long"), ("a", long + "b")], [(2, Self.now)]),
            (
                [("__name__", "up")],
                [(1, Self.now), (Double(bitPattern: 0x7FF0_0000_0000_0002), Self.now + 1)]
            ),
        ])
        let answer = try post(service, RemoteWriteBody.snappy(body))
        #expect(answer.status == 204 && answer.body.isEmpty, "\(answer.body)")
        let temp = try rows(service, "temp{a=\"x\\\"?\",b=\"y\"}")
        #expect(temp.map { $0["rps"] as? Double } == [-3.5, 4])
        #expect(temp.first?["timestamp"] as? Double == 1_700_000_000.25)
        #expect(try rows(service, "up").count == 1)
        let devices = try service.get("/devices").json["devices"] as? [[String: Any]] ?? []
        let names = devices.compactMap { $0["device_id"] as? String }
        #expect(
            names.count == 4 && Set(names).count == 4 && names.allSatisfy { $0.utf8.count <= 128 })
        // Not the fleet's.
        #expect(try service.get("/analyze").number("total_processed") == 0)
        // The same again is a repeat.
        #expect(try post(service, RemoteWriteBody.snappy(body)).status == 204)
        #expect(try rows(service, "up").count == 1)
        #expect(try service.get("/metrics").body.contains("samples_duplicate_total 5\n"))
    }

    @Test("two metrics are the halves of a sample, joined by device and time")
    func joins() throws {
        let service = try RunningService([
            "REMOTE_WRITE_RPS": "load", "REMOTE_WRITE_CPU": "busy", "REMOTE_WRITE_DEVICE": "host",
        ])
        let body = RemoteWriteBody.message([
            (
                [("__name__", "busy"), ("host", "a")],
                [(50, Self.now), (60, Self.now + 1_000), (70, 5)]
            ),
            (
                [("__name__", "load"), ("host", "a")],
                [(1, Self.now), (2, Self.now + 1_000), (3, Self.now + 2_000)]
            ),
            ([("__name__", "load")], [(9, Self.now)]),
            ([("__name__", "other"), ("host", "a")], [(9, Self.now)]),
        ])
        #expect(try post(service, RemoteWriteBody.snappy(body)).status == 204)
        let found = try rows(service, "a")
        #expect(found.map { $0["rps"] as? Double } == [1, 2, 3])
        #expect(found.map { $0["cpu"] as? Double } == [50, 60, nil])
        #expect(try service.get("/analyze").number("total_processed") == 4)
        let metrics = try service.get("/metrics").body
        #expect(metrics.contains("remote_write_unpaired_total 1\n"))
        #expect(metrics.contains("remote_write_ignored_total 1\n"))
    }

    @Test("what is bad is told, and the good samples are kept")
    func tellsFaults() throws {
        let service = try RunningService(["REMOTE_WRITE_RPS": "load", "MAX_BODY_BYTES": "4000"])
        let mixed = RemoteWriteBody.message([
            (
                [("__name__", "load"), ("instance", "a")],
                [(-1, Self.now), (5, Self.now), (.nan, Self.now)]
            )
        ])
        let answer = try post(service, RemoteWriteBody.snappy(mixed))
        #expect(answer.status == 400 && answer.number("accepted") == 1, "\(answer.body)")
        #expect(answer.body.contains("number 0: rps: must be"))
        #expect(try rows(service, "a").count == 1)
        let good = RemoteWriteBody.message([([("__name__", "load")], [(1, Self.now)])])
        #expect(try post(service, good, coding: nil).status == 415)
        #expect(try post(service, good, coding: "gzip").status == 415)
        #expect(try post(service, good).status == 400)
        #expect(try post(service, RemoteWriteBody.snappy(Array(good.dropLast()))).status == 400)
        #expect(try post(service, RemoteWriteBody.snappy([0x22, 1, 0x61])).status == 400)
        #expect(try post(service, RemoteWriteBody.snappy([])).status == 204)
        // Series that hold nothing, more of them than a request may have.
        let wide = try RunningService()
        let empty = [UInt8](repeating: 0x0A, count: 200_002).enumerated().map {
            $0.offset % 2 == 0 ? $0.element : 0
        }
        let many = try post(wide, RemoteWriteBody.snappy(empty))
        #expect(many.status == 400 && many.body.contains("at most 100000 series"), "\(many.body)")
        // It says that it holds more than is allowed.
        #expect(try post(service, [0xFF, 0xFF, 0xFF, 0x7F, 0]).status == 413)
        let json = try service.post("/ingest", "{}", headers: "Content-Encoding: snappy\r\n")
        #expect(json.status == 415)
    }
}

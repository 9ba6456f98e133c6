import Foundation
import TestSupport
import Testing

/// `synthetic score --feedback`: what people found out about incidents.
@Suite(.serialized) struct FeedbackTests {
    private func score(_ port: UInt16, _ more: [String] = []) throws -> (Int32, String) {
        try Programs.run(
            Programs.folder + "/synthetic",
            ["score", "--feedback", "http://127.0.0.1:\(port)"] + more)
    }

    @Test(
        "the precision of real use, of a running service, by reason, as table, JSON and threshold")
    func scores() throws {
        let folder = try TemporaryFolder()
        try Programs.withService { port, _ in
            let client = { try RawClient(port: port) }
            func post(_ path: String, _ body: String) throws -> Response {
                let client = try client()
                try client.write(
                    "POST \(path) HTTP/1.1\r\nHost: t\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
                        + body)
                return try client.response(isHead: false)
            }
            for device in ["a", "b", "c", "d+1"] {
                let lines = (0..<402).map { number in
                    let value = number > 399 ? 20 : 97 + Double(number * 7919 % 61) / 10
                    return "{\"timestamp\":\(1_700_006_400 + 300 * number),\"cpu\":20,"
                        + "\"rps\":\(value),\"device_id\":\"\(device)\"}"
                }
                #expect(
                    try post("/ingest?verdicts=none", lines.joined(separator: "\n")).status == 202)
            }
            let list = try client()
            try list.write("GET /incidents HTTP/1.1\r\nHost: t\r\n\r\n")
            let incidents =
                try list.response(isHead: false).json["incidents"] as? [[String: Any]] ?? []
            let named = incidents.filter { $0["device_id"] != nil }
            #expect(named.count == 4)
            for (number, incident) in named.prefix(3).enumerated() {
                let id = try #require(incident["id"] as? String)
                    .replacingOccurrences(of: "+", with: "%2B")
                let told = try post(
                    "/incidents/\(id)/feedback", "{\"real\":\(number < 2 ? "true" : "false")}")
                #expect(told.status == 200)
            }
            let json = folder.path + "/feedback.json"
            let markdown = folder.path + "/feedback.md"
            let (status, output) = try score(
                port, ["--json", json, "--markdown", markdown, "--slo", "feedback.precision > 60%"])
            #expect(status == 0, "\(output)")
            let all = "| all | \(incidents.count) | 2 | 1 | \(incidents.count - 3) | 66.7 % |"
            #expect(output.contains(all), "\(output)")
            #expect(try String(contentsOfFile: markdown, encoding: .utf8).contains(all))
            let data = try Data(contentsOf: URL(fileURLWithPath: json))
            let read = try JSONSerialization.jsonObject(with: data) as? [String: Double]
            #expect(read?["feedback.judged"] == 3 && read?["feedback.false_alarms"] == 1)
            #expect(try score(port, ["--slo", "feedback.precision > 70%"]).0 == 99)
        }
    }

    @Test("what is no answer, and what is no threshold, is an error that says so")
    func refuses() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil { visit.respond("{}") }
        }
        defer { server.stop() }
        let (status, output) = try score(server.port)
        #expect(status == 1 && output.contains("no list of incidents"))
        let (bad, text) = try score(server.port, ["--slo", "precision > 1"])
        #expect(bad == 64 && text.contains("feedback.precision"))
        try Programs.withService { port, _ in
            let (none, table) = try score(port, ["--slo", "feedback.precision > 10%"])
            #expect(none == 99 && table.contains("| all | 0 | 0 | 0 | 0 | – |"), "\(table)")
        }
    }
}

import Foundation
import TestSupport
import Testing

/// The same bytes to Tidemark and to a Go service of the kind that it replaces. What that one takes
/// is taken here too; each difference stands in the table with its reason.
@Suite struct GoPeerTests {
    private struct Row {
        let name: String
        var method = "POST"
        var target = "/ingest"
        var version = "1.1"
        var headers = ""
        let body: [UInt8]
        /// The statuses of the Go service and of Tidemark, and why they differ; nil where they are
        /// alike.
        var difference: (go: Int, here: Int, reason: String)?

        init(_ name: String, _ body: String, differs difference: (Int, Int, String)? = nil) {
            self.name = name
            self.body = Array(body.utf8)
            self.difference = difference
        }

        init(_ name: String, bytes: [UInt8]) {
            self.name = name
            body = bytes
        }

        func with(
            method: String = "POST", target: String = "/ingest", version: String = "1.1",
            headers: String = ""
        ) -> Row {
            var row = self
            row.method = method
            row.target = target
            row.version = version
            row.headers = headers
            return row
        }

        var request: [UInt8] {
            let length = body.isEmpty && method == "GET" ? "" : "Content-Length: \(body.count)\r\n"
            let head =
                "\(method) \(target) HTTP/\(version)\r\nHost: a\r\nConnection: close\r\n\(headers)"
                + "\(length)\r\n"
            return Array(head.utf8) + body
        }
    }

    private static let plain = "{\"timestamp\":1735100000,\"cpu\":60.5,\"rps\":2000}"
    private static let more = "more is taken here: "
    private static let less = "a guess would be judged as if it had been measured: "

    private static let rows: [Row] = [
        Row("plain", plain),
        Row("a content type of text", plain).with(headers: "Content-Type: text/plain\r\n"),
        Row("an old client", plain).with(version: "1.0"),
        Row("a coding that is none", plain).with(headers: "Content-Encoding: utf-8\r\n"),
        Row("raw UTF-8 in the query", plain).with(target: "/ingest?device_id=ä"),
        Row("another case", "{\"CPU\":1,\"Rps\":2,\"TIMESTAMP\":0}"),
        Row("an empty device", "{\"cpu\":1,\"rps\":2,\"device_id\":\"\"}"),
        Row("a device that is null", "{\"cpu\":1,\"rps\":2,\"device_id\":null}"),
        Row("no cpu", "{\"rps\":2}"),
        Row("cpu that is null", "{\"cpu\":null,\"rps\":2}"),
        Row("timestamp that is null", "{\"timestamp\":null,\"cpu\":1,\"rps\":2}"),
        Row("other fields", "{\"cpu\":1,\"rps\":2,\"x\":{\"y\":[1,null,\"\\u00e9\"]}}"),
        Row(
            "no UTF-8 in another field",
            bytes: Array("{\"rps\":2,\"x\":\"".utf8) + [0xFF] + Array("\"}".utf8)),
        Row("a number at the end of doubles", "{\"cpu\":1,\"rps\":1e308}"),
        Row("white space around", " \r\n\t\(plain)\n\n"),
        Row("something behind the object", "\(plain) x"),
        Row("NaN", "{\"cpu\":1,\"rps\":NaN}"),
        Row("a comma in a number", "{\"cpu\":1,\"rps\":12,5}"),
        Row("too large", "{\"cpu\":1,\"rps\":1e999}"),
        Row("a text for a number", "{\"cpu\":1,\"rps\":\"x\"}"),
        Row("a device that is a number", "{\"cpu\":1,\"rps\":2,\"device_id\":7}"),
        Row("no JSON", "cpu=1&rps=2"),
        Row("an object without an end", "{\"cpu\":1,\"rps\":2"),
        Row("no body", ""),
        Row("a GET", "").with(method: "GET"),
        Row("a PUT", plain).with(method: "PUT"),
        Row("another path", plain).with(target: "/nothing"),
        Row(
            "a number as text", "{\"cpu\":\"1\",\"rps\":\"2.5\"}",
            differs: (400, 202, more + "forms and shells send text")),
        Row(
            "a time with a fraction", "{\"timestamp\":1.5,\"cpu\":1,\"rps\":2}",
            differs: (400, 202, more + "clocks have fractions")),
        Row(
            "a time of RFC 3339", "{\"timestamp\":\"2026-01-02T03:04:05Z\",\"rps\":2}",
            differs: (400, 202, more + "collectors write it")),
        Row("an array", "[\(plain)]", differs: (400, 202, more + "batches")),
        Row(
            "a byte order mark", "\u{FEFF}\(plain)", differs: (400, 202, more + "editors write it")),
        Row(
            "a raw tab in another field", "{\"cpu\":1,\"rps\":2,\"x\":\"a\tb\"}",
            differs: (400, 202, more + "bytes of unknown fields are not judged")),
        Row("a slash at the end", plain, differs: (404, 202, more + "proxies add it")).with(
            target: "/ingest/"),
        Row("no rps", "{\"cpu\":1}", differs: (202, 400, less + "the load is the sample")),
        Row("nothing in it", "{}", differs: (202, 400, less + "the load is the sample")),
        Row("null", "null", differs: (202, 400, less + "no sample at all")),
        Row(
            "negative load", "{\"cpu\":1,\"rps\":-2}",
            differs: (202, 400, "a load is never negative; `value` may be")),
        Row(
            "negative cpu", "{\"cpu\":-1,\"rps\":2}",
            differs: (202, 400, "a share of processors is never negative")),
        Row(
            "a time before 1970", "{\"timestamp\":-5,\"cpu\":1,\"rps\":2}",
            differs: (202, 400, "no clock of a device says so, but a fault does")),
        Row(
            "a field twice", "{\"cpu\":1,\"rps\":2,\"rps\":3}",
            differs: (202, 400, less + "which of the two was meant")),
        Row(
            "half a character in the device", "{\"rps\":2,\"device_id\":\"\\ud800\"}",
            differs: (202, 400, "two devices would become one")),
        Row(
            "a long device", "{\"rps\":2,\"device_id\":\"\(String(repeating: "x", count: 200))\"}",
            differs: (202, 400, "names have 128 bytes")),
    ]

    @Test("Go's net/http and encoding/json take nothing that is refused here without a reason")
    func answersAsGoDoes() throws {
        let folder = try TemporaryFolder()
        let source = "\(Programs.root)/Tests/ServiceTests/GoPeer/main.go"
        let program = folder.path + "/peer"
        let built = try Programs.run(
            "env",
            [
                "GOCACHE=\(folder.path)/cache", "GO111MODULE=off", "go", "build", "-o", program,
                source,
            ])
        try #require(built.status == 0, "go: scripts/setup test; \(built.output)")
        let peer = Process()
        peer.executableURL = URL(fileURLWithPath: program)
        let output = Pipe()
        peer.standardOutput = output
        try peer.begin()
        defer {
            peer.terminate()
            peer.waitUntilExit()
        }
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let port = try #require(UInt16(line.trimmingCharacters(in: .whitespacesAndNewlines)))
        let service = try RunningService()
        for row in GoPeerTests.rows {
            var statuses: [Int] = []
            for port in [port, service.port] {
                let client = try RawClient(port: port)
                try client.write(row.request)
                statuses.append(try client.response().status)
            }
            if let difference = row.difference {
                #expect(statuses == [difference.go, difference.here], "\(row.name)")
            } else {
                #expect(statuses[0] == statuses[1], "\(row.name): \(statuses)")
            }
        }
    }
}

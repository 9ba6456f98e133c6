import Foundation
import TestSupport
import Testing

/// Clients that others wrote.
@Suite(.serialized) struct RealClientTests {
    private func samplesTotal(_ service: RunningService) throws -> Int {
        Int(try service.get("/analyze").number("total_processed") ?? -1)
    }

    @Test("curl posts, with and without chunks and a long body, over one connection")
    func servesCurl() throws {
        let service = try RunningService()
        let url = "http://127.0.0.1:\(service.port)/ingest"
        let plain = try Programs.run("curl", ["-sS", "-d", #"{"cpu":12,"rps":120}"#, url, url])
        #expect(plain.status == 0)
        #expect(plain.output.contains("\"sequence\":2"))
        let chunked = try Programs.run(
            "curl",
            ["-sS", "-H", "Transfer-Encoding: chunked", "-d", #"{"cpu":12,"rps":120}"#, url])
        #expect(chunked.output.contains("\"sequence\":3"))
        // Over a megabyte curl asks for 100 Continue first.
        let lines = String(repeating: "{\"cpu\":12,\"rps\":120}\n", count: 60_000)
        let long = try Programs.run(
            "curl", ["-sS", "--data-binary", "@-", "\(url)?verdicts=none"], input: lines)
        #expect(long.output.contains("\"accepted\":60000,\"rejected\":0"), "\(long.output)")
    }

    /// The blocks of a language in docs/clients.md, with the service's own address.
    private func documented(_ language: String, for service: RunningService) throws -> [String] {
        let path = "\(Programs.root)/docs/clients.md"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return text.components(separatedBy: "```\(language)\n").dropFirst().map { block in
            (block.components(separatedBy: "\n```").first ?? "")
                .replacingOccurrences(of: "localhost:8080", with: "127.0.0.1:\(service.port)")
                .replacingOccurrences(
                    of: "\"localhost\", 8080", with: "\"127.0.0.1\", \(service.port)")
        }
    }

    @Test("what docs/clients.md says for curl, Python and Node works as it stands")
    func servesTheDocumentedClients() throws {
        let service = try RunningService()
        let shell = try documented("sh", for: service)
        #expect(shell.count == 1)
        let (status, output) = try Programs.run("sh", ["-e", "-c", shell.first ?? ""])
        #expect(status == 0 && output.components(separatedBy: "accepted").count == 5, "\(output)")
        let python = try documented("python", for: service)
        let ran = try Programs.run("python3", ["-c", python.first ?? ""])
        #expect(ran.status == 0 && ran.output.contains("'accepted': 2"), "\(ran.output)")
        let node = try Programs.run(
            "node", ["-e", try documented("js", for: service).first ?? ""])
        #expect(node.output.contains("202"), "\(node.output)")
        let names = try service.get("/devices").json["devices"] as? [[String: Any]] ?? []
        let devices = Set(names.compactMap { $0["device_id"] as? String })
        #expect(devices.isSuperset(of: ["web-1", "web-2", "web-3", "attic"]), "\(devices)")
        // The fleet has all but the attic's degrees.
        #expect(try samplesTotal(service) == 6)
    }

    @Test("wrk gets only good answers")
    func servesWrk() throws {
        let service = try RunningService()
        let url = "http://127.0.0.1:\(service.port)/ingest"
        let script = FileManager.default.temporaryDirectory
            .appendingPathComponent("tidemark-\(service.port).lua")
        defer { try? FileManager.default.removeItem(at: script) }
        try "wrk.method=\"POST\"\nwrk.body='{\"cpu\":12,\"rps\":120}'\n".write(
            to: script, atomically: true, encoding: .utf8)
        let wrk = try Programs.run("wrk", ["-t1", "-c16", "-d1s", "-s", script.path, url])
        #expect(wrk.status == 0)
        #expect(wrk.output.contains("requests in"))
        #expect(!wrk.output.contains("Non-2xx"), "\(wrk.output)")
        #expect(!wrk.output.contains("Socket errors"), "\(wrk.output)")
    }

    @Test("hey gets only good answers, and every sample it sent is counted")
    func servesHey() throws {
        // A service of its own: what wrk left in the kernel's queues would be counted too.
        let service = try RunningService()
        let url = "http://127.0.0.1:\(service.port)/ingest"
        let hey = try Programs.run(
            "hey", ["-n", "2000", "-c", "20", "-m", "POST", "-d", #"{"cpu":60,"rps":2000}"#, url])
        #expect(hey.output.contains("[202]\t2000 responses"), "\(hey.output)")
        #expect(try samplesTotal(service) == 2000)
    }

    @Test("loadgen's labelled run and synthetic's replay give one verdict on each sample")
    func agreesWithItself() throws {
        let programs = Programs.folder
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("tidemark-replay-\(UInt32.random(in: 0...UInt32.max))").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let generated = try Programs.run(
            "\(programs)/synthetic",
            ["generate", "--suite", "default", "--seed", "4", "--out", folder])
        #expect(generated.status == 0, "\(generated.output)")
        let data = "\(folder)/default-bursty.csv"
        var totals: [[String: Double]] = []
        for batch in ["1000", "37"] {
            let service = try RunningService()
            let replayed = try Programs.run(
                "\(programs)/synthetic",
                [
                    "replay", "--target", "http://127.0.0.1:\(service.port)", "--data", data,
                    "--out", "\(folder)/verdicts.txt", "--batch", batch,
                ])
            #expect(replayed.status == 0, "\(replayed.output)")
            let scored = try Programs.run(
                "\(programs)/synthetic",
                [
                    "score", "--data", data, "--verdicts", "\(folder)/verdicts.txt",
                    "--json", "\(folder)/score.txt",
                ])
            #expect(scored.status == 0, "\(scored.output)")
            let json = try JSONSerialization.jsonObject(
                with: Data(contentsOf: URL(fileURLWithPath: "\(folder)/score.txt")))
            let total = (json as? [String: Any])?["total"] as? [String: Any]
            let alert = total?["alert"] as? [String: Any] ?? [:]
            totals.append(alert.compactMapValues { ($0 as? NSNumber)?.doubleValue })
            #expect(try samplesTotal(service) == 8064)
        }
        #expect(totals[0] == totals[1], "how samples are batched changes no verdict")
        #expect((totals[0]["accuracy"] ?? 0) > 0.7)
    }
}

import Foundation
import Glibc
import TestSupport
import Testing

@testable import LoadGen

/// Runs that end before their plan does.
@Suite(.serialized) struct EndingTests {
    @Test(
        "a signal ends a run with all its outputs, marked as interrupted",
        arguments: [SIGINT, SIGTERM])
    func endsBySignal(_ signal: Int32) throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil { visit.respond("{}") }
        }
        defer { server.stop() }
        let path = Programs.temporaryPath("")
        let files = ["json", "md", "csv"].map { "\(path).\($0)" }
        defer { for file in files { try? FileManager.default.removeItem(atPath: file) } }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Programs.folder + "/loadgen")
        process.arguments = [
            "run", "--target", "http://127.0.0.1:\(server.port)", "--rate", "100", "--duration",
            "60s", "--mix", "stats=1", "--allow-late", "--json", files[0], "--markdown", files[1],
            "--csv", files[2],
        ]
        process.standardOutput = Pipe()
        process.standardError = Pipe()
        try process.begin()
        usleep(1_500_000)
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        for file in files { #expect(FileManager.default.fileExists(atPath: file), "\(file)") }
        let json = try JSONSerialization.jsonObject(
            with: Data(contentsOf: URL(fileURLWithPath: files[0])))
        let result = try #require(json as? [String: Any])
        #expect(result["interrupted"] as? Bool == true)
        let seconds = (result["duration_s"] as? NSNumber)?.doubleValue ?? 0
        #expect(seconds > 0.5 && seconds < 30)
        #expect((result["requests"] as? Int ?? 0) > 20)
        #expect(result["unsent"] as? Int == 0)
    }

    @Test("a hopeless run ends itself, says why, and leaves its results")
    func abortsHopelessRuns() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil { visit.respond("{}", status: "500 No") }
        }
        defer { server.stop() }
        let began = Date()
        let run = try Programs.loadgen(
            server.port,
            [
                "--rate", "100", "--duration", "60s", "--mix", "stats=1", "--allow-late",
                "--abort-on", "p95 > 5s for 1s, errors > 50% for 2s",
            ])
        #expect(run.status == 1)
        #expect(run.report["aborted"] as? String == "errors > 50% for 2s", "\(run.output)")
        #expect(Date().timeIntervalSince(began) < 30)
        #expect(run.number("errors", "5xx") > 100)
        #expect(run.number("duration_s") < 30)
    }

    @Test(
        "what is no rule is refused, with the form of one",
        arguments: [
            "errors > 50%", "errors < 5% for 5s", "rps > 1 for 5s", "errors > 5% for 5", "",
        ])
    func refusesRules(_ text: String) throws {
        let run = try Programs.loadgen(1, ["--abort-on", text])
        #expect(run.status == 64)
        #expect(run.output.contains("--abort-on:"), "\(run.output)")
    }

    @Test("a rule wants its bound passed without a break")
    func countsWithoutBreak() throws {
        var rule = try #require(AbortRule("p95 >= 10ms for 2s"))
        func row(_ time: Double, _ p95: Double) -> Timeline.Row {
            Timeline.Row(
                time: time, asked: 1, sent: 1, answered: 1, ended: 1, failed: 0,
                connectFailures: 0, p50: p95, p95: p95, p99: p95, max: p95)
        }
        let values = [10, 9, 20, .nan, 10, 11, 12.0]
        var reasons: [String?] = []
        for (index, value) in values.enumerated() {
            reasons.append(rule.note(row(Double(index), value), until: Double(index + 1)))
        }
        #expect(reasons.prefix(5).allSatisfy { $0 == nil })
        #expect(reasons[5] == "p95 >= 10ms for 2s")
    }
}

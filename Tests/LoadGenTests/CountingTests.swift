import Foundation
import HTTPClient
import Options
import System
import TestSupport
import Testing

@testable import LoadGen

/// Servers that misbehave, and what the result must say of them.
@Suite(.serialized) struct CountingTests {
    private static let verdict =
        #"{"status":"accepted","z_score":0.1,"is_anomaly":false,"score":0.1,"alert":false}"#

    private func run(
        _ server: TalkingServer, _ more: [String], alsoAt second: UInt16? = nil
    ) throws -> LoadOutcome {
        defer { server.stop() }
        var flags = ["--connections", "4", "--timeout", "5s"]
        if more.contains("--connections") { flags.removeFirst(4) }
        return try Programs.loadgen(
            server.port, flags + ["--allow-late"] + more, alsoAt: second)
    }

    @Test("hints before a slow answer are not the answer")
    func waitsForFinalAnswer() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil {
                visit.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
                visit.sleep(0.3)
                visit.respond("{}")
            }
        }
        let run = try run(server, ["--rate", "10", "--duration", "1s", "--mix", "stats=1"])
        #expect(run.status == 0, "\(run.output)")
        #expect(run.number("statuses", "200") == 10)
        #expect(run.number("latency_ms", "p50") >= 299)
    }

    @Test("a redirect is an error and no success")
    func countsRedirects() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil {
                visit.respond(status: "302 Found", headers: "Location: /login\r\n")
            }
        }
        let run = try run(
            server,
            ["--rate", "50", "--duration", "1s", "--mix", "stats=1", "--slo", "errors < 1%"])
        #expect(run.status == 99)
        #expect(run.number("errors", "3xx") == 50, "\(run.output)")
        #expect(run.number("error_rate") == 1)
        #expect(run.output.contains("50 of 50 answers"), "\(run.output)")
    }

    @Test(
        "an answer to samples that holds no verdict is a bad answer, labelled or not",
        arguments: ["ingest", "metrics", "batch"])
    func wantsVerdicts(_ action: String) throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil { visit.respond("<html>Welcome</html>") }
        }
        let run = try run(server, ["--rate", "50", "--duration", "1s", "--mix", "\(action)=1"])
        #expect(run.status == 1)
        #expect(run.number("errors", "bad_answer") == 50, "\(run.output)")
        #expect(run.output.contains("holds a verdict"), "\(run.output)")
    }

    @Test("a verdict, the counts of a batch and the note of a repeat are good answers")
    func takesVerdicts() throws {
        let server = try TalkingServer { visit in
            while let request = visit.request() {
                let number = visit.number
                if request.hasPrefix("POST /ingest?verdicts=none ") {
                    visit.respond(#"{"status":"accepted","accepted":3,"rejected":0,"errors":[]}"#)
                } else if number % 2 == 0 {
                    visit.respond(CountingTests.verdict, status: "202 Accepted")
                } else {
                    visit.respond(#"{"status":"accepted","duplicate":true}"#)
                }
            }
        }
        let run = try run(
            server,
            ["--rate", "100", "--duration", "1s", "--mix", "ingest=2,batch=1", "--batch", "3"])
        #expect(run.status == 0, "\(run.output)")
        #expect(run.number("errors", "total") == 0)
    }

    @Test("--expect names the good statuses, and others are errors")
    func expectsStatuses() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil { visit.respond("fine", status: "201 Created") }
        }
        let good = try run(
            server, ["--rate", "50", "--duration", "1s", "--path", "/x", "--expect", "201"])
        #expect(good.status == 0, "\(good.output)")
        #expect(good.number("errors", "total") == 0)
        let other = try TalkingServer { visit in
            while visit.request() != nil { visit.respond("fine") }
        }
        let bad = try run(
            other, ["--rate", "50", "--duration", "1s", "--path", "/x", "--expect", "201,404"])
        #expect(bad.number("errors", "unexpected_status") == 50, "\(bad.output)")
        #expect(try Programs.loadgen(1, ["--expect", "2xx"]).status == 64)
    }

    @Test("with one of two targets dead every request is answered and none failed")
    func tellsConnectionsFromRequests() throws {
        let dead = try TalkingServer { _ in }
        dead.stop()
        let server = try TalkingServer { visit in
            while visit.request() != nil { visit.respond("{}") }
        }
        let run = try run(
            server, ["--rate", "250", "--duration", "2s", "--mix", "stats=1"], alsoAt: dead.port)
        #expect(run.status == 0, "\(run.output)")
        #expect(run.number("requests") == 500)
        #expect(run.number("errors", "total") == 0)
        #expect(run.number("error_rate") == 0)
        #expect(run.number("connecting", "made") == 2)
        let refused = run.number("connecting", "failures", "refused")
        #expect(refused >= 10 && refused == run.number("connecting", "failures", "total"))
        #expect(run.number("connecting", "tried") == refused + 2)
        #expect(run.number("addresses") == 2)
    }

    @Test("a process that may open few descriptors says so")
    func namesDescriptorLimit() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil { visit.respond("{}") }
        }
        defer { server.stop() }
        let json = Programs.temporaryPath(".json")
        defer { try? FileManager.default.removeItem(atPath: json) }
        let run = try Programs.run(
            "bash",
            [
                "-c",
                "ulimit -n 24; exec '\(Programs.folder)/loadgen' run --target "
                    + "http://127.0.0.1:\(server.port) --rate 50 --duration 1s --mix stats=1 "
                    + "--connections 40 --allow-late --json '\(json)'",
            ])
        let text = try String(contentsOfFile: json, encoding: .utf8)
        #expect(text.contains(#""no_descriptor":"#), "\(run.output)")
    }

    @Test("latency of good answers stands by itself, and so does that of each action")
    func tellsGoodFromBad() throws {
        let server = try TalkingServer { visit in
            while let request = visit.request() {
                if request.hasPrefix("GET /stats ") {
                    visit.respond("{}", status: "500 No")
                } else {
                    visit.sleep(0.1)
                    visit.respond("{}")
                }
            }
        }
        let run = try run(
            server, ["--rate", "40", "--duration", "2s", "--mix", "stats=1,analyze=1"])
        #expect(run.number("latency_good_ms", "p50") >= 99, "\(run.output)")
        #expect(run.number("actions", "analyze", "latency_ms", "p50") >= 99)
        #expect(run.number("actions", "analyze", "errors") == 0)
        let failed = run.number("actions", "stats", "requests")
        #expect(failed > 0 && run.number("actions", "stats", "errors") == failed)
        #expect(run.number("errors", "5xx") == failed)
        #expect(run.number("latency_good_ms", "mean") > run.number("latency_ms", "mean"))
    }

    @Test("every step of a plan has its own figures")
    func tellsSteps() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil { visit.respond("{}") }
        }
        let run = try run(server, ["--steps", "20,60x1s", "--mix", "stats=1"])
        let steps = run.report["steps"] as? [[String: Any]] ?? []
        #expect(steps.count == 2, "\(run.output)")
        #expect(steps.map { $0["requests"] as? Int } == [20, 60])
        #expect(steps.map { $0["start_rps"] as? Int } == [20, 60])
        #expect(steps.allSatisfy { $0["errors"] as? Int == 0 && $0["latency_ms"] != nil })
    }

    @Test("what the end cut short is told from what took too long")
    func tellsCutFromTimeout() throws {
        let server = try TalkingServer { visit in
            // The first connection's requests are answered, the others' never.
            while visit.request() != nil {
                if visit.number == 0 { visit.respond("{}") } else { visit.sleep(2) }
            }
        }
        let run = try run(
            server,
            [
                "--rate", "20", "--duration", "1s", "--mix", "stats=1", "--connections", "2",
                "--timeout", "600ms",
            ])
        #expect(run.number("errors", "timeout") >= 1, "\(run.output)")
        let ended = run.number("requests") + run.number("cut") + run.number("unsent")
        #expect(ended == 20, "\(run.output)")
    }

    @Test("an IPv6 address is a target", .enabled(if: CountingTests.hasIPv6))
    func sendsOverIPv6() throws {
        try Programs.withService { port, _ in
            let run = try Programs.loadgen(
                1, ["--rate", "50", "--duration", "1s", "--allow-late"],
                at: "http://[::1]:\(port)")
            #expect(run.status == 0 && run.number("requests") == 50, "\(run.output)")
        }
    }

    private static let hasIPv6 =
        (try? String(contentsOfFile: "/proc/net/if_inet6", encoding: .utf8))?
        .contains("00000000000000000000000000000001") ?? false

    @Test("connections begin at all addresses of a name, and go on to the next when one refuses")
    func triesAddresses() throws {
        let server = try TalkingServer { visit in
            while visit.request() != nil { visit.respond("{}") }
        }
        defer { server.stop() }
        // The server listens on 127.0.0.1 alone, so nobody does on the other address.
        let endpoints = try ["127.0.0.2", "127.0.0.1"].map {
            try SocketAddress.resolveAll(host: $0, port: server.port)[0]
        }
        for keepAlive in ["on", "off"] {
            var options = try Options(
                [
                    "--target", "http://two.test:\(server.port)", "--rate", "40", "--duration",
                    "1s", "--mix", "stats=1", "--connections", "4", "--keep-alive", keepAlive,
                ], switches: [])
            let plan = try Plan(&options)
            let resolve: LoadRun.Resolver = {
                (_: String, _: UInt16) throws(ResolveError) -> [SocketAddress] in endpoints
            }
            var view = LiveView(Console(isQuiet: true))
            let measured = try LoadRun(plan, resolve: resolve).execute(showing: &view)
            let recorder = measured.recorder
            #expect(recorder.requests == 40 && recorder.failed == 0)
            #expect(measured.addresses == 2)
            // Each of the two that began at the wrong address went on once, and stayed there.
            #expect(recorder.connectFailures[ConnectFailure.refused.rawValue] == 2)
            #expect(recorder.connectionsMade == (keepAlive == "on" ? 4 : 40))
        }
    }
}

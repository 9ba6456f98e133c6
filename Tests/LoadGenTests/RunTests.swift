import Foundation
import Glibc
import TestSupport
import Testing

/// The program itself against real servers, good and bad.
@Suite(.serialized) struct RunTests {
    @Test("at a fixed rate it sends what it says, and the service has counted the same")
    func countsWhatItSends() throws {
        try Programs.withService { port, _ in
            let run = try Programs.loadgen(
                port,
                [
                    "--rate", "500", "--duration", "2s", "--connections", "8", "--devices", "10",
                    "--mix", "ingest=1", "--allow-late", "--slo", "errors < 0.1%",
                ])
            #expect(run.status == 0, "\(run.output)")
            #expect(abs(run.number("requests") - 1000) <= 1)
            #expect(run.number("errors", "total") == 0)
            #expect(try Programs.metric(port, "samples_total") == run.number("requests"))
            #expect(try Programs.metric(port, "devices") == 10)
        }
    }

    @Test("a server that stalls shows in the latency, though only few requests saw it")
    func omitsNothing() throws {
        try Programs.withService { port, pid in
            let stall = Thread {
                usleep(1_000_000)
                kill(pid, SIGSTOP)
                usleep(500_000)
                kill(pid, SIGCONT)
            }
            stall.start()
            let run = try Programs.loadgen(
                port, ["--rate", "200", "--duration", "2s", "--connections", "4", "--allow-late"])
            // A quarter of the requests were due while nothing answered; four of them had been
            // sent.
            #expect(run.number("latency_ms", "p90") > 150, "\(run.output)")
            #expect(run.number("service_time_ms", "p90") < 150, "\(run.output)")
            #expect(run.number("latency_ms", "max") > 350)
            #expect(run.number("requests") >= 395)
        }
    }

    @Test("refused requests are counted by kind, and a threshold that fell short is 99")
    func countsRefusals() throws {
        try Programs.withService(["AUTH_TOKEN": "x"]) { port, _ in
            let run = try Programs.loadgen(
                port,
                [
                    "--rate", "200", "--duration", "1s", "--mix", "ingest=1,analyze=0",
                    "--allow-late", "--slo", "errors < 1%",
                ])
            #expect(run.status == 99, "\(run.output)")
            #expect(run.number("errors", "4xx") == run.number("requests"))
            #expect(run.output.contains("FAIL     errors < 1%"))
            let right = try Programs.loadgen(
                port, ["--rate", "200", "--duration", "1s", "--token", "x", "--allow-late"])
            #expect(right.number("errors", "total") == 0)
        }
    }

    @Test("a dead target, one that never answers and a wrong path each end in a clear line")
    func survivesDeadTargets() throws {
        let (listener, port) = try ScriptedServer.listening()
        let silent = try Programs.loadgen(
            port,
            [
                "--rate", "50", "--duration", "1s", "--connections", "2", "--timeout", "300ms",
                "--allow-late",
            ])
        #expect(silent.status == 1)
        #expect(silent.number("errors", "timeout") > 0)
        #expect(silent.output.contains("accepts connections and is silent"), "\(silent.output)")
        // A request that was given up was waited for that long, and counts as such.
        #expect(silent.number("latency_ms", "p50") >= 299)
        close(listener)
        let dead = try Programs.loadgen(port, ["--rate", "50", "--duration", "60s"])
        #expect(dead.status == 1)
        #expect(dead.output.contains("no request was answered"))
        #expect(dead.output.contains("refused"), "\(dead.output)")
        #expect(dead.number("connecting", "failures", "refused") > 0)
        #expect(dead.number("errors", "total") == 0)
        try Programs.withService { port, _ in
            let lost = try Programs.run(
                "\(Programs.folder)/loadgen",
                [
                    "run", "--target", "http://127.0.0.1:\(port)/nowhere", "--rate", "50",
                    "--duration", "1s",
                ])
            #expect(lost.status == 1)
            #expect(lost.output.contains("were 404; is the path right?"), "\(lost.output)")
        }
    }

    @Test("what the scenario says is what the service has counted", arguments: ["on", "off"])
    func keepsScenario(_ keepAlive: String) throws {
        try Programs.withService { port, _ in
            let run = try Programs.loadgen(
                port,
                [
                    "--rate", "400", "--duration", "2s", "--connections", "8", "--threads", "2",
                    "--mix", "ingest=4,batch=3,analyze=2,stats=1", "--batch", "20", "--devices",
                    "30", "--spread", "sticky", "--keep-alive", keepAlive, "--allow-late",
                    "--spacing", "poisson",
                ])
            #expect(run.status == 0, "\(run.output)")
            func count(method: String, route: String, status: Int) throws -> Double {
                try Programs.metric(
                    port,
                    "http_requests_total{method=\"\(method)\",route=\"\(route)\",status=\"\(status)\"}"
                )
            }
            let posts = try count(method: "POST", route: "/ingest", status: 202)
            let analyses = try count(method: "GET", route: "/analyze", status: 200)
            let statistics = try count(method: "GET", route: "/stats", status: 200)
            #expect(posts + analyses + statistics == run.number("requests"))
            #expect(analyses > statistics && posts > analyses)
            #expect(try Programs.metric(port, "devices") == 30)
            let samples = try Programs.metric(port, "samples_total")
            #expect(samples > posts && samples < posts * 20)
        }
    }

    @Test("every second is in the timeline, in the JSON and in the CSV")
    func keepsTime() throws {
        try Programs.withService { port, _ in
            let csv = Programs.temporaryPath(".csv")
            defer { try? FileManager.default.removeItem(atPath: csv) }
            let run = try Programs.loadgen(
                port,
                [
                    "--steps", "100,300x1s", "--warmup", "500ms", "--threads", "2", "--csv", csv,
                    "--allow-late",
                ])
            #expect(run.status == 0, "\(run.output)")
            let timeline = run.report["timeline"] as? [String: [Double]] ?? [:]
            let asked = timeline["asked_rps"] ?? []
            #expect(asked == [100, 100, 100, 100, 300, 300, 300, 300])
            let sent = (timeline["sent_rps"] ?? []).reduce(0) { $0 + $1 * 0.25 }
            // Where an answer came after the end the last row is of a longer time.
            #expect(abs(sent - 400) <= 5)
            let answered = (timeline["answered_rps"] ?? []).reduce(0) { $0 + $1 * 0.25 }
            #expect(abs(answered - 400) <= 5)
            #expect(run.number("requests") == 400)
            let rows = try String(contentsOfFile: csv, encoding: .utf8).split(separator: "\n")
            #expect(rows.count == 9)
            #expect(rows[0].hasPrefix("time_s,asked_rps"))
        }
    }

    @Test("of several targets each gets its share")
    func sharesTargets() throws {
        try Programs.withService { one, _ in
            try Programs.withService { two, _ in
                let run = try Programs.loadgen(
                    one,
                    [
                        "--rate", "200", "--duration", "1s", "--connections", "4", "--mix",
                        "ingest=1", "--allow-late",
                    ], alsoAt: two)
                #expect(run.status == 0, "\(run.output)")
                let counts = try [one, two].map { try Programs.metric($0, "samples_total") }
                #expect(counts[0] + counts[1] == 200)
                // Free connections take turns, so neither target waits for the other.
                #expect(counts.allSatisfy { $0 > 60 }, "\(counts)")
            }
        }
    }

    @Test(
        "a wrong flag is named",
        arguments: ["--rat", "--mix=ingest", "--rate=0", "--target=ftp://x", "--ramp=1..2"])
    func namesWrongFlags(_ flag: String) throws {
        let run = try Programs.loadgen(1, [flag])
        #expect(run.status == 64)
        #expect(run.output.contains(flag.split(separator: "=")[0]), "\(run.output)")
    }
}

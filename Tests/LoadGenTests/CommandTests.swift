import Foundation
import Signals
import TestSupport
import Testing

/// What the commands say to those that call them: exit statuses and lines.
@Suite(.serialized) struct CommandTests {
    private func write(_ json: String) throws -> String {
        let path = Programs.temporaryPath(".json")
        try json.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private func loadgen(_ arguments: [String]) throws -> (status: Int32, output: String) {
        try Programs.run(Programs.folder + "/loadgen", arguments)
    }

    @Test("find-max is 99 when no rate holds, and decides the rate itself")
    func findsNothing() throws {
        try Programs.withService { port, _ in
            let run = try Programs.loadgen(
                port,
                [
                    "--slo", "p95 < 0us", "--step", "300ms", "--start", "40", "--min", "20",
                    "--duration", "1s", "--allow-late",
                ], command: "find-max")
            #expect(run.status == 99, "\(run.output)")
            #expect(run.report["max_rps"] is NSNull)
            #expect(run.output.contains("No rate held"))
            let wrong = try Programs.loadgen(port, ["--rate", "5"], command: "find-max")
            #expect(wrong.status == 64)
            #expect(wrong.output.contains("find-max decides the rate itself"))
        }
    }

    @Test("show makes the report of a run that happened elsewhere, and of nothing else")
    func showsRuns() throws {
        let page = Programs.temporaryPath(".md")
        let other = try write(#"{"max_rps":10}"#)
        let cut = try write(#"{"kind":"run","target":1}"#)
        defer {
            for path in [page, other, cut] { try? FileManager.default.removeItem(atPath: path) }
        }
        try Programs.withService { port, _ in
            let result = Programs.temporaryPath(".json")
            defer { try? FileManager.default.removeItem(atPath: result) }
            _ = try loadgen([
                "run", "--target", "http://127.0.0.1:\(port)", "--rate", "200", "--duration",
                "1s", "--allow-late", "--json", result,
            ])
            let shown = try loadgen(["show", result, "--markdown", page])
            #expect(shown.status == 0, "\(shown.output)")
            #expect(shown.output.contains("of 200/s asked"))
            let text = try String(contentsOfFile: page, encoding: .utf8)
            #expect(text.hasPrefix("# Load test: 200/s for 1 s\n\nNo objective was set."))
            #expect(text.contains("| 200 RPS | 200 |"))
        }
        #expect(try loadgen(["show", other]).output.contains("is not the result of a run"))
        #expect(try loadgen(["show", cut]).output.contains("json: target: expected a text"))
        #expect(try loadgen(["show", page + "-not-there"]).status == 1)
        #expect(try loadgen(["show"]).status == 64)
    }

    @Test("a flag that nobody knows is said to be so, and one without its value too")
    func namesLastFlags() throws {
        let target = ["run", "--target", "http://127.0.0.1:1"]
        #expect(
            try loadgen(target + ["--bogus"]).output
                == "loadgen: --bogus: unknown flag; see --help\n")
        #expect(try loadgen(target + ["--rate"]).output == "loadgen: --rate: a value is missing\n")
        #expect(try loadgen(["run", "--target"]).output.contains("--target: a value is missing"))
    }

    @Test("a token in the environment is sent, and one that is wrong is told by its status")
    func sendsToken() throws {
        try Programs.withService(["AUTH_TOKEN": "s3cret"]) { port, _ in
            func run(_ token: String) throws -> (status: Int32, output: String) {
                try Programs.run(
                    "env",
                    [
                        "TOKEN=\(token)", Programs.folder + "/loadgen", "run", "--target",
                        "http://127.0.0.1:\(port)", "--rate", "100", "--duration", "1s", "--mix",
                        "ingest=100", "--allow-late", "--slo", "errors <= 0%",
                    ])
            }
            #expect(try run("s3cret").status == 0)
            let refused = try run("guess")
            #expect(refused.status != 0 && refused.output.contains("401"))
            #expect(!refused.output.contains("guess"))
        }
    }

    @Test("one labelled run tells rate, latency and the verdicts' quality together")
    func judgesVerdicts() throws {
        try Programs.withService { port, _ in
            let run = try Programs.loadgen(
                port,
                [
                    "--labelled", "default", "--rate", "3000", "--duration", "60s", "--mix",
                    "ingest=95,stats=5", "--threads", "2", "--allow-late", "--slo",
                    "accuracy.alert.accuracy > 0.98, accuracy.alert.fpr < 0.2%, p95 < 10s",
                ])
            #expect(run.status == 0, "\(run.output)")
            let accuracy = run.report["accuracy"] as? [String: Any] ?? [:]
            let suite = Suite.standard.series(seed: 1)
            let samples = suite.reduce(0) { $0 + $1.samples.count }
            #expect((accuracy["samples"] as? NSNumber)?.intValue == samples)
            #expect((accuracy["series"] as? NSNumber)?.intValue == suite.count)
            #expect(run.number("latency_ms", "p95") > 0)
            // Samples of a series follow each other in order, so the service has counted each.
            #expect(try Programs.metric(port, "samples_total") == Double(samples))
            #expect(try Programs.metric(port, "devices") == Double(suite.count))
        }
    }

    @Test("a rate beyond the machine is said to be so, and is no result")
    func admitsItsLimit() throws {
        try Programs.withService { port, _ in
            let run = try Programs.loadgen(
                port, ["--rate", "5000000", "--duration", "1s", "--timeout", "1s"])
            #expect(run.status == 1)
            #expect(run.output.contains("asked for 5000000 requests a second, reached"))
            #expect(run.output.contains("NOT VOUCHED FOR"))
        }
    }
}

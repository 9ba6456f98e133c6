import Bytes
import Foundation
import Report
import TestSupport
import Testing

/// Commands that decide by results: gate, compare, and the objectives of a run.
@Suite(.serialized) struct DecisionTests {
    /// Runs `body` with a folder that is gone afterwards.
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = Programs.temporaryPath("-results")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func write(_ node: JSONNode, to path: String) throws {
        try String(node.line.readable).write(toFile: path, atomically: true, encoding: .utf8)
    }

    private func loadgen(_ arguments: [String]) throws -> (status: Int32, output: String) {
        try Programs.run(Programs.folder + "/loadgen", arguments)
    }

    /// A run that took so long in the middle, and began then.
    private func run(p50: Double = 10, at time: Double = 0) -> RunResult {
        var run = RunResult()
        run.plan.load = "100/s for 5 s"
        run.startedAt = 1_764_120_000 + time
        run.requests = 500
        run.achievedRate = 100
        run.latency.p50 = p50
        run.latency.p95 = 2 * p50
        run.latency.p99 = 3 * p50
        return run
    }

    @Test("gate is 0, 99 or 1: held, fell short or was not measured, could not be read")
    func gates() throws {
        try withFolder { folder in
            let (result, thresholds) = (folder + "/a.json", folder + "/thresholds")
            try write(run().json, to: result)
            try "a.p95 < 25ms\n".write(toFile: thresholds, atomically: true, encoding: .utf8)
            #expect(try loadgen(["gate", thresholds, "a=\(result)"]).status == 0)
            #expect(try loadgen(["gate", thresholds, "b=\(result)"]).status == 99)
            #expect(try loadgen(["gate", thresholds, "a=/nowhere"]).status == 1)
            #expect(try loadgen(["gate", thresholds]).status == 64)
            #expect(try loadgen(["gate", result, "a=\(result)"]).status == 1)
            let junit = folder + "/junit.xml"
            let short = try loadgen(["gate", thresholds, "b=\(result)", "--junit", junit])
            #expect(short.output.contains("MISSING  a.p95 < 25ms"), "\(short.output)")
            let text = try String(contentsOfFile: junit, encoding: .utf8)
            #expect(text.contains("tests=\"2\" failures=\"1\""), "\(text)")
            #expect(
                text.contains("<testcase classname=\"\(thresholds)\" name=\"a.p95 &lt; 25ms\">"))
        }
    }

    @Test("gate decides nothing by a run that can't be relied on, whatever its numbers")
    func refusesDoubtfulRuns() throws {
        var late = run()
        late.complaints = ["this machine cannot keep the plan"]
        var cut = run()
        cut.isInterrupted = true
        var aborted = run()
        aborted.abort = "errors > 50% for 5 s"
        var search = SearchResult()
        search.rate = 10
        search.confirmation = late
        let files = [
            late.json, cut.json, aborted.json, RunSet([run(), late]).json, search.json,
        ]
        let reasons = ["cannot keep", "interrupted", "errors > 50%", "cannot keep", "cannot keep"]
        try withFolder { folder in
            let (result, thresholds) = (folder + "/a.json", folder + "/thresholds")
            try "a.kept <= 1\n".write(toFile: thresholds, atomically: true, encoding: .utf8)
            for (file, reason) in zip(files, reasons) {
                try write(file, to: result)
                let name = file["max_rps"] == nil ? "a.p95 < 25ms" : "a.max_rps > 1"
                try name.write(toFile: thresholds, atomically: true, encoding: .utf8)
                let refused = try loadgen(["gate", thresholds, "a=\(result)"])
                #expect(refused.status == 1, "\(reason): \(refused.output)")
                #expect(refused.output.contains(reason), "\(refused.output)")
                #expect(try loadgen(["gate", thresholds, "a=\(result)", "--force"]).status == 0)
            }
        }
    }

    @Test("a server that dies while the load goes on leaves a result that no gate takes")
    func refusesDeadServer() throws {
        try withFolder { folder in
            let (result, thresholds) = (folder + "/a.json", folder + "/thresholds")
            try "a.p50 < 10s\na.achieved_rps > 1\n".write(
                toFile: thresholds, atomically: true, encoding: .utf8)
            let server = try ScriptedServer()
            let stop = Thread {
                usleep(700_000)
                server.stop()
            }
            stop.start()
            let dead = try loadgen([
                "run", "--target", "http://127.0.0.1:\(server.port)", "--rate", "100",
                "--duration", "3s", "--timeout", "500ms", "--mix", "stats=1", "--json", result,
            ])
            #expect(dead.status == 1, "\(dead.output)")
            let gate = try loadgen(["gate", thresholds, "a=\(result)"])
            #expect(gate.status == 1 && gate.output.contains("refused"), "\(gate.output)")
        }
    }

    @Test("compare is 99 when alternating runs got worse, and pairs them by their times")
    func compares() throws {
        let noise = [0.0, 0.05, -0.03, 0.02, -0.04]
        func side(_ slowness: Double, offset: Double) -> RunSet {
            RunSet(
                noise.enumerated().map {
                    run(p50: 10 * slowness + $1, at: Double($0 * 20) + offset)
                })
        }
        try withFolder { folder in
            let (before, after) = (folder + "/before.json", folder + "/after.json")
            try write(side(1, offset: 0).json, to: before)
            try write(side(1.2, offset: 10).json, to: after)
            let worse = try loadgen(["compare", before, after, "--markdown", folder + "/c.md"])
            #expect(worse.status == 99, "\(worse.output)")
            #expect(worse.output.contains("WORSE        latency_ms.p50"), "\(worse.output)")
            #expect(worse.output.contains("in turn, compared pair by pair"))
            let page = try String(contentsOfFile: folder + "/c.md", encoding: .utf8)
            #expect(page.contains("| **worse** |"))
            let better = try loadgen(["compare", after, before])
            #expect(better.status == 0 && better.output.contains("BETTER       latency_ms.p50"))
            let same = try loadgen(["compare", before, before])
            #expect(same.status == 0 && same.output.contains("SAME         latency_ms.p50"))
            #expect(try loadgen(["compare", before, after, "--margin", "0.3"]).status == 0)
            #expect(try loadgen(["compare", before]).status == 64)
            #expect(try loadgen(["compare", before, "/nowhere"]).status == 1)
        }
    }

    @Test("compare takes folders and lists of files, and refuses what does not belong together")
    func refusesStrangers() throws {
        try withFolder { folder in
            let sides = ["before", "after"].map { "\(folder)/\($0)" }
            for (index, side) in sides.enumerated() {
                try FileManager.default.createDirectory(
                    atPath: side, withIntermediateDirectories: true)
                for number in 0..<3 {
                    try write(
                        run(at: Double(number * 20 + index)).json, to: "\(side)/\(number).json")
                }
            }
            let folders = try loadgen(["compare"] + sides)
            #expect(folders.status == 0 && folders.output.contains("3 and 3 runs"))
            let list = try loadgen([
                "compare", "\(sides[0])/0.json,\(sides[0])/1.json", "\(sides[1])/0.json",
            ])
            #expect(list.status == 0 && list.output.contains("CANNOT TELL"), "\(list.output)")
            #expect(list.output.contains("--repeat"))
            var other = run()
            other.plan.load = "200/s for 5 s"
            try write(other.json, to: sides[1] + "/0.json")
            let plans = try loadgen(["compare"] + sides)
            #expect(plans.status == 1 && plans.output.contains("differ in their plan: load"))
            #expect(try loadgen(["compare", "--force"] + sides).status == 0)
            other = run()
            other.machine.processors = 64
            try write(other.json, to: sides[1] + "/0.json")
            #expect(try loadgen(["compare"] + sides).output.contains("machines of different"))
            other = run()
            other.complaints = ["late"]
            try write(other.json, to: sides[1] + "/0.json")
            #expect(try loadgen(["compare"] + sides).output.contains("after: late"))
            try write(.object([]), to: sides[1] + "/0.json")
            #expect(try loadgen(["compare"] + sides).output.contains("is no result of run"))
        }
    }

    @Test(
        "what can be known to be wrong is said before anything is sent",
        arguments: [
            (["--slo", "p59 < 5ms"], "a result has no p59"),
            (["--slo", "errors.timout == 0"], "a result has no errors.timout"),
            (["--slo", "accuracy.alert.fpr < 1%"], "a result has no accuracy.alert.fpr"),
            (["--json", "/nowhere/a.json"], "--json: /nowhere/a.json: open"),
            (["--markdown", "/"], "--markdown: /: open"),
            (["--svg", "/nowhere/a"], "--svg: /nowhere/a-timeline.svg: open"),
            (["--repeat", "2", "--csv", "/tmp/a.csv"], "--csv: shows one run"),
            (["--server-pid", "4194304"], "--server-pid: there is no process"),
        ])
    func checksBefore(_ flags: [String], _ problem: String) throws {
        let run = try loadgen(["run", "--target", "http://127.0.0.1:1"] + flags)
        #expect(run.status == 64)
        #expect(run.output.contains(problem), "\(run.output)")
    }

    @Test("p99.9 is p999, and the verdict is in the JSON, the Markdown and on the terminal")
    func storesVerdict() throws {
        try withFolder { folder in
            let server = try ScriptedServer()
            defer { server.stop() }
            let run = try Programs.loadgen(
                server.port,
                [
                    "--rate", "100", "--duration", "1s", "--mix", "stats=1", "--allow-late",
                    "--slo", "p99.9 < 10s, p50 < 0ms", "--markdown", folder + "/a.md",
                    "--junit", folder + "/a.xml", "--prometheus", folder + "/a.prom",
                    "--server-pid", String(ProcessInfo.processInfo.processIdentifier),
                ])
            #expect(run.status == 99, "\(run.output)")
            #expect(run.output.contains("PASS     p99.9 < 10s"), "\(run.output)")
            #expect(run.output.contains("FAIL     p50 < 0ms"))
            let slo = run.report["slo"] as? [String: Any]
            #expect(slo?["held"] as? Bool == false)
            #expect(
                (slo?["thresholds"] as? [[String: Any]])?.first?["outcome"] as? String == "held")
            #expect(run.number("server_cpu_us") >= 0)
            let page = try String(contentsOfFile: folder + "/a.md", encoding: .utf8)
            #expect(page.contains("\n**FAILED:** `p50 < 0ms` measured"), "\(page)")
            let junit = try String(contentsOfFile: folder + "/a.xml", encoding: .utf8)
            #expect(junit.contains("failures=\"1\""), "\(junit)")
            let metrics = try String(contentsOfFile: folder + "/a.prom", encoding: .utf8)
            let check = try Programs.run("promtool", ["check", "metrics"], input: metrics)
            #expect(check.status == 0, "\(check.output)")
            #expect(metrics.contains("loadgen_objectives_held 0\n"))
        }
    }

    @Test("with --json - standard output holds the JSON and nothing else")
    func writesJSONAlone() throws {
        let server = try ScriptedServer()
        defer { server.stop() }
        for command in ["run", "find-max"] {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: Programs.folder + "/loadgen")
            process.arguments = [
                command, "--target", "http://127.0.0.1:\(server.port)", "--mix", "stats=1",
                "--duration", "1s", "--allow-late", "--json", "-",
            ]
            if command == "find-max" {
                process.arguments? += ["--max", "100", "--start", "100", "--step", "300ms"]
            } else {
                process.arguments? += ["--rate", "100"]
            }
            let (output, errors) = (Pipe(), Pipe())
            process.standardOutput = output
            process.standardError = errors
            try process.begin()
            let data = output.fileHandleForReading.readDataToEndOfFile()
            let said = errors.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
            #expect(object?["kind"] as? String == command)
            #expect(!said.isEmpty)
        }
    }

    @Test("repeated runs stand in one file, and a gate takes their middle")
    func repeats() throws {
        try withFolder { folder in
            let server = try ScriptedServer()
            defer { server.stop() }
            let run = try Programs.loadgen(
                server.port,
                [
                    "--rate", "100", "--duration", "500ms", "--mix", "stats=1", "--allow-late",
                    "--repeat", "3",
                ])
            #expect(run.status == 0, "\(run.output)")
            let runs = run.report["runs"] as? [[String: Any]] ?? []
            #expect(runs.count == 3)
            let starts = runs.compactMap { ($0["started_at"] as? NSNumber)?.doubleValue }
            #expect(starts == starts.sorted() && Set(starts).count == 3)
            let three = RunSet([self.run(p50: 1), self.run(p50: 50), self.run(p50: 2)])
            let (result, thresholds) = (folder + "/a.json", folder + "/thresholds")
            try write(three.json, to: result)
            try "a.p50 == 2".write(toFile: thresholds, atomically: true, encoding: .utf8)
            #expect(try loadgen(["gate", thresholds, "a=\(result)"]).status == 0)
        }
    }
}

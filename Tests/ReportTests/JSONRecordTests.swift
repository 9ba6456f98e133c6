import Bytes
import Report
import Testing

private func node(_ json: String) throws -> JSONNode { try JSONNode(file: Array(json.utf8).span) }

@Suite struct JSONNodeTests {
    @Test("what was written is what is read, whatever the texts")
    func readsBack() throws {
        let tree = JSONNode.object([
            JSONNode.Member("number", .number(0.1)), JSONNode.Member("whole", .number(-7)),
            JSONNode.Member("yes", .boolean(true)),
            JSONNode.Member("text", .text("a \"quoted\"\n\u{1F600} line\u{01}")),
            JSONNode.Member("nothing", .null),
            JSONNode.Member("list", .list([.number(1), .text("y\\z"), .list([]), .object([])])),
            JSONNode.Member("inner", .object([JSONNode.Member("number", .number(1e300))])),
        ])
        let text = tree.line
        #expect(try JSONNode(object: text.readable) == tree)
        #expect(String(text.readable).hasSuffix("}\n"))
    }

    @Test("numbers that JSON does not know become null")
    func writesNoInfinity() {
        let tree = JSONNode.object([
            JSONNode.Member("a", .number(.infinity)),
            JSONNode.Member("b", Column([.nan, 2]).json),
        ])
        #expect(String(tree.line.readable) == "{\"a\":null,\"b\":[null,2]}\n")
    }

    @Test(
        "what is no object of JSON is refused",
        arguments: ["", "[]", "{", "{\"a\":}", "{}x", "{\"a\":[1,]}"])
    func refuses(_ text: String) {
        #expect(throws: FieldError.self) { _ = try node(text) }
    }
}

/// Results as earlier versions wrote them.
enum EarlierResult {
    private static let fields = [
        "attempts", "retries", "retried_requests", "recovered_requests", "duplicates", "keys",
        "retry_limit",
    ]

    /// A run, read back from a file from before there were retries.
    static func reading(_ run: RunResult) throws -> RunResult {
        guard case .object(let members) = run.json else { throw FieldError(problem: "no object") }
        var kept = members.filter { !fields.contains($0.name) }
        #expect(members.count - kept.count == fields.count)
        for index in kept.indices where kept[index].name == "timeline" {
            guard case .object(let columns) = kept[index].value else { continue }
            kept[index] = JSONNode.Member(
                "timeline", .object(columns.filter { $0.name != "retries" }))
        }
        return try RunResult(json: node(String(JSONNode.object(kept).line.readable)))
    }
}

@Suite struct RunResultTests {
    /// A run with a value in every kind of field.
    static func run() -> RunResult {
        var run = RunResult()
        run.name = "x"
        run.plan.target = "http://a:1"
        run.plan.load = "500/s for 2 s"
        run.plan.targetRate = 500
        run.startedAt = 1_764_120_000
        run.achievedRate = 499.5
        run.seconds = 2
        run.errorRate = 0.02
        run.errors = ErrorCounts(total: 2, kinds: ["4xx": 2, "5xx": 0])
        run.statuses = ["202": 98, "404": 2]
        run.requests = 100
        run.latency.mean = 1.5
        run.latency.p50 = 1
        run.latency.p95 = 4
        run.latency.p99 = 5
        run.replicas = ReplicaCounts(
            lines: "1764119990 2\nwatching\n1764120001 4\n1764120002 3", start: 1_764_120_000)
        run.complaints = ["too late"]
        run.machine.processors = 2
        run.timeline.time = Column([0, 1])
        run.timeline.p50 = Column([1, .nan])
        run.timeline.asked = Column([500, 500])
        run.timeline.answered = Column([499, 0])
        run.timeline.errors = Column([0, 2])
        var accuracy = QualityFigures()
        accuracy.samples = 10
        accuracy.prevalence = 0.1
        accuracy.alert.accuracy = 0.9
        run.accuracy = accuracy
        return run
    }

    @Test("a run reads back as it was written")
    func readsBack() throws {
        let run = Self.run()
        #expect(try ResultFile(run.json.line.readable) == .run(run))
        // A name that was not given is null, and null is no name.
        #expect(try ResultFile(RunResult().json.line.readable) == .run(RunResult()))
    }

    @Test("a result from before there were retries reads as one in which nothing was sent again")
    func readsEarlierResults() throws {
        let read = try EarlierResult.reading(Self.run())
        #expect(read.attempts == 100 && read.retries == ErrorCounts())
        #expect(read.duplicates == 0 && !read.plan.usesKeys && read.plan.retryLimit == 0)
        #expect(read.plan.differences(from: Self.run().plan).isEmpty)
        var keyed = Self.run().plan
        keyed.usesKeys = true
        keyed.retryLimit = 2
        #expect(keyed.differences(from: read.plan) == ["keys", "retry_limit"])
    }

    @Test(
        "a field that is missing or of the wrong kind is named",
        arguments: [
            (#""p95":4"#, #""p95":"4""#, "latency_ms.p95: expected a number, found a text"),
            (#""p95":4,"#, "", "latency_ms.p95: is missing"),
            (#""time_s":[0,1]"#, #""time_s":[0,true]"#, "timeline.time_s.1: expected a number"),
            (#""requests":100"#, #""requests":1.5"#, "requests: expected a whole number"),
            (#""reliable":false"#, #""reliable":0"#, "reliable: expected true or false"),
            (#""404":2"#, #""404":null"#, "statuses.404: expected a whole number, found null"),
            (#""total":2"#, #""sum":2"#, "errors.total: is missing"),
        ])
    func namesFields(part: String, other: String, problem: String) throws {
        let text = String(Self.run().json.line.readable)
        #expect(text.contains(part), "\(text)")
        let changed = Array(text.replacing(part, with: other, maxReplacements: 1).utf8)
        let error = #expect(throws: FieldError.self) { _ = try ResultFile(changed.span) }
        #expect(error?.description.hasPrefix(problem) == true, "\(String(describing: error))")
    }

    @Test("a file of another kind is its numbers")
    func readsNumbers() throws {
        let bench = try ResultFile(Array(#"{"kind":"bench","a":{"b":2}}"#.utf8).span)
        #expect(bench.measurements.values == ["a.b": 2])
        var accuracy = AccuracyResult()
        accuracy.flag = "alert"
        accuracy.collections["default"] = AccuracyResult.Collection()
        accuracy.collections["default"]?.figures.f1 = 0.5
        let read = try ResultFile(accuracy.json.line.readable)
        #expect(read == .accuracy(accuracy))
        #expect(read.measurements["default.f1"] == 0.5)
    }

    @Test("behind a result's name the short names work too")
    func expandsShortNames() throws {
        var measurements = Measurements()
        var run = RunResult()
        run.latency.p95 = 4
        run.latency.p999 = 8
        run.latency.max = 9
        run.errorRate = 0.5
        run.errors.total = 3
        measurements.add(ResultFile.run(run).measurements, as: "service")
        #expect(try Threshold("service.p95 < 5ms").judge(measurements) == .held(4))
        #expect(try Threshold("service.max < 5ms").judge(measurements) == .fellShort(9))
        #expect(try Threshold("service.p99.9 < 9ms").judge(measurements) == .held(8))
        #expect(try Threshold("service.errors < 1%").judge(measurements) == .fellShort(0.5))
        #expect(try Threshold("service.errors.total < 4").judge(measurements) == .held(3))
        #expect(try Threshold("service.latency_ms.p95 < 5ms").judge(measurements) == .held(4))
        #expect(try Threshold("latency_ms.p99.9 < 5ms").name == "latency_ms.p999")
        #expect(try Threshold("p99.9 < 5ms").name == "latency_ms.p999")
        #expect(try Threshold("latency_ms.p95 < 5ms").name == "latency_ms.p95")
        #expect(try Threshold("max.errors.total < 5").name == "max.errors.total")
    }
}

@Suite struct ThresholdReportTests {
    @Test("one judge says what held, what fell short and what was not measured")
    func judges() throws {
        var measurements = Measurements()
        measurements["a"] = 1
        let thresholds = try Threshold.parseAll("a < 2, a > 2, b < 1")
        let report = ThresholdReport(thresholds, measurements)
        #expect(report.lines.map(\.outcome) == [.held, .fellShort, .missing])
        #expect(!report.allHeld && report.summary == "2 of 3 thresholds fell short")
        #expect(try ThresholdReport(json: report.json) == report)
        let held = ThresholdReport([thresholds[0]], measurements)
        #expect(held.allHeld && held.summary == "all 1 thresholds held")
    }
}

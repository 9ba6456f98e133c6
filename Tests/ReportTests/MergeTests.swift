import Bytes
import Report
import Telemetry
import Testing

@Suite struct MergeTests {
    /// A machine's run, whose latencies in milliseconds are these.
    private func run(_ latencies: [Int], failed: Int = 0, at time: Double = 0) -> RunResult {
        var run = RunResult()
        var histograms = LatencyHistograms()
        for latency in latencies {
            histograms.latency.record(latency * 1_000_000)
            histograms.serviceTime.record(latency * 500_000)
            histograms.sendLag.record(1000)
        }
        run.histograms = histograms
        run.startedAt = 1000 + time
        run.plan.target = "http://a:1"
        run.plan.load = "100/s for 10 s"
        run.plan.targetRate = 100
        run.plan.connections = 8
        run.seconds = 10
        run.requests = latencies.count + failed
        run.achievedRate = Double(latencies.count) / 10
        run.errors = ErrorCounts(total: failed, kinds: ["timeout": failed])
        run.statuses = ["200": latencies.count]
        run.timeline.time = Column([0, 1])
        run.timeline.answered = Column([5, 0])
        run.timeline.p95 = Column([Double(latencies.max() ?? 0), .nan])
        return run
    }

    @Test("percentiles of the sum are those of all requests together")
    func addsUp() throws {
        let fast = Array(repeating: 1, count: 900)
        let slow = Array(repeating: 100, count: 100)
        let merged = try RunResult.merged([run(fast), run(slow, failed: 10, at: 0.2)])
        #expect(abs(merged.latency.p50 - 1) < 0.001)
        #expect(abs(merged.latency.p90 - 1) < 0.001)
        #expect(abs(merged.latency.p95 - 100) < 0.1)
        #expect(abs(merged.latency.mean - 10.9) < 1e-9)
        #expect(merged.requests == 1010 && merged.errors.total == 10)
        #expect(merged.errors.kinds == ["timeout": 10] && merged.statuses == ["200": 1000])
        #expect(merged.achievedRate == 100 && merged.plan.targetRate == 200)
        #expect(merged.plan.load == "2 machines: 100/s for 10 s" && merged.plan.connections == 16)
        #expect(merged.timeline.answered.values == [10, 0])
        #expect(merged.timeline.p95 == Column([100, .nan]))
        #expect(merged.doubts.isEmpty)
    }

    @Test("a merged result reads back from its file, and can be merged again")
    func mergesAgain() throws {
        let pair = try RunResult.merged([run([1, 2]), run([3])])
        guard case .run(let read) = try ResultFile(pair.json.line.readable) else {
            Issue.record("no run")
            return
        }
        #expect(read == pair)
        #expect(try RunResult.merged([read, run([4])]).requests == 4)
    }

    @Test("retries add up, and a result without them counts as one attempt a request")
    func addsRetries() throws {
        var retried = run([1, 2])
        retried.attempts = 5
        retried.retries = ErrorCounts(total: 3, kinds: ["503": 2, "reset": 1])
        retried.retriedRequests = 2
        retried.recoveredRequests = 1
        retried.duplicates = 1
        retried.plan.usesKeys = true
        retried.plan.retryLimit = 3
        let twice = try RunResult.merged([retried, retried])
        #expect(twice.attempts == 10 && twice.duplicates == 2)
        #expect(twice.retries == ErrorCounts(total: 6, kinds: ["503": 4, "reset": 2]))
        #expect(twice.retriedRequests == 4 && twice.recoveredRequests == 2)
        #expect(twice.plan.usesKeys && twice.plan.retryLimit == 3)
        let earlier = try EarlierResult.reading(run([3, 4, 5]))
        let merged = try RunResult.merged([retried, earlier])
        #expect(merged.attempts == 8 && merged.retries == retried.retries)
        #expect(merged.timeline.retries.values == [0, 0])
    }

    @Test("doubts of one machine are doubts of all, and so are runs that did not overlap")
    func keepsDoubts() throws {
        var late = run([1])
        late.complaints = ["late"]
        late.isInterrupted = true
        let merged = try RunResult.merged([run([1]), late])
        #expect(merged.complaints == ["machine 2: late"] && merged.isInterrupted)
        let apart = try RunResult.merged([run([1]), run([1], at: 30)])
        #expect(apart.complaints.first?.contains("30 s apart") == true)
    }

    @Test("what can't be added is refused by name")
    func refuses() {
        var poor = run([1])
        poor.histograms = nil
        var other = run([1])
        other.histograms?.latency = Histogram(limit: 5000)
        for (runs, problem) in [
            ([run([1])], "at least two"), ([run([1]), poor], "run 2 has none"),
            ([run([1]), other], "run 2 has another range"),
        ] {
            let error = #expect(throws: FieldError.self) { _ = try RunResult.merged(runs) }
            #expect(error?.description.contains(problem) == true, "\(String(describing: error))")
        }
    }

    @Test("a histogram that is none is named by its field")
    func namesHistograms() throws {
        let text = String(run([1]).json.line.readable)
        let broken = Array(
            text.replacing("\"hdr_v2_base64\":\"H", with: "\"hdr_v2_base64\":\"A").utf8)
        let error = #expect(throws: FieldError.self) { _ = try ResultFile(broken.span) }
        #expect(error?.field == "histograms.latency.hdr_v2_base64")
    }
}

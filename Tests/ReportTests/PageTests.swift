import Testing

@testable import Report

@Suite struct PageTests {
    private let run = RunResultTests.run()

    @Test("a run's row has the columns that such load tests are reported in")
    func writesScenario() {
        let lines = RunText(run).scenario.text.split(separator: "\n")
        #expect(
            lines[0]
                == "| Scenario | Target RPS | Avg latency, ms | P95 latency, ms | Error rate, % | Replicas max |"
        )
        #expect(lines[2] == "| x | 500 | 1.5 | 4 | 2 | 4 |")
    }

    @Test("errors stand by their kinds, and a run that can't be relied on says so")
    func writesErrors() {
        let text = RunText(run).markdown()
        #expect(text.contains("| 4xx | 2 |"))
        #expect(!text.contains("| 5xx |"))
        #expect(text.contains("| status 404 | 2 |"))
        #expect(text.hasPrefix("No objective was set. **Not vouched for:** too late.\n"))
        #expect(text.contains("| date | 2025-11-26 01:20 UTC |"), "\(text)")
    }

    @Test(
        "a run that needed retries says so at once, by their causes; one that needed none does not")
    func writesRetries() {
        #expect(!RunText(run).markdown().contains("etries"))
        var run = run
        run.complaints = []
        run.plan.usesKeys = true
        run.plan.retryLimit = 3
        run.attempts = 107
        run.retries = ErrorCounts(total: 7, kinds: ["503": 4, "reset": 3, "timeout": 0])
        run.retriedRequests = 5
        run.recoveredRequests = 4
        run.duplicates = 2
        let text = RunText(run).markdown()
        #expect(
            text.hasPrefix(
                "No objective was set. **Retries 7: 4 after 503, 3 after reset;** requests that "
                    + "needed one: 5, of which 4 succeeded.\n"), "\(text)")
        #expect(text.contains("| attempts | 107 |") && text.contains("| duplicates | 2 |"))
        #expect(text.contains("| keys | on, up to 3 retries |"))
        #expect(text.contains("| requests that needed a retry | 5, of which 4 succeeded |"))
        let summary = RunSummary(run, palette: Palette(isOn: false)).text
        #expect(
            summary.contains(
                "retries   7: 4 after 503, 3 after reset; requests that needed one: 5, of which 4 "
                    + "succeeded; 2 duplicates\n"), "\(summary)")
    }

    @Test("the verdict comes first: passed or failed, and by how much")
    func writesVerdict() throws {
        var run = run
        run.complaints = []
        let thresholds = try Threshold.parseAll("p95 < 5ms, p50 < 0.5ms")
        run.slo = ThresholdReport(thresholds, Measurements(run.json))
        #expect(RunText(run).verdict == "**FAILED:** `p50 < 0.5ms` measured 1, off by 0.5.")
        run.slo = ThresholdReport([thresholds[0]], Measurements(run.json))
        #expect(RunText(run).verdict == "**PASSED:** `p95 < 5ms` (4).")
        run.isInterrupted = true
        #expect(RunText(run).verdict.hasSuffix("**Interrupted** before its plan was over."))
    }

    @Test("the page tells gates that passed, failed and were not measured, and names its pictures")
    func writesPage() throws {
        let thresholds = try Threshold.parseAll("a.p95 < 5ms\na.p50 < 0.5ms\nb.p95 < 1s")
        let page = ReportPage([("a", .run(run))], thresholds: thresholds, folder: "pictures")
        let text = page.markdown
        #expect(
            text.hasPrefix(
                "# Tidemark: report\n\n**FAILED:** 2 of 3 gates: `a.p50 < 0.5ms`, `b.p95 < 1s`."))
        #expect(text.contains("| `a.p95 < 5ms` | 4 | passed |"))
        #expect(text.contains("| `a.p50 < 0.5ms` | 1 | **failed** |"))
        #expect(text.contains("| `b.p95 < 1s` | – | **not measured** |"))
        #expect(text.contains("**Not vouched for:** a."))
        #expect(text.contains("| a, `alert` | 10 | 10 % | 90 % |"))
        #expect(
            page.pictures.map(\.path) == ["pictures/a-timeline.svg", "pictures/a-percentiles.svg"])
        for picture in page.pictures { #expect(text.contains("](\(picture.path))")) }
    }

    @Test("what happened in a cluster has a section of its own, with its replicas over time")
    func writesCluster() throws {
        var local = run
        local.replicas = nil
        let page = ReportPage(
            [("here", .run(local)), ("cluster", .run(run))], thresholds: [],
            about: "A log and a fold.\n", folder: "p")
        let titles = page.markdown.split(separator: "\n").filter { $0.hasPrefix("#") }
        #expect(
            titles == [
                "# Tidemark: report", "## 1. Environment", "## 2. Architecture", "## 3. Load",
                "### `here`: x", "## 4. Load in the cluster", "### `cluster`: x",
                "## 5. Accuracy", "## 6. Gates", "## 7. Files",
            ])
        #expect(page.markdown.contains("came to 4 replicas"))
        let pictures = page.pictures.filter { $0.svg.contains("Replicas over time") }
        #expect(pictures.map(\.path) == ["p/cluster-timeline.svg"])
        #expect(
            run.replicas?.steps(until: 2).map(\.x) == [0, 1, 1, 2, 2, 2]
                && run.replicas?.steps(until: 2).map(\.y) == [2, 2, 4, 4, 3, 3])
    }

    @Test("a search that found nothing says so, one that did says what was above it")
    func writesSearch() {
        func step(_ rate: Double, _ reasons: [String] = [], isConfirmation: Bool = false)
            -> SearchResult.Step
        {
            SearchResult.Step(
                of: RunResult(), rate: rate, isConfirmation: isConfirmation, reasons: reasons)
        }
        var search = SearchResult()
        search.slo = "p95 < 1ms"
        search.steps = [step(10, ["slow"])]
        #expect(SearchText(search).markdown.contains("No rate held `p95 < 1ms`: slow."))
        search.rate = 10
        search.steps = [step(10), step(20, ["slow"]), step(10, isConfirmation: true)]
        let text = SearchText(search).markdown
        #expect(text.contains("**10 requests a second** hold `p95 < 1ms`"))
        #expect(text.contains("Above it: slow."))
        #expect(text.contains("| 3, confirmation | 10 |"))
        #expect(text.contains("| 2 | 20 |") && text.contains("fell short"))
    }

    @Test(
        "moments are written as dates",
        arguments: [
            (0.0, "1970-01-01 00:00 UTC"), (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"), (4_107_542_399, "2100-02-28 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"), (-1, "–"), (.nan, "–"),
        ])
    func writesDates(_ seconds: Double, _ text: String) {
        #expect(utcText(seconds) == text)
    }
}

import Bytes
import Report
import Testing

@Suite struct PageTests {
    private func document(_ json: String) throws -> Document { try Document(Array(json.utf8).span) }

    private let run = """
        {"kind":"run","name":"x","target_rps":500,"achieved_rps":499.5,"error_rate":0.02,
        "errors":{"total":2,"4xx":2,"5xx":0},"statuses":{"202":98,"404":2},"requests":100,
        "latency_ms":{"mean":1.5,"p50":1,"p95":4,"p99":5},"replicas_max":4,"reliable":false,
        "complaints":["too late"],"environment":{"processors":2,"model":"M","kernel":"6"},
        "timeline":{"time_s":[0,1],"p50_ms":[1,1],"answered_rps":[499,500]},
        "accuracy":{"samples":10,"prevalence":0.1,"alert":{"accuracy":0.9},
        "is_anomaly":{"accuracy":0.5}}}
        """

    @Test("a run's row has the columns that such load tests are reported in")
    func writesScenario() throws {
        let text = try RunText(document(run)).scenario.text
        let lines = text.split(separator: "\n")
        #expect(
            lines[0]
                == "| Scenario | Target RPS | Avg latency, ms | P95 latency, ms | Error rate, % | Replicas max |"
        )
        #expect(lines[2] == "| x | 500 | 1.5 | 4 | 2 | 4 |")
    }

    @Test("errors stand by their kinds, and a run that can't be relied on says so")
    func writesErrors() throws {
        let text = try RunText(document(run)).markdown
        #expect(text.contains("| 4xx | 2 |"))
        #expect(!text.contains("| 5xx |"))
        #expect(text.contains("| status 404 | 2 |"))
        #expect(text.contains("**Not to be relied on:** too late."))
    }

    @Test("the page tells gates that passed, failed and were not measured, and names its pictures")
    func writesPage() throws {
        let thresholds = try Threshold.parseAll("a.p95 < 5ms\na.p50 < 0.5ms\nb.p95 < 1s")
        let page = ReportPage(
            [("a", try document(run))], thresholds,
            description: "# Head\n\n[one](one.md) [two](../two.md) [web](https://w)\n",
            base: "../docs/", folder: "pictures")
        let text = page.markdown
        #expect(text.contains("**2 of 3 gates failed:** `a.p50 < 0.5ms`, `b.p95 < 1s`."))
        #expect(text.contains("| `a.p95 < 5ms` | 4 | passed |"))
        #expect(text.contains("| `a.p50 < 0.5ms` | 1 | **failed** |"))
        #expect(text.contains("| `b.p95 < 1s` | – | **not measured** |"))
        #expect(text.contains("does not vouch for: a."))
        #expect(text.contains("## Head"))
        #expect(text.contains("[one](../docs/one.md) [two](../docs/../two.md) [web](https://w)"))
        #expect(text.contains("| a, `alert` | 10 | 10 % | 90 % |"))
        #expect(
            page.pictures.map(\.path) == ["pictures/a-timeline.svg", "pictures/a-percentiles.svg"])
        for picture in page.pictures { #expect(text.contains("](\(picture.path))")) }
    }

    @Test("a comparison says what got better and what worse, and whether by too much")
    func compares() throws {
        let before = try document(
            #"{"achieved_rps":100,"error_rate":0,"latency_ms":{"p50":2,"p95":10,"max":5}}"#)
        let after = try document(
            #"{"achieved_rps":90,"error_rate":0.01,"latency_ms":{"p50":1,"p95":10.5,"max":500}}"#)
        let comparison = Comparison(before, after)
        let text = comparison.table.text
        #expect(text.contains("| achieved_rps | 100 | 90 | 10 % worse |"))
        #expect(text.contains("| latency_ms.p50 | 2 | 1 | 50 % better |"))
        #expect(text.contains("| error_rate | 0 | 0.01 | from nothing worse |"))
        #expect(comparison.worse(by: 0.2) == ["error_rate"])
        #expect(comparison.worse(by: 0.07) == ["achieved_rps", "error_rate"])
        #expect(Comparison(before, before).worse(by: 0) == [])
    }

    @Test("a search that found nothing says so, one that did says what was above it")
    func writesSearch() throws {
        let none = try document(
            #"{"kind":"find-max","slo":"p95 < 1ms","max_rps":null,"limit":"slow","steps":{"rate":[10],"held":[0]}}"#
        )
        #expect(SearchText(none).markdown.contains("No rate held `p95 < 1ms`: slow."))
        let some = try document(
            #"{"kind":"find-max","slo":"s","max_rps":10,"limit":"slow","steps":{"rate":[10,20,10],"held":[1,0,1],"confirmation":[0,0,1]}}"#
        )
        let text = SearchText(some).markdown
        #expect(text.contains("**10 requests a second** hold `s`"))
        #expect(text.contains("Above it: slow."))
        #expect(text.contains("| 3, confirmation | 10 |"))
        #expect(text.contains("| 2 | 20 |") && text.contains("fell short"))
    }
}

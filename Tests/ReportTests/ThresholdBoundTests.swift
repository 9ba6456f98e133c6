import Report
import Testing

private func measured(_ value: Double, as name: String = "x") -> Measurements {
    var measurements = Measurements()
    measurements[name] = value
    return measurements
}

@Suite struct ThresholdBoundTests {
    @Test(
        "each comparison holds on its side of the bound and decides about the bound itself",
        arguments: [
            ("<", [true, false, false]), ("<=", [true, true, false]), (">", [false, false, true]),
            (">=", [false, true, true]), ("==", [false, true, false]),
        ])
    func compares(_ comparison: String, _ holds: [Bool]) throws {
        let threshold = try Threshold("x \(comparison) 2")
        for (value, held) in zip([1.999, 2, 2.001], holds) {
            let outcome: Threshold.Outcome = held ? .held(value) : .fellShort(value)
            #expect(threshold.judge(measured(value)) == outcome)
        }
    }

    @Test(
        "times become milliseconds and percent a share",
        arguments: [
            ("250us", 0.25), ("1.5ms", 1.5), ("2s", 2000), ("50 ms", 50), ("0s", 0), ("-1%", -0.01),
            ("0.1%", 0.001), ("1e3us", 1), ("7", 7), ("+.5", 0.5),
        ])
    func readsUnits(_ text: String, _ bound: Double) throws {
        #expect(try Threshold("x<\(text)").bound == bound)
    }

    @Test("a percentage is the very share that a report writes as a decimal fraction")
    func readsPercentExactly() throws {
        for tenths in 0...1000 {
            let share = Double("\(tenths)e-3") ?? .nan
            let threshold = try Threshold("precision >= \(tenths / 10).\(tenths % 10)%")
            #expect(threshold.judge(measured(share, as: "precision")) == .held(share))
        }
        #expect(try Threshold("precision >= 95%").bound == 0.95)
    }

    @Test("microseconds are the very milliseconds that a report writes")
    func readsMicrosecondsExactly() throws {
        for microseconds in 0...2000 {
            let exact = Double("\(microseconds)e-3")
            #expect(try Threshold("p95 <= \(microseconds)us").bound == exact)
        }
    }

    @Test(
        "a bound that is no finite decimal number is refused: it would hold always or never",
        arguments: [
            "nan", "inf", "infinity", "1e999", "1e308s", "0x10", "0x1p4", "50ns", "5 m s", "5msms",
            "1 000", "1e", "1e99999999999999999999", "1e9223372036854775807s", "1e1e1", "1,5", "%",
            "ms", "--1", "5 < 6", "",
        ])
    func refusesBounds(_ bound: String) {
        #expect(throws: ThresholdError.self) { _ = try Threshold("x < \(bound)") }
    }

    @Test(
        "a text with two comparisons is no threshold: it would be about a name no report has",
        arguments: [
            "1 < x < 2", "x >= 1 < 2", "p95 = < 2", "== 2", " <= 2",
        ])
    func refusesNames(_ text: String) {
        #expect(throws: ThresholdError.self) { _ = try Threshold(text) }
    }

    @Test("short names stand for the latency's, and errors for their share")
    func expandsNames() throws {
        for name in ["mean", "p50", "p90", "p95", "p99", "p999", "max"] {
            #expect(try Threshold("\(name) < 1").name == "latency_ms.\(name)")
        }
        #expect(try Threshold("errors < 1").name == "error_rate")
        let action = try Threshold("load.actions.ingest.p99.9 < 1")
        #expect(action.name == "load.actions.ingest.latency_ms.p999")
        let good = try Threshold("actions.ingest.latency_good_ms.p95 < 1")
        #expect(good.name == "actions.ingest.latency_good_ms.p95")
        #expect(try Threshold("steps.0.p95 < 1").name == "steps.0.latency_ms.p95")
        #expect(try Threshold("steps.0.errors < 1").name == "steps.0.errors")
        #expect(try Threshold("rates.a.b.p95 < 1").name == "rates.a.b.p95")
        #expect(try Threshold("errors.total < 1").name == "errors.total")
        #expect(try Threshold("service_time_ms.p95 < 1").name == "service_time_ms.p95")
    }

    @Test("an error names the text and what is wrong with it")
    func explains() {
        let error = #expect(throws: ThresholdError.self) { _ = try Threshold(" p95 < fast\t") }
        #expect(error?.text == "p95 < fast")
        #expect(error?.description.contains("us, ms, s, %") == true)
    }
}

@Suite struct ThresholdListTests {
    @Test("blanks, empty parts and comments count for nothing")
    func skipsBlanks() throws {
        #expect(try Threshold.parseAll("").isEmpty)
        #expect(try Threshold.parseAll(" , ,\n# all\n\t\n").isEmpty)
        let all = try Threshold.parseAll("\tp95<1ms ,, errors<1%\r\nmax<1s#,bad")
        #expect(all.map(\.text) == ["p95<1ms", "errors<1%", "max<1s"])
    }

    @Test("a comment ends with its line, whatever ends the line")
    func endsComments() throws {
        let all = try Threshold.parseAll("# head\r\np95 < 1ms # tail\r\nerrors < 1%\r\n")
        #expect(all.map(\.text) == ["p95 < 1ms", "errors < 1%"])
    }

    @Test("one bad threshold spoils the list: a gate with a hole in it is none")
    func refusesWhole() {
        #expect(throws: ThresholdError.self) { _ = try Threshold.parseAll("p95 < 1ms, p99") }
    }

    @Test("a line says whether it held, by how much it fell short, or what is missing")
    func says() throws {
        let threshold = try Threshold("p95 <= 50ms")
        #expect(threshold.detail(.held(40)).hasSuffix("(40)"))
        #expect(threshold.detail(.fellShort(62.5)).hasSuffix("(62.5, off by 12.5)"))
        #expect(threshold.detail(.missing).contains("the report has no latency_ms.p95"))
    }
}

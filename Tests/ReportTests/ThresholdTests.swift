import Report
import Testing

@Suite struct ThresholdTests {
    private func measurements() throws -> Measurements {
        let json = Array(
            #"{"latency_ms":{"p95":40.5},"error_rate":0.002,"list":[1,{"a":2}],"ok":true,"s":"x"}"#
                .utf8)
        return Measurements(try JSONNode(object: json.span))
    }

    @Test("nested numbers are found by their dotted names")
    func flattens() throws {
        let found = try measurements()
        #expect(found["latency_ms.p95"] == 40.5)
        #expect(found["ok"] == 1)
        #expect(found["list.1.a"] == 2)
        #expect(found.values.count == 4)
    }

    @Test("a threshold holds, falls short by so much, or misses its number")
    func judges() throws {
        let found = try measurements()
        #expect(try Threshold("p95 < 50ms").judge(found) == .held(40.5))
        #expect(try Threshold("latency_ms.p95<=0.0405s").judge(found) == .held(40.5))
        #expect(try Threshold("p95 < 40500us").judge(found) == .fellShort(40.5))
        #expect(try Threshold("errors < 0.1%").judge(found) == .fellShort(0.002))
        #expect(try Threshold("errors < 0.3 %").judge(found) == .held(0.002))
        #expect(try Threshold("ok == 1").judge(found) == .held(1))
        let missing = try Threshold("alert.precision >= 0.95")
        #expect(missing.judge(found) == .missing)
        let short = try Threshold("p95 > 50ms")
        #expect(short.detail(short.judge(found)).contains("off by 9.5"))
    }

    @Test(
        "what is no threshold is an error",
        arguments: ["p95", "< 5", "p95 < fast", "p95 <", "a => b"])
    func refuses(_ text: String) {
        #expect(throws: ThresholdError.self) { _ = try Threshold(text) }
    }

    @Test("a file of thresholds has comments and one or more a line")
    func parsesFiles() throws {
        let all = try Threshold.parseAll("# head\np95 < 5ms, errors < 1% # tail\n\nmax < 1s\n")
        #expect(all.map(\.text) == ["p95 < 5ms", "errors < 1%", "max < 1s"])
    }

    @Test("numbers are short")
    func shortens() {
        #expect(1234.0.shortText == "1234")
        #expect(0.0625.shortText == "0.063")
        #expect((-1.5).shortText == "-1.5")
        #expect(0.0001.shortText == "0.0001")
        #expect(0.9999.percentText == "99.99 %")
    }
}

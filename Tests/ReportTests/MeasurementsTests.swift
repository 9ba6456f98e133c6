import Bytes
import Report
import Testing

private func read(_ json: String) throws(JSONError) -> Measurements {
    let bytes = Array(json.utf8)
    return Measurements(try JSONNode(object: bytes.span))
}

private func problem(_ json: String) -> JSONError? {
    do throws(JSONError) {
        _ = try read(json)
        return nil
    } catch {
        return error
    }
}

@Suite struct MeasurementsTests {
    @Test("a run's report gives its numbers by the names thresholds use")
    func readsRuns() throws {
        let found = try read(
            """
            {"target_rps":null,"achieved_rps":999.5,"duration_s":30,"requests":29985,
             "errors":{"total":3,"timeout":2,"5xx":1},
             "latency_ms":{"mean":0.4,"p50":0.31,"p999":12.5},
             "accuracy":{"alert":{"default":{"event_precision":0.97}}}}
            """)
        #expect(found["target_rps"] == nil, "a closed loop has no rate to compare with")
        #expect(found["achieved_rps"] == 999.5)
        #expect(found["errors.5xx"] == 1)
        #expect(found["latency_ms.p999"] == 12.5)
        #expect(found["accuracy.alert.default.event_precision"] == 0.97)
        #expect(found.values.count == 10)
    }

    @Test("numbers and booleans count, in lists by their place; texts and nulls are passed over")
    func takesNumbers() throws {
        let found = try read(
            #"{"a":-1.5e3,"b":true,"c":false,"d":"7","e":[1,{"f":2}],"g":null,"h":{},"i":0}"#)
        #expect(found.values == ["a": -1500, "b": 1, "c": 0, "e.1.f": 2, "i": 0])
    }

    @Test("a second report adds to the first, and the later number of a name wins")
    func adds() throws {
        var found = try read(#"{"a":1,"b":2}"#)
        found.add(try read(#"{"b":3,"c":{"b":4},"c":{"b":5}}"#), as: "x")
        found.add(try read(#"{"b":6}"#), as: "x")
        #expect(found.values == ["a": 1, "b": 2, "x.b": 6, "x.c.b": 5])
    }

    @Test(
        "what is no JSON object is refused, at the byte where it stops being one",
        arguments: [
            ("", 0), ("[1]", 0), ("7", 0), ("  {", 3), (#"{"a":1"#, 6), (#"{"a":1} x"#, 8),
            (#"{"a":1,}"#, 7), (#"{"a" 1}"#, 5), (#"{"a":truth}"#, 8), (#"{"a":01}"#, 6),
            (#"{a:1}"#, 1),
        ])
    func refuses(_ json: String, _ offset: Int) {
        #expect(problem(json)?.offset == offset, "\(json)")
    }

    @Test("a number beyond a double is refused, not read as infinity")
    func refusesHugeNumbers() {
        #expect(problem(#"{"a":1e999}"#)?.problem == .numberOutOfRange)
    }

    @Test("objects and lists nest to 64 levels together and no further")
    func boundsDepth() {
        func objects(_ levels: Int, around inner: String) -> String {
            String(repeating: #"{"a":"#, count: levels) + inner
                + String(repeating: "}", count: levels)
        }
        #expect(problem(objects(64, around: "1")) == nil)
        #expect(problem(objects(65, around: "1"))?.problem == .tooDeep)
        let lists = String(repeating: "[", count: 100_000)
        #expect(problem(objects(10, around: lists))?.problem == .tooDeep)
    }

    @Test("a document of more values than a report has is refused")
    func boundsCount() {
        let ones = [String](repeating: "1", count: JSONNode.valueLimit).joined(separator: ",")
        #expect(problem("{\"a\":[\(ones)]}") != nil)
        #expect(problem("{\"a\":[1,1]}") == nil)
    }
}

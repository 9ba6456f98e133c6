import Bytes
import Report
import Testing

@Suite struct DocumentTests {
    private func document(_ json: String) throws -> Document { try Document(Array(json.utf8).span) }

    @Test("what the writer wrote is what the reader reads, whatever the texts")
    func readsBack() throws {
        var object = JSONObject()
        object.add("number", 0.1)
        object.add("whole", -7)
        object.add("yes", true)
        object.add("text", text: "a \"quoted\"\n\u{1F600} line\u{01}")
        object.addNull("nothing")
        object.add("column", [1, 2.5, -3e-9])
        object.add("lines", ["x", "y\\z"])
        object.add("inner") { inner in
            inner.add("number", 1e300)
            inner.add("deeper") { $0.add("text", text: "") }
        }
        let text = object.finish()
        let read = try Document(text.readable)
        #expect(read["number"] == 0.1)
        #expect(read["whole"] == -7)
        #expect(read["yes"] == 1)
        #expect(read.text("text") == "a \"quoted\"\n\u{1F600} line\u{01}")
        #expect(read["nothing"] == nil)
        #expect(read.column("column") == [1, 2.5, -3e-9])
        #expect(read.lines["lines"] == ["x", "y\\z"])
        #expect(read["inner.number"] == 1e300)
        #expect(read.text("inner.deeper.text") == "")
    }

    @Test("numbers that JSON does not know become null")
    func writesNoInfinity() throws {
        var object = JSONObject()
        object.add("a", .infinity)
        object.add("b", [.nan, 2])
        let text = object.finish()
        #expect(String(text.readable) == "{\"a\":null,\"b\":[null,2]}\n")
        #expect(try Document(text.readable).column("b") == [2])
    }

    @Test("lists of objects are told apart by their place")
    func numbersLists() throws {
        let read = try document(#"{"list":[{"a":1},{"a":2},3,"x"]}"#)
        #expect(read["list.0.a"] == 1)
        #expect(read["list.1.a"] == 2)
        #expect(read.column("list") == [3])
        #expect(read.lines["list"] == ["x"])
    }

    @Test(
        "what is no object of JSON is refused",
        arguments: ["", "[]", "{", "{\"a\":}", "{}x", "{\"a\":[1,]}"])
    func refuses(_ text: String) {
        #expect(throws: JSONError.self) { _ = try document(text) }
    }

    @Test("behind a report's name the short names work too")
    func expandsShortNames() throws {
        var measurements = Measurements()
        measurements.add(
            try document(
                #"{"latency_ms":{"p95":4,"max":9},"error_rate":0.5,"errors":{"total":3}}"#),
            as: "service")
        #expect(try Threshold("service.p95 < 5ms").judge(measurements) == .held(4))
        #expect(try Threshold("service.max < 5ms").judge(measurements) == .fellShort(9))
        #expect(try Threshold("service.errors < 1%").judge(measurements) == .fellShort(0.5))
        #expect(try Threshold("service.errors.total < 4").judge(measurements) == .held(3))
        #expect(try Threshold("service.latency_ms.p95 < 5ms").judge(measurements) == .held(4))
        #expect(try Threshold("latency_ms.p95 < 5ms").name == "latency_ms.p95")
        #expect(try Threshold("max.errors.total < 5").name == "max.errors.total")
    }
}

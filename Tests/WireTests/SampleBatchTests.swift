import Bytes
import Detection
import Testing
import Wire

@Suite struct SampleBatchTests {
    private static let now = 1_700_000_000.0

    /// A batch, taken out of its type that cannot be copied.
    private struct Decoded: Equatable {
        struct Sample: Equatable {
            let index: Int
            let device: String
            let timestamp: Double
            let cpu: Double
            let rps: Double
        }

        var samples: [Sample] = []
        var faults: [Int: String] = [:]
        var rejected = 0
        var isSingle = false
        var error: SampleError?
    }

    @Test("samples without room are taken out, and the others keep their order")
    func refuses() throws {
        var batch = SampleBatch()
        let count = 60_000
        let body = Array((0..<count).map { "{\"rps\":\($0)}" }.joined(separator: "\n").utf8)
        try batch.decode(body.span, now: 1)
        batch.refuse([])
        #expect(batch.samples.count == count)
        let refused = (0..<count).filter { $0 % 3 != 1 }
        batch.refuse(refused)
        #expect(batch.samples.map(\.index) == (0..<count).filter { $0 % 3 == 1 })
        #expect(batch.samples.allSatisfy { $0.sample.rps == Double($0.index) })
        #expect(batch.refused == refused.count && batch.rejected == refused.count)
        #expect(batch.faults.map(\.index) == Array(refused.prefix(SampleBatch.listedErrors)))
    }

    private func decode(_ body: String) -> Decoded {
        decode(Array(body.utf8))
    }

    private func decode(_ body: [UInt8]) -> Decoded {
        var batch = SampleBatch()
        var decoded = Decoded()
        do throws(SampleError) {
            try batch.decode(body.span, now: Self.now)
        } catch {
            decoded.error = error
        }
        for sample in batch.samples {
            decoded.samples.append(
                Decoded.Sample(
                    index: sample.index, device: name(of: sample, in: batch),
                    timestamp: sample.sample.timestamp, cpu: sample.sample.cpu,
                    rps: sample.sample.rps))
        }
        for fault in batch.faults { decoded.faults[fault.index] = fault.error.detail }
        decoded.rejected = batch.rejected
        decoded.isSingle = batch.isSingle
        return decoded
    }

    private func name(of sample: DecodedSample, in batch: borrowing SampleBatch) -> String {
        let name = batch.name(sample)
        return String(decoding: name.indices.map { name[$0] }, as: UTF8.self)
    }

    @Test("one object is a single sample with all its fields")
    func readsOne() {
        let decoded = decode(
            #" {"device_id":"caf\u00e9","rps":120.5,"cpu":60,"timestamp":17,"other":[{}]} "#)
        #expect(decoded.isSingle)
        #expect(
            decoded.samples == [
                Decoded.Sample(index: 0, device: "café", timestamp: 17, cpu: 60, rps: 120.5)
            ])
    }

    @Test(
        "a timestamp that is missing, null or 0 is the server's clock",
        arguments: ["", #","timestamp":null"#, #","timestamp":0"#])
    func readsTheClock(_ field: String) {
        let decoded = decode(#"{"rps":1,"cpu":1"# + field + "}")
        #expect(decoded.samples.map(\.timestamp) == [Self.now])
    }

    @Test("a large timestamp is milliseconds")
    func readsMilliseconds() {
        let decoded = decode(#"{"rps":1,"cpu":1,"timestamp":1700000000500}"#)
        #expect(decoded.samples.map(\.timestamp) == [1_700_000_000.5])
    }

    @Test("a null device is no device")
    func readsNoDevice() {
        #expect(decode(#"{"rps":1,"cpu":1,"device_id":null}"#).samples.map(\.device) == [""])
    }

    @Test("an array keeps its good samples, and lists the bad ones by their index")
    func readsArrays() {
        let decoded = decode(#"[{"rps":1,"cpu":1},{"rps":-1,"cpu":1},7,{"rps":2,"cpu":2}]"#)
        #expect(!decoded.isSingle)
        #expect(decoded.samples.map(\.index) == [0, 3])
        #expect(decoded.samples.map(\.rps) == [1, 2])
        #expect(decoded.rejected == 2)
        #expect(decoded.faults[1]?.hasPrefix("rps: must be a finite number >= 0") == true)
        #expect(decoded.faults[2]?.hasPrefix("a sample must be a JSON object") == true)
    }

    @Test("lines stand each for themselves, empty ones for nothing")
    func readsLines() {
        let decoded = decode(
            "{\"rps\":1,\"cpu\":1}\n\n  \r\nnonsense\n{\"rps\":2,\"cpu\":2}\n{\"cpu\":3}")
        #expect(decoded.samples.map(\.index) == [0, 2])
        #expect(decoded.faults.keys.sorted() == [1, 3])
        #expect(decoded.faults[3]?.hasPrefix("rps: required field is missing") == true)
    }

    @Test(
        "a body without a sample is one error, and keeps nothing",
        arguments: [
            ("", "the body is empty"), ("[]", "the array holds no sample"),
            ("7", "a sample must be a JSON object"), ("{\"rps\":1,\"cpu\":1", "syntax"),
            ("[{\"rps\":1,\"cpu\":1", "syntax"), ("[", "syntax"),
            ("{\n\"cpu\":\n1}", "rps: required field is missing"),
        ])
    func refusesBodies(_ body: String, _ detail: String) {
        let decoded = decode(body)
        #expect(decoded.error != nil, "\(body)")
        #expect(decoded.samples.isEmpty)
        if detail != "syntax" { #expect(decoded.error?.detail.hasPrefix(detail) == true) }
        if detail == "syntax" { #expect(decoded.error?.fault == .syntax) }
    }

    @Test("what follows an object, and is none, is a bad sample")
    func refusesTrailingBytes() {
        for (body, byte) in [("{\"rps\":1,\"cpu\":1}}", 17), ("{\"rps\":1,\"cpu\":1} x\n", 18)] {
            let decoded = decode(body)
            #expect(decoded.samples.count == 1 && !decoded.isSingle)
            #expect(decoded.rejected == 1)
            #expect(decoded.faults[1]?.contains("at byte \(byte)") == true, "\(decoded.faults)")
        }
    }

    @Test(
        "objects stand one after another, with or without white space between them",
        arguments: ["", " ", "\n", "\r\n\t", "\n\n\n"])
    func readsObjects(_ between: String) {
        let objects = [
            "{\"rps\":1,\"cpu\":1}", "{\n  \"rps\": 2,\n  \"cpu\": 1\n}", "{\"rps\":3,\"cpu\":1}",
        ]
        let decoded = decode(objects.joined(separator: between))
        #expect(decoded.samples.map(\.rps) == [1, 2, 3])
        #expect(decoded.rejected == 0)
    }

    @Test("a bad object costs no other one", arguments: ["", "\n"])
    func recovers(_ between: String) {
        let (one, two) = ("{\"rps\":1,\"cpu\":1}", "{\"rps\":2,\"cpu\":1}")
        for bad in [
            "{\"rps\":NaN,\"cpu\":1}", "{\"rps\":1,\"cpu\":{\"a\":[\"}\"]}}",
            "{\"rps\":12,5,\"cpu\":1}",
        ] {
            let decoded = decode([one, bad, two].joined(separator: between))
            #expect(decoded.samples.map(\.rps) == [1, 2], "\(bad)")
            #expect(decoded.rejected == 1)
            #expect(decoded.faults.keys.sorted() == [1])
        }
        // Nothing tells where these end but the next line.
        for bad in ["{\"rps\":1,\"cpu\":1", "{\"rps\":\"1,\"cpu\":1}", "]", "{{{{"] {
            let decoded = decode([one, bad, two].joined(separator: "\n"))
            #expect(decoded.samples.map(\.rps) == [1, 2], "\(bad)")
            #expect(decoded.rejected == 1, "\(bad)")
        }
    }

    @Test("a fault inside a value of an array makes one bad sample")
    func keepsTheRestOfArrays() {
        let good = "{\"rps\":1,\"cpu\":1}"
        var bodies = [
            "{\"rps\":NaN,\"cpu\":1}", "{\"rps\":Infinity,\"cpu\":1}", "{\"rps\":1,\"cpu\":12,5}",
            "{\"rps\":1,\"cpu\":1,\"device_id\":\"a\tb\"}", "NaN", "\"x\"", "[1]", "{}",
            "{\"rps\":1,\"cpu\":1,\"device_id\":\"\\ud800\"}",
        ].map { Array($0.utf8) }
        bodies.append(
            Array("{\"rps\":1,\"cpu\":1,\"device_id\":\"".utf8) + [0xFF] + Array("\"}".utf8))
        for bad in bodies {
            let body = Array("[\(good),".utf8) + bad + Array(",\(good)]".utf8)
            let decoded = decode(body)
            #expect(decoded.samples.count == 2, "\(String(decoding: bad, as: UTF8.self))")
            #expect(decoded.rejected == 1 && decoded.faults.keys.sorted() == [1])
        }
    }

    @Test(
        "where the next element of an array cannot be found the batch ends, and keeps what came before",
        arguments: [
            "[{\"rps\":1,\"cpu\":1},", "[{\"rps\":1,\"cpu\":1},{\"rps\":1",
            "[{\"rps\":1,\"cpu\":1} 7]",
            "[{\"rps\":1,\"cpu\":1}]x", "[{\"rps\":1,\"cpu\":1},{\"rps\":[}]",
        ])
    func endsArrays(_ body: String) {
        let decoded = decode(body)
        #expect(decoded.error == nil && decoded.samples.count == 1)
        #expect(decoded.rejected == 1, "\(decoded.faults)")
    }

    @Test("what stands in an unknown field is not judged")
    func skipsUnknownFields() {
        for value in ["NaN", "-", "\"a\tb\"", "[1,{\"x\":nope}]", "1e999", "\"\\q\""] {
            #expect(decode("{\"x\":\(value),\"rps\":1,\"cpu\":1}").isSingle, "\(value)")
        }
        let bytes =
            Array("{\"rps\":1,\"cpu\":1,\"".utf8) + [0xC3, 0x28] + Array("\":\"".utf8) + [0xFF]
        #expect(decode(bytes + Array("\"}".utf8)).isSingle)
        #expect(decode("{\"x\":{],\"rps\":1,\"cpu\":1}").error?.fault == .syntax)
        #expect(decode("{\"x\":,\"rps\":1,\"cpu\":1}").error?.fault == .syntax)
    }

    @Test("other spellings of a field are taken where the exact one is missing")
    func readsSpellings() {
        let spelled = decode(#"{"RPS":5,"Cpu":6,"TimeStamp":7,"Device_ID":"a"}"#)
        #expect(
            spelled.samples == [
                Decoded.Sample(index: 0, device: "a", timestamp: 7, cpu: 6, rps: 5)
            ])
        let both = decode(#"{"RPS":"no number","rps":5,"cpu":6,"CPU":[],"deviceId":"b"}"#)
        #expect(both.samples.map(\.rps) == [5] && both.samples.map(\.device) == ["b"])
        #expect(decode(#"{"RPS":-1,"cpu":6}"#).error?.detail.hasPrefix("rps: must be") == true)
        #expect(decode(#"{"rps":1,"cpu":1,"device_id":""}"#).samples.map(\.device) == [""])
    }

    @Test("a number may be the text of a string")
    func readsSpelledNumbers() {
        let decoded = decode(#"{"rps":"12.5","cpu":" 7 ","timestamp":"1700000000"}"#)
        #expect(
            decoded.samples == [
                Decoded.Sample(
                    index: 0, device: "", timestamp: 1_700_000_000, cpu: 7, rps: 12.5)
            ])
        for text in ["", "x", "1 2", "0x1", "12,5", "1\\u0030"] {
            #expect(
                decode("{\"rps\":\"\(text)\",\"cpu\":1}").error?.detail
                    == "rps: must be a number at byte 7", "\(text)")
        }
        #expect(decode(#"{"rps":"-1","cpu":1}"#).error?.fault == .outOfRange)
    }

    @Test(
        "a timestamp may have any usual unit, or be text",
        arguments: [
            ("1700000000500", 1_700_000_000.5), ("1700000000500000", 1_700_000_000.5),
            ("1700000000500000000", 1_700_000_000.5),
            ("\"2023-11-14T22:13:20Z\"", 1_700_000_000),
            ("\"2023-11-14 23:13:20.500+01:00\"", 1_700_000_000.5),
            ("\"2024-02-29T00:00:00-00:30\"", 1_709_166_600),
            ("\"1970-01-01t00:00:00z\"", 0),
        ])
    func readsTimes(_ text: String, _ seconds: Double) {
        let decoded = decode("{\"rps\":1,\"cpu\":1,\"timestamp\":\(text)}")
        #expect(decoded.samples.map(\.timestamp) == [seconds], "\(text)")
    }

    @Test(
        "a time that is none is refused",
        arguments: [
            "2023-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "2023-11-14T24:00:00Z",
            "2023-11-14T22:13:20", "2023-11-14T22:13:20.Z", "1969-12-31T23:59:59Z",
            "2023-11-14T22:13:20+0100", "2023-11-14X22:13:20Z",
        ])
    func refusesTimes(_ text: String) {
        let error = decode("{\"rps\":1,\"cpu\":1,\"timestamp\":\"\(text)\"}").error
        #expect(error?.detail.hasPrefix("timestamp: must be") == true, "\(text)")
    }

    @Test("a byte order mark is skipped, and counts as bytes")
    func skipsByteOrderMarks() {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        #expect(decode(mark + Array(#"{"rps":1,"cpu":1}"#.utf8)).isSingle)
        #expect(decode(mark + Array(#"[{"rps":1,"cpu":1}]"#.utf8)).samples.count == 1)
        #expect(
            decode(mark + Array(#"{"cpu":1}"#.utf8)).error?.detail
                == "rps: required field is missing at byte 12")
        #expect(decode(mark).error?.detail.hasPrefix("the body is empty") == true)
    }

    @Test("samples without a device get the one of the request")
    func namesSamples() throws {
        var batch = SampleBatch()
        let body = #"[{"rps":1,"cpu":1},{"rps":2,"cpu":1,"device_id":"own"},{"rps":3,"cpu":1}]"#
        try batch.decode(Array(body.utf8).span, now: 1)
        batch.nameUnnamed(Array("given".utf8).span)
        var names: [String] = []
        for sample in batch.samples { names.append(name(of: sample, in: batch)) }
        #expect(names == ["given", "own", "given"])
    }

    @Test(
        "cpu is optional; value serves where there is no rps, and may be negative",
        arguments: [
            (#"{"rps":1}"#, 1, Sample.notMeasured), (#"{"rps":1,"cpu":null}"#, 1, -1),
            (#"{"cpu":2,"value":-7.5}"#, -7.5, 2), (#"{"VALUE":"-3"}"#, -3, -1),
            (#"{"value":"bad","rps":4}"#, 4, -1), (#"{"value":[],"Rps":4,"CPU":5}"#, 4, 5),
            (#"{"rps":4,"value":1,"value":2}"#, 4, -1), (#"{"CPU":1,"Cpu":2,"rps":0}"#, 0, 2),
            (#"{"CPU":1,"CPU":2,"cpu":3,"rps":0}"#, 0, 3),
        ])
    func readsOptionalFields(_ body: String, rps: Double, cpu: Double) {
        let decoded = decode(body)
        #expect(decoded.samples.first?.rps == rps, "\(body): \(decoded.faults)")
        #expect(decoded.samples.first?.cpu == cpu, "\(body)")
    }

    @Test("a field that is taken twice is an error, whatever its spelling")
    func refusesTwice() {
        for body in [
            #"{"CPU":1,"CPU":2,"rps":0}"#, #"{"value":1,"value":2}"#, #"{"cpu":1,"cpu":1,"rps":1}"#,
        ] {
            #expect(decode(body).error?.fault == .duplicateField, "\(body)")
        }
    }

    @Test("a body of nothing but faults is read in one pass")
    func readsFaultsOnce() {
        // Each line could make the search for the next object go to the end of the body.
        let decoded = decode(String(repeating: "{\"\n", count: 200_000))
        #expect(decoded.samples.isEmpty)
    }

    @Test("a fault names its field, what is allowed and the byte")
    func namesFaults() {
        #expect(decode(#"{"cpu":1}"#).error?.detail == "rps: required field is missing at byte 9")
        #expect(
            decode(#"{"cpu":1,"rps":"x"}"#).error?.detail == "rps: must be a number at byte 15")
        #expect(
            decode(#"{"cpu":1,"rps":1,"rps":2}"#).error?.detail
                == "rps: duplicate field at byte 17")
        let long = String(repeating: "x", count: DeviceName.byteLimit + 1)
        #expect(
            decode("{\"cpu\":1,\"rps\":1,\"device_id\":\"\(long)\"}").error?.detail
                == "device_id: \(DeviceName.rule) at byte 29")
    }

    @Test("of many bad samples the first hundred are listed and all are counted")
    func listsAHundred() {
        let decoded = decode("[" + String(repeating: "1,", count: 149) + "{\"rps\":1,\"cpu\":1}]")
        #expect(decoded.rejected == 149)
        #expect(decoded.faults.count == SampleBatch.listedErrors)
        #expect(decoded.samples.count == 1)
    }

    @Test("a batch has a largest number of samples; the rest is rejected")
    func limitsSamples() {
        let one = "{\"rps\":1,\"cpu\":1}\n"
        let decoded = decode(String(repeating: one, count: SampleBatch.sampleLimit + 2))
        #expect(decoded.samples.count == SampleBatch.sampleLimit)
        #expect(decoded.rejected == 2)
        #expect(decoded.faults[SampleBatch.sampleLimit]?.contains("at most 100000") == true)
    }

    @Test(
        "a body of nothing but faults is given up; one good sample keeps it going, to a bound",
        arguments: [("1", ","), ("{\"cpu\":1}", ","), ("{\"cpu\":1}", "\n")])
    func givesUp(_ bad: String, _ separator: String) {
        let isArray = separator == ","
        func body(_ count: Int, first: String = "") -> String {
            let text = first + Array(repeating: bad, count: count).joined(separator: separator)
            return isArray ? "[\(text)]" : text
        }
        let few = decode(body(SampleBatch.onlyBadLimit))
        #expect(few.rejected == SampleBatch.onlyBadLimit)
        let many = decode(body(50_000))
        #expect(many.rejected == SampleBatch.onlyBadLimit + 1 && many.samples.isEmpty)
        let good = "{\"cpu\":1,\"rps\":1}\(separator)"
        let kept = decode(body(50_000, first: good))
        #expect(kept.rejected == 50_000 && kept.samples.count == 1)
        let most = decode(body(300_000, first: good))
        #expect(most.rejected == SampleBatch.decodedLimit && most.samples.count == 1)
    }

    @Test("a batch that is used again forgets what it held")
    func isUsedAgain() throws {
        var batch = SampleBatch()
        try batch.decode(Array(#"[{"rps":1,"cpu":1,"device_id":"a"},1]"#.utf8).span, now: 1)
        batch.verdicts = [Verdict()]
        try batch.decode(Array(#"{"rps":2,"cpu":1}"#.utf8).span, now: 1)
        let counts = (batch.samples.count, batch.rejected, batch.faults.count)
        #expect(counts == (1, 0, 0))
        let isEmpty = batch.verdicts.isEmpty
        #expect(isEmpty)
        let name = name(of: batch.samples[0], in: batch)
        #expect(name == "")
    }
}

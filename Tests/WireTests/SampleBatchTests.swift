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
            "{\"rps\":1,\"cpu\":1}\n\n  \r\nnonsense\n{\"rps\":2,\"cpu\":2}\n{\"rps\":3}")
        #expect(decoded.samples.map(\.index) == [0, 2])
        #expect(decoded.faults.keys.sorted() == [1, 3])
        #expect(decoded.faults[3]?.hasPrefix("cpu: required field is missing") == true)
    }

    @Test(
        "a body without a sample is one error, and keeps nothing",
        arguments: [
            ("", "the body is empty"), ("[]", "the array holds no sample"),
            ("7", "a sample must be a JSON object"), ("{\"rps\":1,\"cpu\":1", "syntax"),
            ("[{\"rps\":1,\"cpu\":1},", "syntax"),
            ("{\n\"rps\":\n1}", "cpu: required field is missing"),
        ])
    func refusesBodies(_ body: String, _ detail: String) {
        let decoded = decode(body)
        #expect(decoded.error != nil, "\(body)")
        #expect(decoded.samples.isEmpty)
        if detail != "syntax" { #expect(decoded.error?.detail.hasPrefix(detail) == true) }
        if detail == "syntax" { #expect(decoded.error?.fault == .syntax) }
    }

    @Test("what follows an object makes its line a bad sample")
    func refusesTrailingBytes() {
        let decoded = decode("{\"rps\":1,\"cpu\":1}}")
        #expect(decoded.samples.isEmpty)
        #expect(decoded.rejected == 1)
        #expect(decoded.faults[0]?.contains("at byte 17") == true)
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

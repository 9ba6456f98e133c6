import Bytes
import Detection
import Testing
import Wire

@Suite struct LineProtocolTests {
    private struct Decoded: Equatable {
        var rps: [Double] = []
        var cpu: [Double] = []
        var times: [Double] = []
        var devices: [String] = []
        var values: [Bool] = []
        var faults: [Int: String] = [:]
        var ignored = 0
    }

    private func decode(
        _ body: String, _ precision: LineProtocol.Precision = .nanoseconds
    ) -> Decoded {
        var batch = SampleBatch()
        var decoded = Decoded()
        let bytes = Array(body.utf8)
        decoded.ignored = batch.decode(lines: bytes.span, precision, now: 7)
        for sample in batch.samples {
            decoded.rps.append(sample.sample.rps)
            decoded.cpu.append(sample.sample.cpu)
            decoded.times.append(sample.sample.timestamp)
            let name = batch.name(sample)
            decoded.devices.append(
                String(decoding: name.indices.map { name[$0] }, as: UTF8.self))
            decoded.values.append(sample.isValue)
        }
        for fault in batch.faults { decoded.faults[fault.index] = fault.error.detail }
        return decoded
    }

    @Test("fields are the sample, tags name the device, the time has its unit")
    func reads() {
        let decoded = decode(
            """
            load,host=web-1,device=d rps=120.5,cpu=60 1700000000500000000
            load,device_id=e\\ \\,\\=f,host=h rps=1i,usage_idle=99.5,note="a b,c=\\"d\\n" 1700000000000000000
            temp,host=attic value=-7.25
            # a comment

            cpu,host=a usage_user=1.5,up=true 1700000000000000000
            m rps=3u,usage_active=4
            """)
        #expect(decoded.faults.isEmpty, "\(decoded.faults)")
        #expect(decoded.rps == [120.5, 1, -7.25, 3])
        #expect(decoded.cpu == [60, 0.5, Sample.notMeasured, 4])
        #expect(decoded.times == [1_700_000_000.5, 1_700_000_000, 7, 7])
        #expect(decoded.devices == ["d", "e ,=f", "attic", ""])
        #expect(decoded.values == [false, false, true, false])
        #expect(decoded.ignored == 3)
    }

    @Test("every unit of time is honoured")
    func readsTimes() {
        for (precision, time) in [
            (LineProtocol.Precision.nanoseconds, "1700000000000000000"),
            (.microseconds, "1700000000000000"), (.milliseconds, "1700000000000"),
            (.seconds, "1700000000"), (.minutes, "28333333"), (.hours, "472222"),
        ] {
            let found = decode("m rps=1 \(time)", precision).times.first ?? 0
            #expect(abs(found - 1_700_000_000) <= 3_600, "\(precision): \(found)")
        }
        #expect(decode("m rps=1 1700000000.5").faults[1] != nil)
        #expect(decode("m rps=1 -5").faults[1] != nil)
    }

    @Test(
        "a bad line is told by its number, and the others are kept",
        arguments: [
            ("m", "a field is name=value"), ("m rps", "a field is name=value"),
            ("m rps=", "a field's value"), ("m rps=abc", "a field's value"),
            ("m rps=-1", "rps: must be"), ("m rps=1,cpu=-1", "cpu: must be"),
            ("m rps=\"a\"", "rps: must be a number"), ("m rps=1,cpu=t", "cpu: must be a number"),
            ("m,host rps=1", "a tag is name=value"), ("m rps=1 x", "the timestamp"),
            ("m rps=1 1 2", "the timestamp"), ("m rps=1,x=\"a", "a text has no end"),
            (",a=b rps=1", "no measurement"), ("m rps=1e999", "a field's value"),
            ("m,host=\(String(repeating: "x", count: 200)) rps=1", "device_id: allowed"),
            ("m,host=a\u{7} rps=1", "device_id: allowed"), ("m rps=nan", "a field's value"),
        ])
    func tellsFaults(_ line: String, _ fault: String) {
        let decoded = decode("m rps=1\n\(line)\nm rps=2\n")
        #expect(decoded.rps == [1, 2], "\(decoded)")
        #expect(decoded.faults.keys.sorted() == [2])
        #expect(decoded.faults[2]?.hasPrefix(fault) == true, "\(decoded.faults)")
    }

    @Test("a body of nothing but bad lines is given up, and so is one of too many lines")
    func givesUp() {
        func rejected(_ body: String) -> Int {
            var batch = SampleBatch()
            let bytes = Array(body.utf8)
            _ = batch.decode(lines: bytes.span, .nanoseconds, now: 7)
            return batch.rejected
        }
        let limit = SampleBatch.onlyBadLimit
        #expect(rejected(String(repeating: "m\n", count: limit)) == limit)
        #expect(rejected(String(repeating: "m\n", count: 50_000)) == limit + 1)
        #expect(rejected("m rps=1\n" + String(repeating: "m\n", count: 50_000)) == 50_000)
        // Lines of other fields are no faults, and cost as much.
        #expect(rejected(String(repeating: "m x=1\n", count: SampleBatch.decodedLimit)) == 0)
        #expect(rejected(String(repeating: "m x=1\n", count: 300_000)) == 1)
    }

    @Test("a quotation mark in a name or a tag is a character, in a field it is a text")
    func readsQuotes() {
        let decoded = decode("m,host=a\"b rps=1\nm\"x rps=2,t=\"two\nlines rps=9\"\nm rps=3")
        #expect(decoded.rps == [1, 2, 3] && decoded.devices == ["a\"b", "", ""])
        #expect(decode("m,host=a\r\n rps=1\r\n").faults.count == 2)
        #expect(decode("m rps=1\r\nm rps=2\r\n").rps == [1, 2])
        // A backslash does not escape the end of a line.
        #expect(decode("m,host=a\\\nm rps=2\nm,host=b\\\\ rps=3").rps == [2, 3])
    }
}

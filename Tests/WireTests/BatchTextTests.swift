import Bytes
import Detection
import HTTP
import Testing
import Wire

@Suite struct BatchTextTests {
    /// The reply to a body whose samples got these flags.
    private func reply(
        _ body: String, path: String = "/ingest", _ selection: VerdictSelection = .flagged,
        anomalies: Set<Int> = [], alerts: Set<Int> = [], duplicates: Set<Int> = []
    ) throws -> String {
        var batch = SampleBatch()
        try batch.decode(Array(body.utf8).span, now: 1)
        for index in 0..<batch.samples.count {
            var verdict = Verdict()
            verdict.sequence = index + 1
            verdict.timestamp = 1
            verdict.isAnomaly = anomalies.contains(index)
            verdict.alert = alerts.contains(index)
            batch.verdicts.append(verdict)
        }
        for position in duplicates {
            batch.markDuplicate(position)
            batch.markDuplicate(position)
            batch.verdicts[position] = Verdict()
        }
        var request = Request()
        let bytes = Array(path.utf8)
        request.endpoint = Endpoint(path: ByteRange(0, bytes.count), bytes.span)
        request.selection = selection
        var buffer = ByteBuffer(limit: 1 << 20)
        buffer.append(verdictsOf: batch, to: request)
        return buffer.text
    }

    private let members =
        #""timestamp":1,"sequence":1,"rolling_avg":0,"std_dev":0,"z_score":0,"is_anomaly":false,"#
        + #""cpu_z_score":0,"score":0,"expected":0,"lower":0,"upper":0,"alert":false"#
    private let one = #"{"rps":2,"cpu":1,"device_id":"d","timestamp":1}"#

    @Test("one sample to /ingest is answered with its verdict")
    func answersOne() throws {
        #expect(
            try reply(one) == #"{"status":"accepted","device_id":"d",\#(members)}"#)
    }

    @Test("one sample to /metrics is answered with the sample and its verdict")
    func answersOneMetric() throws {
        #expect(
            try reply(one, path: "/metrics")
                == #"{"status":"ok","metric":{"timestamp":1,"cpu":1,"rps":2,"device_id":"d"},"#
                + #""verdict":{"device_id":"d",\#(members)}}"#)
    }

    @Test("a batch counts its flags and lists what was asked for")
    func answersMany() throws {
        let body = "[\(one),\(one),7,\(one)]"
        let flagged = try reply(body, anomalies: [0], alerts: [2])
        #expect(flagged.hasPrefix(#"{"status":"accepted","verdicts":[{"index":0,"#))
        #expect(flagged.contains(#"},{"index":3,"#))
        #expect(!flagged.contains(#"{"index":1,"#))
        #expect(flagged.contains(#"],"accepted":3,"rejected":1,"anomalies":1,"alerts":1,"#))
        #expect(flagged.contains(#""errors":[{"index":2,"detail":"a sample must be"#))
        let none = try reply(body, .none, anomalies: [0])
        #expect(none.hasPrefix(#"{"status":"accepted","verdicts":[],"accepted":3,"#))
        let all = try reply(body, .all)
        #expect(all.contains(#"{"index":0,"#) && all.contains(#"{"index":1,"#))
    }

    @Test("a sample that was stored before has no verdict")
    func answersDuplicates() throws {
        #expect(
            try reply(one, duplicates: [0])
                == #"{"status":"accepted","duplicate":true,"accepted":1,"duplicates":1}"#)
        #expect(
            try reply(one, path: "/metrics", duplicates: [0])
                == #"{"status":"ok","duplicate":true,"metric":{"timestamp":1,"cpu":1,"rps":2,"#
                + #""device_id":"d"}}"#)
    }

    @Test("of a batch only what is new has verdicts and counts as unusual")
    func answersPartlyNew() throws {
        let body = "[\(one),\(one),7,\(one)]"
        let partly = try reply(body, .all, anomalies: [0, 2], alerts: [0], duplicates: [0])
        #expect(
            partly.hasPrefix(
                #"{"status":"accepted","duplicate":true,"verdicts":[{"index":1,"device_id""#))
        #expect(partly.contains(#"},{"index":3,"#))
        #expect(
            partly.contains(
                #"],"accepted":3,"duplicates":1,"rejected":1,"anomalies":1,"alerts":0,"#))
        let none = try reply(body, .all, duplicates: [0, 1, 2])
        #expect(none.contains(#""duplicate":true,"verdicts":[],"accepted":3,"duplicates":3,"#))
        #expect(!(try reply(body, .all)).contains("duplicate"))
    }

    @Test("a batch that is emptied has neither key nor duplicates")
    func forgetsDuplicates() throws {
        var batch = SampleBatch()
        let (body, key) = (Array(one.utf8), Array("k".utf8))
        try batch.decode(body.span, now: 1)
        batch.key = RequestKey(key.span)
        batch.markDuplicate(0)
        #expect(batch.isDuplicate(0) && batch.duplicates == 1)
        try batch.decode(body.span, now: 1)
        #expect(batch.key == nil && batch.duplicates == 0 && !batch.isDuplicate(0))
    }

    @Test("a filter of anomalies takes its device and its alerts")
    func filters() {
        let name = Array("d".utf8)
        let other = Array("de".utf8)
        let everything = AnomalyFilter(limit: 1)
        func accepts(_ filter: AnomalyFilter, _ name: [UInt8], isAlert: Bool) -> Bool {
            filter.accepts(device: name.span, isAlert: isAlert)
        }
        #expect(accepts(everything, name, isAlert: false))
        let alerts = AnomalyFilter(alertsOnly: true, limit: 1)
        #expect(!accepts(alerts, name, isAlert: false))
        #expect(accepts(alerts, name, isAlert: true))
        let mine = AnomalyFilter(device: name, limit: 1)
        #expect(accepts(mine, name, isAlert: false))
        #expect(!accepts(mine, other, isAlert: true))
    }
}

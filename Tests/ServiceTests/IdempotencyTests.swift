import Foundation
import TestSupport
import Testing

/// Requests that are sent again with their `Idempotency-Key`.
@Suite struct IdempotencyTests {
    private static let sample = #"{"timestamp":9,"cpu":12,"rps":120,"device_id":"d"}"#

    private func key(_ value: String) -> String { "Idempotency-Key: \(value)\r\n" }

    private func value(_ name: String, _ text: String) -> Double? {
        text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            .flatMap { Double($0.dropFirst(name.count + 1)) }
    }

    @Test("the same request again is stored once, and its answer says so")
    func storesOnce() throws {
        let service = try RunningService()
        func post(_ path: String, _ headers: String = "") throws -> Response {
            try service.post(path, IdempotencyTests.sample, headers: headers)
        }
        let plain = try post("/ingest")
        let first = try post("/ingest", key("k"))
        #expect(plain.number("sequence") == 1 && first.number("sequence") == 2)
        #expect(!first.body.contains("duplicate"))
        let again = try post("/ingest", key("k"))
        #expect(again.status == 202)
        #expect(
            again.body == #"{"status":"accepted","duplicate":true,"accepted":1,"duplicates":1}"#)
        // Key and body make the request, not its path.
        let metric = try post("/metrics", key("k"))
        #expect(metric.status == 200)
        #expect(
            metric.body
                == #"{"status":"ok","duplicate":true,"metric":\#(IdempotencyTests.sample)}"#)
        #expect(try post("/ingest", key("l")).number("sequence") == 3)
        #expect(try service.get("/analyze?device_id=d").number("total_processed") == 3)

        let text = try service.get("/metrics").body
        #expect(value("samples_total", text) == 3)
        #expect(value("samples_duplicate_total", text) == 2)
        #expect(value("ingest_requests_total", text) == 5)
        #expect((0...3600).contains(value("idempotency_oldest_seconds", text) ?? -1))
    }

    @Test("a batch again, in one body or in chunks, lists what is wrong and no verdicts")
    func storesBatchesOnce() throws {
        let service = try RunningService()
        let lines = (1...1500).map { "{\"cpu\":1,\"rps\":\($0 % 7),\"timestamp\":\($0)}" } + ["7"]
        let body = lines.joined(separator: "\n")
        let first = try service.post("/ingest?verdicts=all", body, headers: key("k"))
        #expect(first.number("accepted") == 1500)
        #expect(first.json["duplicate"] == nil && first.json["duplicates"] == nil)
        #expect((first.json["verdicts"] as? [Any])?.count == 1500)
        let size = String(body.utf8.count, radix: 16)
        let again = try service.send(
            "POST /ingest?verdicts=all HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                + "\(key("k"))\r\n\(size)\r\n\(body)\r\n0\r\n\r\n")
        #expect(again.status == 202)
        #expect(again.json["duplicate"] as? Bool == true)
        #expect(again.number("accepted") == 1500 && again.number("duplicates") == 1500)
        #expect(again.number("rejected") == 1)
        #expect((again.json["errors"] as? [Any])?.count == 1)
        #expect((again.json["verdicts"] as? [Any])?.isEmpty == true)
        #expect(try service.get("/analyze").number("total_processed") == 1500)
    }

    @Test("a request that was refused may come again with its key")
    func remembersWhatIsStored() throws {
        let service = try RunningService(["AUTH_TOKEN": "t"])
        let sample = IdempotencyTests.sample
        #expect(try service.post("/ingest", sample, headers: key("k")).status == 401)
        let token = "Authorization: Bearer t\r\n"
        #expect(try service.post("/ingest", "[7]", headers: key("k") + token).status == 400)
        let good = try service.post("/ingest", sample, headers: key("k") + token)
        #expect(good.number("sequence") == 1)
    }

    @Test("a bad key is a 400 that names the header and its range; the connection goes on")
    func refusesBadKeys() throws {
        let service = try RunningService()
        let client = try service.connect()
        let long = String(repeating: "k", count: 129)
        for headers in [key(""), key("a b"), key("é"), key(long), key("k") + key("k")] {
            try client.write(
                RunningService.post("/ingest", IdempotencyTests.sample, headers: headers))
            let answer = try client.response()
            #expect(answer.status == 400)
            #expect(answer.headers["connection"] == nil)
            #expect(
                answer.json["detail"] as? String
                    == "Idempotency-Key: allowed is one such header of 1 to 128 visible ASCII "
                    + "characters (0x21 to 0x7E)")
        }
        #expect(try service.get("/analyze", headers: key("a b")).number("count") == 0)
    }

    @Test("IDEMPOTENCY_KEYS says how many are remembered")
    func isLimited() throws {
        let service = try RunningService(["IDEMPOTENCY_KEYS": "2"])
        let numbers = try ["k", "l", "l", "m", "k"].map { name in
            try service.post("/ingest", IdempotencyTests.sample, headers: key(name))
                .number("sequence")
        }
        #expect(numbers == [1, 2, nil, 3, 4])
    }
}

import Foundation
import TestSupport
import Testing

/// Batches, and what a sample may be.
@Suite struct BatchTests {
    @Test("an array and lines are judged sample by sample, in order", arguments: [true, false])
    func judgesBatches(_ asArray: Bool) throws {
        let service = try RunningService()
        let samples = (1...5).map { "{\"cpu\":1,\"rps\":\($0)}" }
        let body =
            asArray ? "[" + samples.joined(separator: ",") + "]" : samples.joined(separator: "\n")
        let answer = try service.post("/ingest?verdicts=all", body)
        #expect(answer.status == 202)
        #expect(answer.number("accepted") == 5)
        #expect(answer.number("rejected") == 0)
        let verdicts = answer.json["verdicts"] as? [[String: Any]] ?? []
        #expect(verdicts.map { $0["index"] as? Int } == [0, 1, 2, 3, 4])
        #expect(verdicts.map { $0["sequence"] as? Int } == [1, 2, 3, 4, 5])
        #expect(try service.post("/metrics", body).status == 200)
    }

    @Test("verdicts are listed all, flagged or not at all")
    func selectsVerdicts() throws {
        let service = try RunningService()
        let lines =
            (1...40).map { "{\"cpu\":1,\"rps\":\(100 + $0 % 2),\"device_id\":\"d\"}" }
            + ["{\"cpu\":1,\"rps\":900,\"device_id\":\"d\"}"]
        func listed(_ query: String) throws -> [[String: Any]] {
            let answer = try service.post("/ingest" + query, lines.joined(separator: "\n"))
            return answer.json["verdicts"] as? [[String: Any]] ?? []
        }
        #expect(try listed("?verdicts=all").count == 41)
        #expect(try listed("").map { $0["index"] as? Int }.contains(40))
        #expect(try listed("?verdicts=none").isEmpty)
        #expect(try service.post("/ingest?verdicts=some", "[]").status == 400)
    }

    @Test("good samples are kept, bad ones listed with their field and byte")
    func keepsTheGood() throws {
        let service = try RunningService()
        let answer = try service.post(
            "/ingest",
            "{\"cpu\":1,\"rps\":1}\n{\"cpu\":1}\n\n{\"rps\":-1,\"cpu\":1}\r\n{\"cpu\":2,\"rps\":2} \nnonsense"
        )
        #expect(answer.status == 202)
        #expect(answer.number("accepted") == 2)
        #expect(answer.number("rejected") == 3)
        let errors = answer.json["errors"] as? [[String: Any]] ?? []
        #expect(errors.map { $0["index"] as? Int } == [1, 2, 4])
        #expect((errors[0]["detail"] as? String)?.hasPrefix("rps: required") == true)
        #expect((errors[1]["detail"] as? String)?.contains("at byte 36") == true)
    }

    @Test("of many bad samples the first hundred are listed, all are counted")
    func listsAHundred() throws {
        let service = try RunningService()
        let bad = Array(repeating: "{\"cpu\":1}", count: 150)
        let answer = try service.post(
            "/ingest", "[" + (bad + ["{\"cpu\":1,\"rps\":1}"]).joined(separator: ",") + "]")
        #expect(answer.number("rejected") == 150)
        #expect((answer.json["errors"] as? [Any])?.count == 100)
        #expect(try service.post("/ingest", "[" + bad.joined(separator: ",") + "]").status == 400)
    }

    @Test("a broken array ends where nobody can say where the next sample begins")
    func endsBrokenArrays() throws {
        let service = try RunningService()
        for body in [#"[{"cpu":1,"rps":1},"#, #"[{"cpu":1,"rps":1}]x"#, #"[{"cpu":1,"rps":1}{]"#] {
            let answer = try service.post("/ingest", body)
            #expect(answer.status == 202)
            #expect(answer.number("accepted") == 1 && answer.number("rejected") == 1)
        }
        #expect(try service.get("/analyze").number("total_processed") == 3)
    }

    @Test(
        "a bad sample is a 400 that names what is wrong",
        arguments: [
            (#"{"value":"x"}"#, "value: must be a number"),
            (#"{"value":1e999}"#, "value: must be a finite number at byte 9"),
            (#"{"rps":1,"cpu":-1}"#, "cpu: must be a finite number >= 0"),
            (#"{"Rps":1,"Rps":1}"#, "rps: duplicate field at byte 9"),
            (#"{"cpu":1}"#, "rps: required field is missing"),
            (#"{"cpu":1,"rps":"x"}"#, "rps: must be a number at byte 15"),
            (#"{"cpu":1,"rps":true}"#, "rps: must be a number"),
            (#"{"cpu":1,"rps":-0.5}"#, "rps: must be a finite number >= 0"),
            (#"{"cpu":1e999,"rps":1}"#, "cpu: must be a finite number >= 0"),
            (#"{"cpu":1,"rps":1,"rps":2}"#, "rps: duplicate field"),
            (#"{"cpu":1,"rps":1,"timestamp":"now"}"#, "timestamp: must be a number"),
            (#"{"cpu":1,"rps":1,"timestamp":1e21}"#, "timestamp: must be Unix time"),
            (#"{"cpu":1,"rps":1,"device_id":7}"#, "device_id: must be a string"),
            (#"{"cpu":1,"rps":1,"device_id":"a\u0007"}"#, "device_id: allowed is"),
            (#"{"cpu":1,"rps":1,"x":{]}"#, "unexpected byte"),
            (#"{"cpu":1,"rps":1"#, "unexpected end of JSON at byte 16"),
            (#"{"cpu":01,"rps":1}"#, "cpu: malformed number at byte 8"),
            (#"{"cpu":1,"rps":NaN}"#, "rps: unexpected byte in JSON at byte 15"),
            (#"{"cpu":1,"rps":1,"device_id":"\x"}"#, "device_id: malformed escape"),
            ("{\n \"cpu\": 1,\n \"rps\": -1\n}\n", "rps: must be a finite number >= 0 at byte 21"),
            ("{\n \"cpu\": 1\n}", "rps: required field is missing at byte 13"),
            ("{\n \"cpu\": 1,\n \"rps\": NaN\n}", "rps: unexpected byte in JSON at byte 21"),
            (
                "{\"cpu\":1,\"rps\":-1,\"x\":\n  {\"cpu\":1}\n}",
                "no good sample among 3; the first: rps: must be"
            ),
            ("{\"cpu\":1}\n{\"rps\":-1}", "no good sample among 2; the first: rps: required"),
            ("17", "a sample must be a JSON object"), ("", "the body is empty"),
            ("   ", "the body is empty"), ("[]", "no sample"),
        ])
    func namesWhatIsWrong(_ body: String, _ detail: String) throws {
        let service = try RunningService()
        let answer = try service.post("/ingest", body)
        #expect(answer.status == 400)
        #expect(answer.headers["content-type"] == "application/problem+json")
        #expect(Set(answer.json.keys) == ["type", "title", "status", "detail"])
        #expect((answer.json["detail"] as? String ?? "").contains(detail), "\(answer.body)")
    }

    @Test("a device's name has 1 to 128 bytes; unknown fields and nulls are let pass")
    func takesNames() throws {
        let service = try RunningService()
        let longest = String(repeating: "é", count: 64)
        let taken = try service.post(
            "/ingest", "{\"cpu\":1,\"rps\":1,\"device_id\":\"\(longest)\"}")
        #expect(taken.status == 202)
        #expect(
            try service.post("/ingest", "{\"cpu\":1,\"rps\":1,\"device_id\":\"\(longest)a\"}")
                .status
                == 400)
        let extra = #"{"cpu":1,"rps":1,"device_id":null,"x":[1,{"y":null}],"timestamp":null}"#
        #expect(try service.post("/ingest", extra).status == 202)
    }

    /// Samples as lines, each of a device of its own.
    private func lines(_ count: Int) -> String {
        (0..<count).map { "{\"timestamp\":\($0),\"rps\":5,\"device_id\":\"d\($0)\"}" }
            .joined(separator: "\n")
    }

    @Test("a reply with many verdicts comes in chunks, and the next request after it")
    func answersInChunks() throws {
        let service = try RunningService(["THREADS": "1"])
        let client = try service.connect()
        let body = lines(3_000)
        try client.write(
            RunningService.post("/ingest?verdicts=all", body)
                + RunningService.post("/ingest?verdicts=all", "{\"rps\":1}")
                + RunningService.post("/ingest", body))
        let first = try client.response()
        #expect(first.status == 202 && first.headers["transfer-encoding"] == "chunked")
        #expect(first.headers["content-length"] == nil)
        let listed = try #require(first.json["verdicts"] as? [[String: Any]])
        #expect(listed.compactMap { $0["index"] as? Int } == Array(0..<3_000))
        #expect(first.json["accepted"] as? Int == 3_000)
        #expect(try client.response().json["sequence"] as? Int == 3_001)
        let short = try client.response()
        #expect(short.headers["content-length"] == "\(short.body.utf8.count)")
        #expect(short.json["accepted"] as? Int == 3_000)
    }

    @Test("to a client of HTTP/1.0 the same reply ends with the connection")
    func answersOldClients() throws {
        let service = try RunningService(["THREADS": "1"])
        let client = try service.connect()
        let body = lines(3_000)
        try client.write(
            "POST /ingest?verdicts=all HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: "
                + "\(body.utf8.count)\r\n\r\n\(body)")
        let reply = try client.rest()
        let parts = reply.components(separatedBy: "\r\n\r\n")
        #expect(parts.count == 2 && parts[0].contains("Connection: close"), "\(parts[0])")
        #expect(!parts[0].contains("Transfer-Encoding") && !parts[0].contains("Content-Length"))
        let object = try JSONSerialization.jsonObject(with: Data(parts[1].utf8))
        #expect((object as? [String: Any])?["accepted"] as? Int == 3_000)
    }

    @Test(
        "bodies that are decoded beside the loop get what short ones get",
        arguments: ["", "Transfer-Encoding: chunked\r\n", "Content-Encoding: gzip\r\n"])
    func decodesBeside(_ header: String) throws {
        let service = try RunningService(["THREADS": "1", "MAX_BODY_BYTES": "1000000"])
        func send(_ plain: String) throws -> Response {
            let bytes =
                header.contains("gzip")
                ? try Programs.coded(plain, "gzip.compress(b)") : Array(plain.utf8)
            let client = try service.connect()
            let head = "POST /ingest?device_id=x HTTP/1.1\r\nHost: a\r\n" + header
            if header.contains("chunked") {
                try client.write(head + "\r\n" + String(bytes.count, radix: 16) + "\r\n")
                try client.write(bytes)
                try client.write("\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            } else {
                try client.write(head + "Content-Length: \(bytes.count)\r\n\r\n")
                try client.write(bytes)
                try client.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            }
            let response = try client.response()
            #expect(try client.response().body.contains("healthy"))
            return response
        }
        let sample = "{\"timestamp\":1,\"rps\":5}"
        let blanks = String(repeating: " ", count: 200_000)
        let good = try send(blanks + sample)
        #expect(good.status == 202 && good.body.contains("\"device_id\":\"x\""), "\(good.body)")
        let many = try send(Array(repeating: sample, count: 9_000).joined(separator: "\n"))
        #expect(many.json["accepted"] as? Int == 9_000)
        let bad = try send(blanks + "[1,2]")
        #expect(bad.status == 400 && bad.body.contains("a sample must be a JSON object"))
        let none = try send(blanks + "nonsense")
        #expect(none.status == 400, "\(none.body)")
        if header.contains("gzip") {
            let long = try send(blanks + blanks + blanks + blanks + blanks + blanks)
            #expect(long.status == 413, "\(long.body)")
        }
        let text = try service.get("/metrics").body
        #expect(text.contains("\nsamples_total 9001\n"))
    }
}

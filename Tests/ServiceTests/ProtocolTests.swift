import Foundation
import TestSupport
import Testing

/// The errors and the HTTP behaviour that clients rely on, over a real socket.
@Suite struct ProtocolTests {
    private static let sample = #"{"cpu":12,"rps":120}"#

    @Test("each refusal has its status, and the connection is closed after it")
    func refuses() throws {
        let service = try RunningService(["MAX_BODY_BYTES": "1000"])
        let long = String(repeating: "a", count: 20_000)
        let cases: [(Int, String)] = [
            (400, "GET / HTTP/1.1\r\n\r\n"),
            (411, "POST /ingest HTTP/1.1\r\nHost: x\r\n\r\n"),
            (413, "POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"),
            (414, "GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n"),
            (431, "GET / HTTP/1.1\r\nHost: x\r\nA: \(long)\r\n\r\n"),
            (501, "POST /ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"),
            (505, "GET / HTTP/3.0\r\nHost: x\r\n\r\n"),
            (
                415,
                "POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}"
            ),
        ]
        for (status, request) in cases {
            let client = try service.connect()
            try client.write(request)
            let answer = try client.response()
            #expect(answer.status == status, "\(request.prefix(60))")
            #expect(answer.headers["content-type"] == "application/problem+json")
            let staysOpen = status == 411 || status == 415
            #expect((answer.headers["connection"] == "close") != staysOpen)
            if !staysOpen { #expect(try client.isAtEnd()) }
        }
        let text = try service.get("/metrics").body
        #expect(text.contains("status=\"413\"}"))
    }

    @Test("a body somewhat over the limit is heard out, so that its 413 is not lost")
    func answersLargeBodies() throws {
        let service = try RunningService(["MAX_BODY_BYTES": "1000000"])
        let client = try service.connect()
        let length = 6_000_000
        try client.write("POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: \(length)\r\n\r\n")
        for _ in 0..<60 { try client.write([UInt8](repeating: 0x20, count: length / 60)) }
        #expect(try client.response().status == 413)
    }

    @Test("a coding that is not served is refused among others, too", arguments: [true, false])
    func refusesCodings(_ identityFirst: Bool) throws {
        let codings = identityFirst ? ["identity", "br"] : ["br", "identity"]
        let service = try RunningService()
        let headers = codings.map { "Content-Encoding: \($0)\r\n" }.joined()
        let answer = try service.post("/ingest", ProtocolTests.sample, headers: headers)
        #expect(answer.status == 415)
    }

    @Test("a port that another process serves is not shared with it")
    func refusesTakenPort() throws {
        let service = try RunningService()
        #expect(throws: Failure.self) {
            try RunningService(arguments: ["--port", "\(service.port)"])
        }
        #expect(try service.get("/health").status == 200)
    }

    @Test("a head or a body that trickles in gets 408 and slows nobody else")
    func timesOut() throws {
        let service = try RunningService([
            "HEAD_TIMEOUT": "600ms", "BODY_TIMEOUT": "600ms", "IDLE_TIMEOUT": "700ms",
            "THREADS": "1",
        ])
        let slowHead = try service.connect()
        let slowBody = try service.connect()
        let idle = try service.connect()
        try slowBody.write("POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n")
        var served = 0
        for byte in Array("GET /hea".utf8) {
            try? slowHead.write([byte])
            try? slowBody.write([0x20])
            for _ in 0..<5 where try service.post("/ingest", ProtocolTests.sample).status == 202 {
                served += 1
            }
            usleep(110_000)
        }
        #expect(served == 40)
        #expect(try slowHead.response().status == 408)
        #expect(try slowBody.response().status == 408)
        #expect(try idle.isAtEnd(), "an idle connection is closed without a word")
    }

    @Test("the same requests cut at every byte boundary get the same answers")
    func survivesEveryCut() throws {
        let service = try RunningService()
        let requests = Array(
            (RunningService.post("/ingest", ProtocolTests.sample)
                + "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
                + "POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "14\r\n\(ProtocolTests.sample)\r\n0\r\n\r\n").utf8)
        for cut in 1..<requests.count {
            let client = try service.connect()
            try client.write(Array(requests[..<cut]))
            // Long enough for the first piece to be read by itself.
            usleep(1500)
            try client.write(Array(requests[cut...]))
            let statuses = try (0..<3).map { _ in try client.response().status }
            #expect(statuses == [202, 200, 200], "cut at \(cut)")
        }
        let total = try service.get("/analyze").number("total_processed")
        #expect(total == Double(2 * (requests.count - 1)))
    }

    @Test("pipelined requests are answered in order")
    func pipelines() throws {
        let service = try RunningService()
        let client = try service.connect()
        let count = 500
        try client.write(
            String(
                repeating: RunningService.post("/ingest", ProtocolTests.sample), count: count))
        for index in 1...count {
            #expect(try client.response().number("sequence") == Double(index))
        }
    }

    @Test("what a client sent that was cut never stands before what another sends")
    func separatesClients() throws {
        let service = try RunningService(["THREADS": "1"])
        for beginning in [
            "P", "POST /ingest HTTP/1.1\r\nHost: test\r\nX-Swallows: ",
            "POST /ingest HTTP/1.1\r\nHost: test\r\nContent-Length: 500\r\n\r\n{",
            "POST /ingest HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
        ] {
            for _ in 0..<3 {
                // It is open before, so that it takes the place of the other in no way.
                let other = try service.connect()
                var cut: RawClient? = try service.connect()
                try cut?.write(beginning)
                usleep(50_000)
                cut?.endsWithReset()
                cut = nil
                usleep(50_000)
                try other.write("GET /health HTTP/1.1\r\nHost: test\r\n\r\n")
                #expect(try other.response().status == 200, "\(beginning)")
            }
        }
        #expect(try service.get("/analyze").number("total_processed") == 0)
    }

    @Test(
        "a client that does not read is not read either, and loses nothing",
        .enabled(if: !RunningService.isSecuredEverywhere, "the client writes bytes as they are"))
    func pushesBack() throws {
        let service = try RunningService(["THREADS": "1"])
        let client = try RawClient(port: service.port, receiveBufferBytes: 16_384)
        // Requests nearly as long as their answers, so that few of them fill the kernel's buffers.
        let padding = String(repeating: "a", count: 7000)
        let request = Array("GET /metrics HTTP/1.1\r\nHost: x\r\nA: \(padding)\r\n\r\n".utf8)
        var sent = 0
        var stalls = 0
        // Sends until neither the service nor the kernel takes more.
        while stalls < 20, sent < 64_000_000 {
            let offset = sent % request.count
            let written = client.writeWithoutWaiting(Array(request[offset...]) + request)
            if written > 0 {
                sent += written
                stalls = 0
            } else {
                stalls += 1
                usleep(10_000)
            }
        }
        #expect(stalls == 20, "the service went on reading: \(sent) bytes")
        #expect(try service.get("/health").status == 200)
        for _ in 0..<sent / request.count { #expect(try client.response().status == 200) }
    }

    @Test("Expect: 100-continue is answered when the body is wanted, and not when it isn't")
    func continues() throws {
        let service = try RunningService()
        let client = try service.connect()
        try client.write(
            "POST /ingest HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 20\r\n\r\n"
        )
        usleep(50_000)
        try client.write(ProtocolTests.sample)
        #expect(try client.response().status == 202)
        try client.write(
            "POST /nowhere HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 20\r\n\r\n"
        )
        let refused = try client.response()
        #expect(refused.status == 404)
        #expect(refused.headers["connection"] == "close")
    }

    @Test("HTTP/1.0 is served and closed, unless it asks to be kept")
    func servesOldClients() throws {
        let service = try RunningService()
        let client = try service.connect()
        try client.write("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(try client.response().headers["connection"] == "keep-alive")
        try client.write("GET /health HTTP/1.0\r\n\r\n")
        #expect(try client.response().headers["connection"] == "close")
        #expect(try client.isAtEnd())
    }

    @Test("a client that finishes sending still gets its answer")
    func answersHalfClosed() throws {
        let service = try RunningService()
        let client = try service.connect()
        try client.write(RunningService.post("/ingest", ProtocolTests.sample))
        client.finishSending()
        #expect(try client.response().status == 202)
        #expect(try client.isAtEnd())
    }

    @Test("with AUTH_TOKEN every POST needs it, no GET does")
    func asksForTheToken() throws {
        let service = try RunningService(["AUTH_TOKEN": "s3cret"])
        let without = try service.post("/ingest", ProtocolTests.sample)
        #expect(without.status == 401)
        #expect(without.headers["www-authenticate"] == "Bearer")
        for wrong in ["Bearer s3cres", "Bearer s3cret2", "Basic s3cret", "Bearer "] {
            let answer = try service.post(
                "/ingest", ProtocolTests.sample, headers: "Authorization: \(wrong)\r\n")
            #expect(answer.status == 401, "\(wrong)")
        }
        let right = try service.post(
            "/metrics", ProtocolTests.sample, headers: "authorization: bearer s3cret\r\n")
        #expect(right.status == 200)
        #expect(try service.get("/analyze").status == 200)
    }

    @Test(
        "over its quota a client gets 429 and is told when to come back",
        .enabled(if: !RunningService.isSecuredEverywhere, "handshakes take the quota's time"))
    func boundsClients() throws {
        let service = try RunningService(["CLIENT_QUOTA": "5"])
        let statuses = try (0..<12).map { _ in
            try service.post("/ingest", ProtocolTests.sample).status
        }
        #expect(statuses.prefix(5).allSatisfy { $0 == 202 })
        #expect(statuses.contains(429))
        let refused = try service.post("/ingest", ProtocolTests.sample)
        #expect(refused.status == 429)
        #expect(refused.headers["retry-after"] == "1")
        #expect(try service.get("/health").status == 200, "probes are never refused")
        for path in ["/metrics", "/prometheus", "/metrics/prometheus"] {
            #expect(try service.get(path).status == 200, "scrapes are never refused")
        }
    }

    @Test("for a connection beyond the limit the idlest goes; while all are busy probes are heard")
    func boundsConnections() throws {
        let service = try RunningService(["MAX_CONNECTIONS": "2", "THREADS": "1"])
        let question = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
        let first = try service.connect()
        try first.write(question)
        #expect(try first.response().status == 200)
        usleep(20_000)
        let second = try service.connect()
        try second.write(question)
        #expect(try second.response().status == 200)
        usleep(20_000)
        let third = try service.connect()
        try third.write(question)
        #expect(try third.response().status == 200)
        #expect(try first.isAtEnd(), "the idlest")
        // Two that are in the middle of a request are not closed.
        let begun = "POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n{"
        try second.write(begun)
        try third.write(begun)
        usleep(100_000)
        for path in ["/health", "/ready", "/metrics"] {
            let probe = try service.connect()
            try probe.write("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try probe.response().status == 200)
            #expect(try probe.isAtEnd(), "its connection is not kept")
        }
        let refused = try service.post("/ingest", "{\"cpu\":1,\"rps\":2}")
        #expect(refused.status == 503 && refused.body.contains("MAX_CONNECTIONS"))
        #expect(refused.headers["retry-after"] == "1")
        #expect(try service.get("/analyze").status == 503)
        // They take no room for good.
        for _ in 0..<40 { #expect(try service.get("/health").status == 200) }
        try second.write("\"cpu\":1,\"rps\":2}")
        #expect(try second.response().status == 202)
        #expect(try service.post("/ingest", "{\"cpu\":1,\"rps\":2}").status == 202)
        try third.write("\"cpu\":1,\"rps\":2}")
        #expect(try third.response().status == 202)
    }

    @Test("bodies that never end take no more memory than they may, and then make room again")
    func boundsMemory() throws {
        let service = try RunningService(["MAX_BUFFERED_BYTES": "4000000", "THREADS": "1"])
        let part = [UInt8](repeating: 0x20, count: 1_500_000)
        var clients: [RawClient] = []
        for number in 0..<4 {
            let client = try service.connect()
            let framing =
                number % 2 == 0 ? "Content-Length: 8000000" : "Transfer-Encoding: chunked"
            try client.write("POST /ingest HTTP/1.1\r\nHost: x\r\n\(framing)\r\n\r\n")
            if number % 2 == 1 { try client.write("7A1200\r\n") }
            // A refused client's socket may close under it.
            try? client.write(part)
            clients.append(client)
        }
        usleep(300_000)
        #expect(try service.post("/ingest", ProtocolTests.sample).status == 202)
        let text = try service.get("/metrics").body
        let refused = text.split(separator: "\n").first {
            $0.hasPrefix("http_requests_total") && $0.contains("status=\"503\"")
        }
        #expect(refused != nil, "\(text)")
        clients.removeAll()
        usleep(100_000)
        let long = String(repeating: " ", count: 1_900_000) + ProtocolTests.sample
        #expect(try service.post("/ingest", long).status == 202)
    }

    @Test("at MAX_DEVICES the device idle longest goes, and a counter says so")
    func boundsDevices() throws {
        let service = try RunningService(["MAX_DEVICES": "2"])
        for device in ["a", "b", "c"] {
            _ = try service.post("/ingest", "{\"cpu\":1,\"rps\":1,\"device_id\":\"\(device)\"}")
        }
        #expect(try service.get("/analyze?device_id=a").status == 404)
        #expect(try service.get("/analyze?device_id=c").status == 200)
        #expect(try service.get("/metrics").body.contains("\ndevices_evicted_total 1\n"))
    }
}

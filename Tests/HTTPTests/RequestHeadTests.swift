import Bytes
import HTTP
import Testing

/// The refusal's status for a head, nil when it is accepted, -1 when it is incomplete.
private func status(_ head: String, _ limits: HTTPLimits = HTTPLimits()) -> Int? {
    let bytes = Array(head.utf8)
    do throws(HTTPRefusal) {
        return try RequestHeadParser.parse(bytes.span, limits) == nil ? -1 : nil
    } catch {
        return Int(error.status.rawValue)
    }
}

@Suite struct RequestHeadTests {
    @Test("a plain request is parsed")
    func parsesPlainRequest() throws {
        let text =
            "POST /ingest?verdicts=all HTTP/1.1\r\nhOsT: x:8080\r\nContent-Length: 20\r\n"
            + "Accept: */*\r\nAuthorization:  Bearer t \r\n\r\n"
        let bytes = Array(text.utf8)
        let head = try #require(try RequestHeadParser.parse(bytes.span, HTTPLimits()))
        #expect(head.method == .post)
        #expect(String(bytes.span.extracting(head.path)) == "/ingest")
        #expect(String(bytes.span.extracting(head.query)) == "verdicts=all")
        #expect(String(bytes.span.extracting(head.authorization)) == "Bearer t")
        #expect(head.framing == .length(20))
        #expect(head.keepAlive)
        #expect(head.byteCount == bytes.count)
    }

    @Test(
        "a head that can be read in two ways is refused",
        arguments: [
            // Lengths.
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n",
            // Found by comparing with other parsers.
            "GET health HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET -health HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET *x HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET *?x HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http:/health HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http:///health HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: \u{E9}\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5 5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            // Lines.
            "GET / HTTP/1.1\nHost: x\n\n",
            "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: \u{0}\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA\u{7F}: b\r\n\r\n",
            // Request lines and hosts.
            "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
            "GET /\u{1} HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /# HTTP/1.1\r\nHost: x\r\n\r\n",
            "G@T / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTQ/1.1\r\nHost: x\r\n\r\n",
            "GET /\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
        ])
    func refusesAmbiguity(_ head: String) {
        #expect(status(head) == 400)
    }

    @Test("versions and codings that are not served have statuses of their own")
    func namesWhatIsNotServed() {
        #expect(status("GET / HTTP/2.0\r\nHost: x\r\n\r\n") == 505)
        #expect(
            status("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n") == 501)
        #expect(status("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n") == 501)
    }

    @Test("limits: 414 for the line, 431 for the head and for too many headers")
    func boundsHeads() {
        let long = String(repeating: "a", count: 9000)
        #expect(status("GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n") == 414)
        #expect(status("GET /\(long)") == 414)
        #expect(status("GET / HTTP/1.1\r\nHost: x\r\nA: \(long)\r\nB: \(long)\r\n\r\n") == 431)
        #expect(status("GET / HTTP/1.1\r\nHost: x\r\nA: \(long)\(long)") == 431)
        let many = String(repeating: "A: b\r\n", count: 100)
        #expect(status("GET / HTTP/1.1\r\nHost: x\r\n\(many)\r\n") == 431)
        let fewer = String(repeating: "A: b\r\n", count: 99)
        #expect(status("GET / HTTP/1.1\r\nHost: x\r\n\(fewer)\r\n") == nil)
    }

    @Test("keep-alive follows the version and the Connection header")
    func knowsKeepAlive() throws {
        func keeps(_ text: String) throws -> Bool {
            let bytes = Array(text.utf8)
            return try #require(try RequestHeadParser.parse(bytes.span, HTTPLimits())).keepAlive
        }
        #expect(try keeps("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        #expect(try !keeps("GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n"))
        #expect(try !keeps("GET / HTTP/1.0\r\n\r\n"))
        #expect(try keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"))
    }

    @Test("an Idempotency-Key is 1 to 128 visible ASCII characters, once")
    func readsKeys() throws {
        func key(_ headers: String) throws -> String? {
            let bytes = Array("POST / HTTP/1.1\r\nHost: x\r\n\(headers)\r\n".utf8)
            let head = try #require(try RequestHeadParser.parse(bytes.span, HTTPLimits()))
            switch head.idempotencyKey {
            case .missing: return nil
            case .key(let range): return String(bytes.span.extracting(range))
            case .bad: return "bad"
            }
        }
        let longest = String(repeating: "~", count: 128)
        #expect(try key("") == nil)
        #expect(try key("Idempotency-Kay: k\r\n") == nil)
        #expect(try key("idempotency-KEY:  \"!~\" \r\n") == "\"!~\"")
        #expect(try key("Idempotency-Key: \(longest)\r\n") == longest)
        for value in ["", "a b", "a\tb", "é", longest + "~"] {
            #expect(try key("Idempotency-Key: \(value)\r\n") == "bad", "\(value)")
        }
        #expect(try key("Idempotency-Key: k\r\nIdempotency-Key: k\r\n") == "bad")
        #expect(try key("Idempotency-Key:\r\nIdempotency-Key: k\r\n") == "bad")
    }

    @Test("every proper prefix of a head is incomplete, never an error")
    func waitsForTheRest() {
        let head =
            "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        for length in 0..<head.utf8.count {
            #expect(
                status(String(decoding: head.utf8.prefix(length), as: UTF8.self)) == -1, "\(length)"
            )
        }
        #expect(status("\r\n" + head) == nil)
        #expect(status("\r\n\r\n" + head) == 400)
    }

    @Test("a proxy's absolute target is its path")
    func readsAbsoluteTargets() throws {
        let bytes = Array("GET HTTPS://h:1/health?a HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        let head = try #require(try RequestHeadParser.parse(bytes.span, HTTPLimits()))
        #expect(String(bytes.span.extracting(head.path)) == "/health")
    }
}

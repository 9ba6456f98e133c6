import Bytes
import HTTP
import Numerics
import Testing

@Suite struct ResponseTests {
    private func parse(_ text: String) throws -> ResponseSummary? {
        let bytes = Array(text.utf8)
        return try ResponseParser.parse(bytes.span)
    }

    @Test("the parser reads back what the writer wrote, at every cut")
    func readsWhatIsWritten() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let statuses: [HTTPStatus] = [.ok, .accepted, .badRequest, .tooManyRequests]
        var date = ByteBuffer(limit: 64)
        date.append("Sat, 21 Nov 2026 02:37:54 GMT")
        for _ in 0..<200 {
            var head = ResponseHead(statuses[random.below(statuses.count)])
            head.bodyBytes = random.below(100_000)
            head.keepAlive = random.below(2) == 0
            head.retryAfterSeconds = random.below(2) == 0 ? random.below(100) : nil
            head.allow = random.below(2) == 0 ? "GET, HEAD" : nil
            var written = ByteBuffer(limit: 4096)
            written.append(head, date: date)
            let text = String(written.readable)
            let summary = try #require(try parse(text))
            #expect(summary.status == Int(head.status.rawValue), "seed \(seed)")
            #expect(summary.framing == .length(head.bodyBytes))
            #expect(summary.keepAlive == head.keepAlive)
            #expect(summary.retryAfterSeconds == head.retryAfterSeconds)
            #expect(summary.byteCount == text.utf8.count)
            for cut in 0..<text.utf8.count {
                #expect(try parse(String(decoding: text.utf8.prefix(cut), as: UTF8.self)) == nil)
            }
        }
    }

    @Test("bytes that are not a response are an error")
    func refusesOthers() {
        for text in [
            "SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 200 OK\r\nnocolon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        ] {
            #expect(throws: ResponseError.self) { _ = try parse(text) }
        }
    }

    @Test("chunked wins over a length, and without both the body ends with the connection")
    func readsFraming() throws {
        func framing(_ headers: String) throws -> ResponseFraming? {
            try parse("HTTP/1.1 200 OK\r\n\(headers)\r\n")?.framing
        }
        let (length, chunked) = ("Content-Length: 5\r\n", "Transfer-Encoding: Chunked\r\n")
        #expect(try framing(length) == .length(5))
        #expect(try framing(chunked) == .chunked)
        #expect(try framing(length + chunked) == .chunked)
        #expect(try framing(chunked + length) == .chunked)
        #expect(try framing("") == .untilClose)
        #expect(throws: ResponseError.self) { _ = try framing("Transfer-Encoding: gzip\r\n") }
    }

    @Test("responses 1xx, 204 and 304 have no body", arguments: [100, 103, 204, 304])
    func knowsEmptyResponses(_ status: Int) throws {
        let head = "HTTP/1.1 \(status) x\r\nContent-Length: 9\r\n\r\n"
        #expect(try parse(head)?.framing == .length(0))
    }

    @Test("the connection stays open by version, unless the Connection header says otherwise")
    func readsKeepAlive() throws {
        func staysOpen(_ version: String, _ header: String) throws -> Bool? {
            try parse("HTTP/\(version) 200 OK\r\n\(header)\r\n")?.keepAlive
        }
        #expect(try staysOpen("1.1", "") == true)
        #expect(try staysOpen("1.1", "Connection: Close\r\n") == false)
        #expect(try staysOpen("1.0", "") == false)
        #expect(try staysOpen("1.0", "Connection: Keep-Alive\r\n") == true)
    }

    @Test("a head that does not end within 64 KiB is an error")
    func boundsHeads() throws {
        let start = "HTTP/1.1 200 OK\r\n"
        let fits = start + "X: " + String(repeating: "a", count: 65_536 - start.utf8.count - 3)
        #expect(try parse(fits) == nil)
        #expect(throws: ResponseError.self) { _ = try parse(fits + "a") }
    }

    @Test("dates are those of the calendar")
    func writesDates() {
        func text(_ seconds: Int) -> String {
            var buffer = ByteBuffer(limit: 64)
            buffer.append(httpDate: seconds)
            return String(buffer.readable)
        }
        #expect(text(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(text(1_709_164_800) == "Thu, 29 Feb 2024 00:00:00 GMT")
        #expect(text(4_107_542_400) == "Mon, 01 Mar 2100 00:00:00 GMT")
    }
}

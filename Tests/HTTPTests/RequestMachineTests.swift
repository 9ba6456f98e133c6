import Bytes
import HTTP
import Numerics
import Testing

/// The steps of the machine for a connection's bytes, as lines of text.
private struct Transcript {
    var lines: [String] = []

    /// Passes bytes in pieces, and acts as a driver that accepts the body of every POST.
    mutating func feed(_ pieces: [[UInt8]], _ limits: HTTPLimits) {
        var machine = RequestMachine(limits)
        var input = ByteBuffer(limit: 1 << 20)
        for piece in pieces {
            input.append(piece.span)
            drive(&machine, &input)
        }
        lines.append(machine.isBetweenRequests && input.isEmpty ? "clean" : "open")
    }

    private mutating func drive(_ machine: inout RequestMachine, _ input: inout ByteBuffer) {
        while true {
            switch machine.next(input.readable) {
            case .needMore: return
            case .head(let head):
                let path = String(input.readable.extracting(head.path))
                lines.append("\(head.method) \(path)")
                input.consume(head.byteCount)
                if head.method == .post {
                    if let refusal = machine.acceptBody(head) {
                        lines.append("refuse \(refusal.status.rawValue)")
                    }
                } else {
                    lines.append(machine.discardBody(head) ? "answered" : "answered, closing")
                }
            case .sendContinue: lines.append("100")
            case .body(let length):
                lines.append("body " + String(input.readable.extracting(0..<length)))
                input.consume(length)
            case .chunkedBody:
                lines.append("body " + String(machine.chunkedBody.readable))
                machine.finishChunkedBody()
            case .consumed(let count): input.consume(count)
            case .refuse(let refusal): lines.append("refuse \(refusal.status.rawValue)")
            }
        }
    }
}

private func transcript(_ pieces: [[UInt8]], _ limits: HTTPLimits = HTTPLimits()) -> [String] {
    var transcript = Transcript()
    transcript.feed(pieces, limits)
    return transcript.lines
}

private let conversation = Array(
    ("POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{\"a\":1}"
        + "GET /analyze HTTP/1.1\r\nHost: x\r\n\r\n"
        + "POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "4;ext=1;a=\"b \\\";\";c\r\nWiki\r\n00A\r\npedia in\r\n\r\n0\r\nX-Sum:\tx\r\nB:\r\n\r\n"
        + "GET /stats HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        + "HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n").utf8)

private let expected = [
    "post /ingest", "body {\"a\":1}", "get /analyze", "answered", "post /metrics",
    "body Wikipedia in\r\n", "get /stats", "answered", "head /health", "answered", "clean",
]

@Suite struct RequestMachineTests {
    @Test("requests cut at every byte boundary come out the same")
    func survivesEveryCut() {
        #expect(transcript([conversation]) == expected)
        for cut in 1..<conversation.count {
            let pieces = [Array(conversation[..<cut]), Array(conversation[cut...])]
            #expect(transcript(pieces) == expected, "cut at \(cut)")
        }
    }

    @Test("one byte at a time, and in random pieces, they come out the same")
    func survivesManyCuts() {
        #expect(transcript(conversation.map { [$0] }) == expected)
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<300 {
            var pieces: [[UInt8]] = []
            var start = 0
            while start < conversation.count {
                let end = min(conversation.count, start + 1 + random.below(40))
                pieces.append(Array(conversation[start..<end]))
                start = end
            }
            #expect(transcript(pieces) == expected, "seed \(seed)")
        }
    }

    @Test("100 Continue is sent when the body is wanted and has not come, and only then")
    func continues() {
        let head = Array(
            "POST /i HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n".utf8)
        #expect(transcript([head, Array("hi".utf8)]) == ["post /i", "100", "body hi", "clean"])
        #expect(transcript([head + Array("hi".utf8)]) == ["post /i", "body hi", "clean"])
    }

    @Test("a body over the limit is refused by its length, or when its chunks exceed the limit")
    func boundsBodies() {
        var limits = HTTPLimits()
        limits.bodyBytes = 10
        let long = Array("POST /i HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n".utf8)
        #expect(transcript([long], limits).contains("refuse 413"))
        let chunks = Array(
            ("POST /i HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "6\r\nabcdef\r\n5\r\n").utf8)
        #expect(transcript([chunks], limits).contains("refuse 413"))
    }

    @Test(
        "malformed chunks are refused",
        arguments: [
            "g\r\n", "\r\n", "-1\r\n", " 1\r\n", "1 \r\n", "0x1\r\na\r\n", "1\na", "1\r\nab\r\n",
            "1\r\na\n", "FFFFFFFFFFFFFFFF\r\n", "1000000000000000\r\n", "1;\u{1}\r\n",
            "0\r\nA: b\n\r\n", "1;;;\r\n", "1;\r\n", "1;a=\r\n", "1;a=\"b\r\n", "1; a\r\n",
            "1;a=\"b\"c\r\n", "1;a=\"b\\\r\n", "1;=a\r\n", "1;a b\r\n", "0;a=b=c\r\n",
            "0\r\n: b\r\n\r\n", "0\r\n a: b\r\n\r\n", "0\r\na\r\n\r\n",
            "0\r\na : b\r\n\r\n", "0\r\nA: b\r\n c\r\n\r\n", "0\r\nA: \u{1}\r\n\r\n",
            "0\r\nContent-Length: 5\r\n\r\n", "0\r\nTransfer-encoding: chunked\r\n\r\n",
            "0\r\nHost: y\r\n\r\n", "0\r\nGET /health HTTP/1.1\r\n\r\n",
        ])
    func refusesMalformedChunks(_ body: String) {
        let head = "POST /i HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        let lines = transcript([Array((head + body).utf8)])
        #expect(lines.contains("refuse 400") || lines.contains("refuse 413"), "\(lines)")
    }

    @Test("an unwanted long body closes the connection, a short one does not")
    func discards() {
        let short = "GET /h HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789"
        #expect(transcript([Array(short.utf8)]) == ["get /h", "answered", "clean"])
        let long = "GET /h HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
        #expect(transcript([Array(long.utf8)]).contains("answered, closing"))
    }

    @Test("a closed machine drops all further input")
    func dropsInputAfterClose() {
        var machine = RequestMachine(HTTPLimits())
        machine.close()
        guard case .consumed(let count) = machine.next(conversation.span) else {
            Issue.record("a closed machine reads on")
            return
        }
        #expect(count == conversation.count)
        guard case .needMore = machine.next([UInt8]().span) else {
            Issue.record("without input there is nothing to do")
            return
        }
        let isOpen = machine.isBetweenRequests || machine.isReadingBody
        #expect(!isOpen)
    }

    @Test("the memory of a chunked body is kept while it is small, and freed when it is large")
    func freesLargeBodies() throws {
        var limits = HTTPLimits()
        limits.discardBytes = 1000
        for size in [100, 5000] {
            var machine = RequestMachine(limits)
            var head = RequestHead()
            head.framing = .chunked
            let refusal = machine.acceptBody(head)
            #expect(refusal == nil)
            var isReadingBody = machine.isReadingBody
            #expect(isReadingBody)
            let text = String(size, radix: 16) + "\r\n" + String(repeating: "x", count: size)
            let body = Array((text + "\r\n0\r\n\r\n").utf8)
            _ = machine.next(body.span)
            guard case .chunkedBody = machine.next([UInt8]().span) else {
                Issue.record("the body is complete")
                return
            }
            let decodedBytes = machine.chunkedBody.count
            #expect(decodedBytes == size)
            machine.finishChunkedBody()
            let (left, capacity) = (machine.chunkedBody.count, machine.chunkedBody.capacity)
            #expect(left == 0)
            #expect((capacity > 0) == (size <= limits.discardBytes))
            isReadingBody = machine.isReadingBody
            #expect(!isReadingBody)
        }
    }
}

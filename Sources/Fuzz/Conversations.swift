internal import Bytes
internal import HTTP
internal import Numerics

/// Makes what clients may send on one connection: some requests, each nearly right, so that parsers
/// are likely to disagree about them.
struct ConversationMaker {
    private var random: SeededRandom
    private var bytes: [UInt8] = []
    private var number = 0

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// - Returns: the bytes, and how many requests they were made of.
    mutating func next() -> (bytes: [UInt8], requests: Int) {
        bytes.removeAll(keepingCapacity: true)
        let count = 1 + random.below(3)
        for _ in 0..<count { appendRequest() }
        if isOften(5) { mutate() }
        return (bytes, count)
    }

    /// One time in so many.
    private mutating func isOften(_ times: Int) -> Bool { random.below(times) == 0 }

    private mutating func pick(_ texts: [String]) -> String { texts[random.below(texts.count)] }

    /// The first mostly, or one of the others.
    private mutating func mostly(_ usual: String, _ times: Int, or others: [String]) -> String {
        isOften(times) ? pick(others) : usual
    }

    private mutating func append(_ text: String) { bytes += Array(text.utf8) }

    private mutating func lineEnd() -> String {
        mostly("\r\n", 150, or: ["\n", "\r", "\r\r\n", "\n\r\n"])
    }

    private mutating func appendRequest() {
        number += 1
        let method = mostly(
            pick(["GET", "POST", "POST", "POST", "PUT", "HEAD", "OPTIONS", "DELETE"]), 60,
            or: ["get", "FOO", "M-SEARCH", "PRI", "G ET", "", "GET\t", "PO\u{1}ST", "(GET)"])
        let target = mostly(
            "/r\(number)", 25,
            or: [
                "/r\(number)?x=y", "http://h/r\(number)", "*x", "/r\(number)#f", "r\(number)", "",
                "/r \(number)", "/r\(number)\u{7F}", "/r\(number)é", "http://h", "//h/r\(number)",
            ])
        let version = mostly(
            "HTTP/1.1", 40,
            or: [
                "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.1 ", "HTTP/1",
                "HTTP/11", "HTTP/1.10", "HTTQ/1.1", "",
            ])
        let blank = mostly(" ", 150, or: ["  ", "\t", ""])
        append(mostly("", 60, or: ["\r\n", "\n", " ", "\r\n\r\n"]))
        append(method + blank + target + blank + version + lineEnd())
        append(
            mostly(
                "Host: h" + lineEnd(), 25,
                or: ["", "Host: h\r\nHost: h\r\n", "Host:\r\n", "Host: a b\r\n"]))
        for _ in 0..<random.below(3) { appendField() }
        appendBody()
    }

    private mutating func appendField() {
        append(
            pick([
                "A: b", "Connection: keep-alive", "Connection: close", "X-Y: 1, 2",
                "Cookie: a=b; c",
                "Accept: */*", "Expect: 100-continue", "TE: trailers", "User-Agent: x",
            ]))
        if isOften(12) {
            append(
                pick([
                    "\r\n b", "\r\n\tb", "\r\n\r", "\u{0}", "\u{7F}", "é", "\r\nA : b", "\r\n: b",
                    "\r\nA", "\r\nA:", "\r\nA\tB: c", "\r\nA\u{1}: b", "\r\n(): b", "\r\n A: b",
                    "\r\nConnection: close, x", "\r\nConnection: x\r\nConnection: close",
                ]))
        }
        append(lineEnd())
    }

    private mutating func appendBody() {
        let body = String(repeating: "b", count: random.below(20))
        switch random.below(8) {
        case 0...2:
            append(lineEnd())
        case 3...4:
            appendLength(body.utf8.count)
            append(lineEnd() + body)
        case 5...6:
            appendChunked()
            append(lineEnd())
            appendChunks()
        default:
            // Both say how long it is.
            appendLength(body.utf8.count)
            appendChunked()
            append(lineEnd())
            if isOften(2) { append(body) } else { appendChunks() }
        }
    }

    private mutating func appendLength(_ length: Int) {
        let name = mostly(
            "Content-Length", 20, or: ["content-length", "Content-Length ", "Content_Length"])
        let value = mostly(
            " \(length)", 6,
            or: [
                "\(length)", " +\(length)", " -\(length)", " 0\(length)", " \(length) ",
                "\t\(length)\t",
                " \(length), \(length)", " \(length),", " \(length)\r\nContent-Length: \(length)",
                " \(length)\r\nContent-Length: \(length + 1)", " 0x\(length)", " \(length).0", "",
                " \(length) \(length)", " 18446744073709551616", " \(length)_0", " \u{B}\(length)",
                " \(length);", " \"\(length)\"", " 00000000000000000000000000\(length)",
            ])
        append(name + ":" + value + lineEnd())
    }

    private mutating func appendChunked() {
        let name = mostly("Transfer-Encoding", 20, or: ["transfer-encoding", "Transfer-Encoding "])
        let value = mostly(
            " chunked", 6,
            or: [
                "chunked", " Chunked", " CHUNKED", " chunked ", "\tchunked", " gzip, chunked",
                " chunked, gzip", " identity", " chunked, chunked", " xchunked", " chunkedx",
                " chunked\r\nTransfer-Encoding: chunked", " gzip\r\nTransfer-Encoding: chunked",
                " chunked\r\nTransfer-Encoding: identity", " \"chunked\"", " chunked;q=1", "",
                " ,chunked", " chunked,", " chun\r\n ked", " \u{B}chunked",
            ])
        append(name + ":" + value + lineEnd())
    }

    private mutating func appendChunks() {
        for _ in 0..<random.below(3) {
            let length = 1 + random.below(18)
            let digits = String(length, radix: 16, uppercase: isOften(2))
            let size = mostly(
                digits, 8,
                or: [
                    "0\(digits)", "\(digits) ", " \(digits)", "0x\(digits)", "+\(digits)",
                    "-\(digits)",
                    "\(digits)g", "\(digits);a", "\(digits);a=b", "\(digits);a=\"b\"", "\(digits);",
                    "\(digits);;", "\(digits) ;a", "\(digits); a=b", "\(digits)\t", "",
                    "fffffffffffffff1",
                    "10000000000000000", "\(digits);a=\"b\nc\"", "0000000000000000000\(digits)",
                ])
            append(size + lineEnd())
            append(
                String(
                    repeating: "c",
                    count: mostly("", 25, or: ["-", "+"]) == "" ? length : length + 1))
            append(mostly("\r\n", 25, or: ["\n", "", "\r", "\r\n\r\n", "x\r\n"]))
        }
        append(mostly("0", 25, or: ["00", "0;a", "0x0", "-0", "0 ", ""]) + lineEnd())
        if isOften(6) {
            append(
                pick([
                    "T: x", "Content-Length: 5", "Transfer-Encoding: chunked", ": x", " T: x", "T",
                    "T : x",
                ])
                    + lineEnd())
        }
        append(lineEnd())
    }

    /// Bytes that have a meaning in HTTP.
    private static let alphabet =
        Array("\r\n :;,?/09afGHTP.1-chunked\t\u{0}\u{7F}".utf8) + [0x80, 0xFF]

    /// Changes some bytes.
    private mutating func mutate() {
        for _ in 0..<1 + random.below(3) where !bytes.isEmpty {
            let place = random.below(bytes.count)
            let byte = ConversationMaker.alphabet[random.below(ConversationMaker.alphabet.count)]
            switch random.below(4) {
            case 0: bytes[place] = byte
            case 1: bytes.insert(byte, at: place)
            case 2: bytes.remove(at: place)
            default:
                let end = min(bytes.count, place + 1 + random.below(12))
                bytes.insert(contentsOf: bytes[place..<end], at: place)
            }
        }
    }
}

/// How the service reads what came on one connection.
enum ConversationReader {
    /// - Returns: a hash of the path and of the body of each request that it takes, after a `+`
    ///   where an empty line came before it; then `!` where the next one is refused, `c` where the
    ///   connection ends with the last one, else a point.
    static func read(_ bytes: [UInt8]) -> String {
        var machine = RequestMachine(HTTPLimits())
        var buffer = ByteBuffer(limit: 1 << 20)
        buffer.append(bytes.span)
        var items = ""
        var path = ""
        var isAfterEmptyLine = false
        var isLast = false
        while true {
            switch machine.next(buffer.readable) {
            case .needMore: return items + "."
            case .refuse: return items + "!"
            case .sendContinue: break
            case .consumed(let count): buffer.consume(count)
            case .head(let head):
                isAfterEmptyLine = buffer.readable[0] == 0x0D || buffer.readable[0] == 0x0A
                // Of a URL without a path that is the root.
                path =
                    head.path.count == 0
                    ? hash([UInt8(ascii: "/")]) : hash(buffer.readable.extracting(head.path))
                isLast = !head.keepAlive
                if machine.acceptBody(head) != nil { return items + "!" }
                buffer.consume(head.byteCount)
            case .body(let length):
                items +=
                    (isAfterEmptyLine ? "+" : "") + path
                    + hash(buffer.readable.extracting(0..<length)) + " "
                buffer.consume(length)
                if isLast { return items + "c" }
            case .chunkedBody:
                items +=
                    (isAfterEmptyLine ? "+" : "") + path + hash(machine.chunkedBody.readable) + " "
                machine.finishChunkedBody()
                if isLast { return items + "c" }
            }
        }
    }

    private static func hash(_ bytes: [UInt8]) -> String { hash(bytes.span) }

    /// FNV-1a, of 32 bits.
    private static func hash(_ bytes: Span<UInt8>) -> String {
        var state: UInt32 = 0x811C_9DC5
        for index in bytes.indices { state = (state ^ UInt32(bytes[index])) &* 0x0100_0193 }
        let text = String(state, radix: 16)
        return String(repeating: "0", count: 8 - text.count) + text
    }
}

internal import Bytes

/// Parses a request's head (RFC 9112) in one pass over its bytes.
///
/// A head that can be read in two ways is refused: attackers use such ambiguities for request
/// smuggling.
package struct RequestHeadParser: ~Escapable {
    private let bytes: Span<UInt8>
    private let limits: HTTPLimits
    private var offset = 0
    private var head = RequestHead()
    private var seen = SeenHeaders()

    /// The headers seen so far that `conclude` needs, or that may come only once.
    private struct SeenHeaders {
        var count = 0
        var host = false
        var authorization = false
        var contentLength = false
        var transferEncoding = false
        var close = false
        var keepAlive = false
    }

    @_lifetime(copy bytes)
    private init(_ bytes: Span<UInt8>, _ limits: HTTPLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// Parses the head at the front of `bytes`.
    /// - Returns: nil if the head is not complete yet.
    /// - Throws: the refusal to send before the connection is closed.
    package static func parse(_ bytes: Span<UInt8>, _ limits: HTTPLimits)
        throws(HTTPRefusal) -> RequestHead?
    {
        var parser = RequestHeadParser(bytes, limits)
        guard try parser.requestLine() else { return nil }
        while true {
            guard let line = try parser.headerLine() else { return nil }
            if line == .endOfHead { break }
        }
        try parser.conclude()
        return parser.head
    }

    @inline(__always)
    private func byte(_ index: Int) -> UInt8 {
        // SAFETY: every caller has compared `index` with `bytes.count`.
        unsafe bytes[unchecked: index]
    }

    // MARK: Request line

    /// - Returns: false if the line is not complete yet.
    @_lifetime(self: copy self)
    private mutating func requestLine() throws(HTTPRefusal) -> Bool {
        // RFC 9112 section 2.2 allows one empty line before a request.
        if bytes.count > 0, byte(0) == 0x0D {
            guard bytes.count > 1 else { return false }
            if byte(1) == 0x0A { offset = 2 }
        }
        let start = offset
        guard try method(), try target(), try version() else {
            try checkLineLength(from: start)
            return false
        }
        try checkLineLength(from: start)
        return true
    }

    private func checkLineLength(from start: Int) throws(HTTPRefusal) {
        guard offset - start <= limits.requestLineBytes else {
            throw HTTPRefusal(
                .uriTooLong, "the request line is over \(limits.requestLineBytes) bytes")
        }
    }

    @_lifetime(self: copy self)
    private mutating func method() throws(HTTPRefusal) -> Bool {
        let start = offset
        offset = endOfToken(start)
        guard offset < bytes.count else { return false }
        guard byte(offset) == 0x20, offset > start else {
            throw HTTPRefusal(.badRequest, "the request does not begin with a method and a space")
        }
        let name = ByteRange(start, offset)
        if bytes.spells(name, "POST") {
            head.method = .post
        } else if bytes.spells(name, "GET") {
            head.method = .get
        } else if bytes.spells(name, "HEAD") {
            head.method = .head
        } else if bytes.spells(name, "OPTIONS") {
            head.method = .options
        }
        offset += 1
        return true
    }

    @_lifetime(self: copy self)
    private mutating func target() throws(HTTPRefusal) -> Bool {
        let start = offset
        var questionMark = -1
        var index = start
        let count = bytes.count
        while index < count, ByteClass.isTarget(byte(index)) {
            if questionMark < 0, byte(index) == UInt8(ascii: "?") { questionMark = index }
            index &+= 1
        }
        offset = index
        guard offset < bytes.count else { return false }
        guard byte(offset) == 0x20, offset > start else {
            throw HTTPRefusal(.badRequest, "the request target is empty or has a forbidden byte")
        }
        let pathEnd = questionMark < 0 ? offset : questionMark
        head.path = ByteRange(try pathStart(start, pathEnd), pathEnd)
        head.query = questionMark < 0 ? .empty : ByteRange(questionMark + 1, offset)
        offset += 1
        return true
    }

    /// The offset of the path. In the absolute form, which proxies use, it follows the authority.
    private func pathStart(_ start: Int, _ end: Int) throws(HTTPRefusal) -> Int {
        byte(start) == UInt8(ascii: "/") ? start : try rarePathStart(start, end)
    }

    /// The same of a target that does not begin with a slash (RFC 9112 section 3.2).
    @inline(never)
    private func rarePathStart(_ start: Int, _ end: Int) throws(HTTPRefusal) -> Int {
        if byte(start) == UInt8(ascii: "*"), end == start + 1, byte(end) == 0x20 { return start }
        for scheme in ["http://", "https://"] as [StaticString] {
            var index = start + scheme.utf8CodeUnitCount
            guard index < end, byte(index) != UInt8(ascii: "/"),
                bytes.spells(ByteRange(start, index), scheme, ignoringCase: true)
            else { continue }
            while index < end, byte(index) != UInt8(ascii: "/") { index += 1 }
            return index
        }
        throw HTTPRefusal(
            .badRequest, "the request target is neither a path nor a URL of http or https")
    }

    @_lifetime(self: copy self)
    private mutating func version() throws(HTTPRefusal) -> Bool {
        let prefix = "HTTP/" as StaticString
        for index in 0..<10 {
            guard offset + index < bytes.count else { return false }
            let next = byte(offset + index)
            let fits =
                switch index {
                // SAFETY: index is below 5, the length of the prefix.
                case 0..<5: unsafe next == prefix.utf8Start[index]
                case 5, 7: next &- UInt8(ascii: "0") < 10
                case 6: next == UInt8(ascii: ".")
                case 8: next == 0x0D
                default: next == 0x0A
                }
            guard fits else {
                throw HTTPRefusal(
                    .badRequest, "the request line does not end with HTTP/1.1 and CRLF")
            }
        }
        guard byte(offset + 5) == UInt8(ascii: "1") else {
            throw HTTPRefusal(.versionNotSupported, "only HTTP/1.0 and HTTP/1.1 are served")
        }
        head.isVersion10 = byte(offset + 7) == UInt8(ascii: "0")
        offset += 10
        return true
    }

    // MARK: Header lines

    private enum Line { case header, endOfHead }

    /// Parses one header line, or the empty line that ends the head.
    /// - Returns: nil if the line is not complete yet.
    @_lifetime(self: copy self)
    private mutating func headerLine() throws(HTTPRefusal) -> Line? {
        let start = offset
        offset = endOfToken(start)
        guard offset < bytes.count else { return try incomplete() }
        if byte(offset) == 0x0D, offset == start {
            guard offset + 1 < bytes.count else { return try incomplete() }
            guard byte(offset + 1) == 0x0A else { throw badByte() }
            offset += 2
            return .endOfHead
        }
        guard byte(offset) == UInt8(ascii: ":"), offset > start else { throw badByte() }
        let name = ByteRange(start, offset)
        var valueStart = offset + 1
        while valueStart < bytes.count, byte(valueStart) == 0x20 || byte(valueStart) == 0x09 {
            valueStart &+= 1
        }
        offset = endOfValue(valueStart)
        guard offset + 1 < bytes.count else {
            if offset < bytes.count, byte(offset) != 0x0D { throw badByte() }
            return try incomplete()
        }
        guard byte(offset) == 0x0D, byte(offset + 1) == 0x0A else { throw badByte() }
        var valueEnd = offset
        while valueEnd > valueStart, byte(valueEnd - 1) == 0x20 || byte(valueEnd - 1) == 0x09 {
            valueEnd -= 1
        }
        offset += 2
        try countHeader()
        try header(name, ByteRange(valueStart, valueEnd))
        return .header
    }

    /// The offset of the first byte from `start` on that is not part of a token. The loop uses a
    /// local variable, which stays in a register; with `offset` itself it takes twice the time.
    @inline(__always)
    private func endOfToken(_ start: Int) -> Int {
        var index = start
        let count = bytes.count
        while index < count {
            let next = byte(index)
            // Letters first, because most names contain nothing else.
            guard (next | 0x20) &- UInt8(ascii: "a") < 26 || ByteClass.isToken(next) else { break }
            index &+= 1
        }
        return index
    }

    /// The offset of the first byte from `start` on that is not part of a header's value.
    @inline(__always)
    private func endOfValue(_ start: Int) -> Int {
        var index = start
        let count = bytes.count
        while index < count {
            let next = byte(index)
            // Visible ASCII and space first, because most values contain nothing else.
            guard next &- 0x20 < 0x5F || ByteClass.isFieldValue(next) else { break }
            index &+= 1
        }
        return index
    }

    /// The head is not complete yet. That is allowed up to its limit.
    private func incomplete() throws(HTTPRefusal) -> Line? {
        try checkHeadLength(bytes.count)
        return nil
    }

    private func checkHeadLength(_ length: Int) throws(HTTPRefusal) {
        guard length <= limits.headBytes else {
            throw HTTPRefusal(.headersTooLarge, "the head is over \(limits.headBytes) bytes")
        }
    }

    @_lifetime(self: copy self)
    private mutating func countHeader() throws(HTTPRefusal) {
        seen.count += 1
        guard seen.count <= limits.headerCount else {
            throw HTTPRefusal(
                .headersTooLarge, "the head has over \(limits.headerCount) header fields")
        }
        try checkHeadLength(offset)
    }

    private func badByte() -> HTTPRefusal {
        HTTPRefusal(
            .badRequest,
            "byte \(offset) of the head is not allowed there (bare CR or LF, a folded line, "
                + "a space before a colon, or a control character)")
    }

    /// Stores the headers that the service uses. The length of the name rules out most others.
    @_lifetime(self: copy self)
    private mutating func header(_ name: ByteRange, _ value: ByteRange) throws(HTTPRefusal) {
        switch name.count {
        case 4 where bytes.spells(name, "host", ignoringCase: true):
            try host(value)
        case 6 where bytes.spells(name, "accept", ignoringCase: true):
            head.accept = value
        case 6 where bytes.spells(name, "expect", ignoringCase: true):
            head.expectsContinue = bytes.spells(value, "100-continue", ignoringCase: true)
            if !head.expectsContinue { head.hasUnmetExpectation = true }
        case 6 where bytes.spells(name, "origin", ignoringCase: true):
            // A browser sends one. Several are taken as one text, which is no origin.
            head.origin = head.origin.isEmpty ? value : ByteRange(head.origin.start, value.end)
        case 10 where bytes.spells(name, "connection", ignoringCase: true):
            connection(value)
        case 13 where bytes.spells(name, "authorization", ignoringCase: true):
            // A proxy in front might look at the other one.
            guard !seen.authorization else {
                throw HTTPRefusal(.badRequest, "more than one Authorization header")
            }
            seen.authorization = true
            head.authorization = value
        case 14 where bytes.spells(name, "content-length", ignoringCase: true):
            try contentLength(value)
        case 15 where bytes.spells(name, "idempotency-key", ignoringCase: true):
            idempotencyKey(value)
        case 16 where bytes.spells(name, "content-encoding", ignoringCase: true):
            // Several such headers form one list. Keep the first that is not `identity`, so that
            // no later header hides a coding.
            if head.contentCoding.isEmpty
                || bytes.spells(head.contentCoding, "identity", ignoringCase: true)
            {
                head.contentCoding = value
            }
        case 17 where bytes.spells(name, "transfer-encoding", ignoringCase: true):
            try transferEncoding(value)
        default: break
        }
    }

    @_lifetime(self: copy self)
    private mutating func host(_ value: ByteRange) throws(HTTPRefusal) {
        guard !seen.host else { throw HTTPRefusal(.badRequest, "more than one Host header") }
        seen.host = true
        head.host = value
        for index in value.start..<value.end {
            guard ByteClass.isHost(byte(index)) else {
                throw HTTPRefusal(.badRequest, "the Host header is not a host")
            }
        }
    }

    @_lifetime(self: copy self)
    private mutating func contentLength(_ value: ByteRange) throws(HTTPRefusal) {
        guard !seen.contentLength else {
            throw HTTPRefusal(.badRequest, "more than one Content-Length header")
        }
        seen.contentLength = true
        var length = 0
        guard value.count > 0, value.count <= 18 else { throw badLength() }
        for index in value.start..<value.end {
            let digit = byte(index) &- UInt8(ascii: "0")
            guard digit < 10 else { throw badLength() }
            length = length * 10 + Int(digit)
        }
        head.framing = .length(length)
    }

    private func badLength() -> HTTPRefusal {
        HTTPRefusal(.badRequest, "Content-Length must be 1 to 18 digits and nothing else")
    }

    @_lifetime(self: copy self)
    private mutating func transferEncoding(_ value: ByteRange) throws(HTTPRefusal) {
        guard !seen.transferEncoding else {
            throw HTTPRefusal(.badRequest, "more than one Transfer-Encoding header")
        }
        seen.transferEncoding = true
        guard bytes.spells(value, "chunked", ignoringCase: true) else {
            throw HTTPRefusal(.notImplemented, "the only transfer coding served is chunked")
        }
    }

    /// A bad key makes the request bad but not the connection: where the next request starts is
    /// still certain. So it is no refusal here.
    @_lifetime(self: copy self)
    private mutating func idempotencyKey(_ value: ByteRange) {
        guard head.idempotencyKey == .missing, !value.isEmpty, value.count <= KeyHeader.limit else {
            head.idempotencyKey = .bad
            return
        }
        for index in value.start..<value.end where byte(index) &- 0x21 > 0x7E - 0x21 {
            head.idempotencyKey = .bad
            return
        }
        head.idempotencyKey = .key(value)
    }

    /// Connection is a list; the service uses its options `close` and `keep-alive` only.
    @_lifetime(self: copy self)
    private mutating func connection(_ value: ByteRange) {
        var start = value.start
        for index in value.start...value.end
        where index == value.end || byte(index) == UInt8(ascii: ",") {
            let option = trimmed(ByteRange(start, index))
            if bytes.spells(option, "close", ignoringCase: true) { seen.close = true }
            if bytes.spells(option, "keep-alive", ignoringCase: true) { seen.keepAlive = true }
            start = index + 1
        }
    }

    private func trimmed(_ range: ByteRange) -> ByteRange {
        var (start, end) = (range.start, range.end)
        while start < end, byte(start) == 0x20 || byte(start) == 0x09 { start += 1 }
        while end > start, byte(end - 1) == 0x20 || byte(end - 1) == 0x09 { end -= 1 }
        return ByteRange(start, end)
    }

    /// Makes the checks that need all headers.
    @_lifetime(self: copy self)
    private mutating func conclude() throws(HTTPRefusal) {
        try checkHeadLength(offset)
        if seen.transferEncoding {
            guard !seen.contentLength else {
                throw HTTPRefusal(.badRequest, "Content-Length beside Transfer-Encoding")
            }
            guard !head.isVersion10 else {
                throw HTTPRefusal(.badRequest, "Transfer-Encoding in an HTTP/1.0 request")
            }
            head.framing = .chunked
        }
        guard seen.host || head.isVersion10 else {
            throw HTTPRefusal(.badRequest, "an HTTP/1.1 request needs a Host header")
        }
        if head.isVersion10 {
            // RFC 9110 section 10.1.1: a client of HTTP/1.0 does not know the interim response.
            head.expectsContinue = false
        }
        head.keepAlive = head.isVersion10 ? seen.keepAlive && !seen.close : !seen.close
        head.byteCount = offset
    }
}

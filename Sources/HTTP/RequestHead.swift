/// The methods that routes use.
package enum HTTPMethod: Equatable {
    case get, head, post, options
    /// Any other token; no route has it.
    case other
}

/// How a request states the end of its body.
package enum BodyFraming: Equatable {
    case none
    /// Content-Length, in bytes; 0 is a body too.
    case length(Int)
    case chunked
}

/// What a head says of the header `Idempotency-Key`.
package enum KeyHeader: Equatable {
    case missing
    case key(ByteRange)
    /// Its value is not allowed, or it is there twice.
    case bad

    /// Most characters of a key. They are visible ASCII.
    package static let limit = 128
}

/// The parts of a request's head that this service uses. Texts are ranges of the parsed bytes and
/// valid as long as these, so copying a head is cheap.
package struct RequestHead: Equatable {
    package var method = HTTPMethod.other
    /// The path, still percent-encoded.
    package var path = ByteRange.empty
    /// The part after the `?`.
    package var query = ByteRange.empty
    package var isVersion10 = false
    package var framing = BodyFraming.none
    /// Whether the connection stays open after the response.
    package var keepAlive = true
    /// The client waits for `100 Continue` before it sends the body.
    package var expectsContinue = false
    /// It expects something else, which nobody here can meet.
    package var hasUnmetExpectation = false
    package var host = ByteRange.empty
    /// The page that makes a browser send the request.
    package var origin = ByteRange.empty
    package var accept = ByteRange.empty
    package var authorization = ByteRange.empty
    package var contentCoding = ByteRange.empty
    package var idempotencyKey = KeyHeader.missing
    /// Length of the whole head with its empty line.
    package var byteCount = 0

    package init() {}

    /// The values of all headers of a name, in their order. For headers that few requests are asked
    /// for: the lines are gone through once more.
    /// - Parameters:
    ///   - name: in lower case.
    ///   - bytes: those that the head was parsed from.
    package func values(of name: StaticString, in bytes: Span<UInt8>) -> [ByteRange] {
        var values: [ByteRange] = []
        var start = 0
        for index in 0..<byteCount where bytes[index] == 0x0A {
            // A line ends with CR and LF.
            let end = max(start, index - 1)
            var colon = start
            while colon < end, bytes[colon] != UInt8(ascii: ":") { colon += 1 }
            if colon < end, bytes.spells(ByteRange(start, colon), name, ignoringCase: true) {
                values.append(ByteRange(colon + 1, end))
            }
            start = index + 1
        }
        return values
    }
}

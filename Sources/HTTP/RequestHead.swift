internal import Bytes

/// A stretch of the bytes a head was parsed from.
package struct ByteRange: Equatable {
    package let start: Int
    package let end: Int

    package init(_ start: Int, _ end: Int) {
        self.start = start
        self.end = end
    }

    package static let empty = ByteRange(0, 0)
    package var isEmpty: Bool { start == end }
    package var count: Int { end - start }
}

extension Span<UInt8> {
    /// The bytes of a range that a head parsed from this very span names.
    @_lifetime(copy self)
    package func extracting(_ range: ByteRange) -> Span<UInt8> {
        extracting(range.start..<range.end)
    }

    /// Whether the range spells `word`; letters compare without case when `word` is lower case.
    package func spells(_ range: ByteRange, _ word: StaticString, ignoringCase: Bool = false)
        -> Bool
    {
        guard range.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<range.count {
            // SAFETY: a static string is valid for its own length, which the guard compared.
            let expected = unsafe word.utf8Start[index]
            let byte = self[range.start + index]
            guard byte == expected || (ignoringCase && lowercase(byte) == expected) else {
                return false
            }
        }
        return true
    }
}

/// An ASCII letter in lower case, any other byte as it is.
@inline(__always)
package func lowercase(_ byte: UInt8) -> UInt8 {
    byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
}

package enum HTTPMethod: Equatable {
    case get, head, post
    /// Any other token; no route knows it.
    case other
}

/// How a message says where its body ends.
package enum BodyFraming: Equatable {
    case none
    /// Content-Length, in bytes; 0 is a body too.
    case length(Int)
    case chunked
}

/// What a request's head says, as far as this service wants to know. Trivial to copy: texts are
/// ranges of the bytes it was parsed from, and valid as long as those are.
package struct RequestHead: Equatable {
    package var method = HTTPMethod.other
    /// The path, still percent-encoded.
    package var path = ByteRange.empty
    /// What follows the `?`, without it.
    package var query = ByteRange.empty
    package var isVersion10 = false
    package var framing = BodyFraming.none
    /// Whether the connection may serve another request afterwards.
    package var keepAlive = true
    /// The client waits for `100 Continue` before it sends the body.
    package var expectsContinue = false
    package var accept = ByteRange.empty
    package var authorization = ByteRange.empty
    package var contentCoding = ByteRange.empty
    /// Length of the whole head with its empty line.
    package var byteCount = 0

    package init() {}
}

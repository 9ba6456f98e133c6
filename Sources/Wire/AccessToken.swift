internal import Bytes
internal import HTTP

/// What a client shows to be let in.
package enum AccessToken {
    static let allowed =
        "tokens of 1 to \(limit) visible ASCII characters, separated by white space"
    private static let limit = 1024

    package static func isValid(_ token: String) -> Bool {
        (1...limit).contains(token.utf8.count) && token.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    /// The tokens of a file: one in each line.
    /// - Returns: nil when a line is none.
    package static func tokens(ofFile bytes: [UInt8]) -> [String]? {
        var tokens: [String] = []
        for line in bytes.split(separator: 0x0A) {
            let words = String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace)
            guard let token = words.first else { continue }
            guard words.count == 1, isValid(String(token)) else { return nil }
            tokens.append(String(token))
        }
        return tokens
    }

    /// Whether an Authorization header carries one of the tokens: as `Bearer`, as `Token` (clients
    /// of InfluxDB), or as the password of `Basic`. The time does not depend on where a token
    /// differs.
    package static func matches(_ header: Span<UInt8>, _ tokens: [[UInt8]]) -> Bool {
        for (scheme, isBasic) in schemes {
            let length = scheme.utf8CodeUnitCount
            guard header.count > length,
                header.spells(ByteRange(0, length), scheme, ignoringCase: true)
            else { continue }
            let rest = header.extracting(length..<header.count)
            guard isBasic else { return holds(tokens, rest) }
            guard
                let pair = String(decoding: rest.indices.map { rest[$0] }, as: UTF8.self)
                    .base64Bytes,
                let colon = pair.firstIndex(of: UInt8(ascii: ":"))
            else { return false }
            let password = Array(pair[(colon + 1)...])
            return holds(tokens, password.span)
        }
        return false
    }

    private static let schemes: [(StaticString, isBasic: Bool)] = [
        ("bearer ", false), ("token ", false), ("basic ", true),
    ]

    private static func holds(_ tokens: [[UInt8]], _ given: Span<UInt8>) -> Bool {
        var isFound = false
        for token in tokens where token.count == given.count {
            var difference: UInt8 = 0
            for index in token.indices { difference |= token[index] ^ given[index] }
            if difference == 0 { isFound = true }
        }
        return isFound
    }
}

/// The origin of a page (RFC 6454): scheme, host and port.
package struct WebOrigin: Equatable, Sendable {
    /// As a browser writes it: in lower case, without the scheme's own port.
    package let text: String
    /// Host and port, as a Host header has them.
    package let host: String

    /// - Parameter url: an origin, or an URL whose origin is meant.
    package init?(url: String) {
        let lower = url.lowercased()
        let schemes = [("http://", ":80"), ("https://", ":443")]
        guard let (scheme, port) = schemes.first(where: { lower.hasPrefix($0.0) }) else {
            return nil
        }
        var name = String(
            lower.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" })
        if name.hasSuffix(port) { name.removeLast(port.count) }
        guard !name.isEmpty,
            name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "@") })
        else { return nil }
        host = name
        text = scheme + name
    }

    /// Whether a request with this Host header went to the page's own site.
    package func isOf(host other: String) -> Bool {
        let lower = other.lowercased()
        let port = text.hasPrefix("https://") ? ":443" : ":80"
        return lower == host || lower == host + port
    }
}

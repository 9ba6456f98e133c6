internal import Bytes

/// How the body of a request is coded (RFC 9110 section 8.4.1, RFC 8878).
package enum ContentCoding: UInt8, Sendable, CaseIterable {
    case identity, gzip, deflate, zstd
    /// The block format, which Prometheus sends; nobody else is served so.
    case snappy

    /// Those that are served, as the Accept-Encoding header of a refusal says them.
    package static let served: StaticString = "gzip, deflate, zstd, identity"

    /// The coding of a head's Content-Encoding; nil when it is none of those that are served.
    /// Some clients say that nothing is coded in words that are none.
    package init?(_ header: ByteRange, _ bytes: Span<UInt8>) {
        if header.isEmpty {
            self = .identity
            return
        }
        for (word, coding) in ContentCoding.words
        where bytes.spells(header, word, ignoringCase: true) {
            self = coding
            return
        }
        return nil
    }

    private static let words: [(StaticString, ContentCoding)] = [
        ("gzip", .gzip), ("x-gzip", .gzip), ("deflate", .deflate), ("zstd", .zstd),
        ("snappy", .snappy),
        ("identity", .identity), ("none", .identity), ("utf-8", .identity), ("utf8", .identity),
    ]
}

internal import Bytes

/// How much a client wants a media type, as its Accept header says (RFC 9110 section 12.5.1).
package enum AcceptHeader {
    /// Whether a type is to be sent in the place of another one, which every client reads: the
    /// header names it, and wants it at least as much.
    /// - Parameters:
    ///   - type, other: in lower case, for example `text/plain`.
    ///   - header: the value; empty where there is none.
    package static func prefers(
        _ type: StaticString, to other: StaticString, in header: Span<UInt8>
    ) -> Bool {
        let (rank, quality) = wish(for: type, in: header)
        return rank == namedRank && quality > 0 && quality >= wish(for: other, in: header).quality
    }

    /// Of a range that names the type; less for `text/*`, and for `*/*`.
    private static let namedRank = 2

    /// The quality of the most specific range that fits, and how specific that is.
    private static func wish(
        for type: StaticString, in header: Span<UInt8>
    ) -> (rank: Int, quality: Double) {
        var best = (rank: -1, quality: 0.0)
        forEachPart(header, separator: UInt8(ascii: ",")) { part in
            let range = header.extracting(part)
            guard let (rank, quality) = match(type, range) else { return }
            // The most specific range counts; of several such the best.
            if rank > best.rank || rank == best.rank && quality > best.quality {
                best = (rank, quality)
            }
        }
        return best
    }

    /// How well a media range with its parameters fits, and its quality; nil when it does not.
    private static func match(
        _ type: StaticString, _ range: Span<UInt8>
    ) -> (rank: Int, quality: Double)? {
        var rank: Int?
        var quality = 1.0
        var isFirst = true
        forEachPart(range, separator: UInt8(ascii: ";")) { part in
            let text = trimmed(range, part)
            defer { isFirst = false }
            if isFirst {
                rank = AcceptHeader.rank(of: type, range, text)
            } else if text.count > 2, range[text.lowerBound] | 0x20 == UInt8(ascii: "q"),
                range[text.lowerBound + 1] == UInt8(ascii: "=")
            {
                let number = range.extracting(text.lowerBound + 2..<text.upperBound)
                quality = parseDecimal(number).map { min(1, max(0, $0)) } ?? 0
            }
        }
        return rank.map { ($0, quality) }
    }

    private static func rank(
        of type: StaticString, _ bytes: Span<UInt8>, _ range: Range<Int>
    ) -> Int? {
        let word = ByteRange(range.lowerBound, range.upperBound)
        if bytes.spells(word, type, ignoringCase: true) { return namedRank }
        if bytes.spells(word, "*/*") { return 0 }
        // `text/*` fits what begins so.
        guard range.count > 2, bytes[range.upperBound - 1] == UInt8(ascii: "*"),
            bytes[range.upperBound - 2] == UInt8(ascii: "/"),
            range.count <= type.utf8CodeUnitCount
        else { return nil }
        for index in 0..<range.count - 1 {
            // SAFETY: index is below the length of the static string, as was just compared.
            let expected = unsafe type.utf8Start[index]
            guard bytes[range.lowerBound + index] | 0x20 == expected | 0x20 else { return nil }
        }
        return 1
    }

    private static func forEachPart(
        _ bytes: Span<UInt8>, separator: UInt8, _ take: (Range<Int>) -> Void
    ) {
        var start = 0
        for index in 0...bytes.count where index == bytes.count || bytes[index] == separator {
            take(start..<index)
            start = index + 1
        }
    }

    private static func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
        return start..<end
    }
}

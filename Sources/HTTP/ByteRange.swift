internal import Bytes

/// A range of the bytes that a head or a body was parsed from, up to 4 GiB: small, because a head
/// with all its ranges is copied with each request.
package struct ByteRange: Equatable {
    private let first: UInt32
    private let last: UInt32

    @inline(__always)
    package init(_ start: Int, _ end: Int) {
        first = UInt32(truncatingIfNeeded: start)
        last = UInt32(truncatingIfNeeded: end)
    }

    package var start: Int {
        @inline(__always) get { Int(first) }
    }
    package var end: Int {
        @inline(__always) get { Int(last) }
    }

    package static let empty = ByteRange(0, 0)
    package var isEmpty: Bool { start == end }
    package var count: Int { end - start }
}

extension Span<UInt8> {
    /// The bytes of a range. The range must come from a head that was parsed from this span.
    @_lifetime(copy self)
    package func extracting(_ range: ByteRange) -> Span<UInt8> {
        extracting(range.start..<range.end)
    }

    /// Whether the bytes of the range are equal to `word`. With `ignoringCase`, ASCII letters of
    /// either case match; `word` must then be in lower case.
    package func spells(_ range: ByteRange, _ word: StaticString, ignoringCase: Bool = false)
        -> Bool
    {
        guard range.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<range.count {
            // SAFETY: index is below the length of the static string, which the guard compared.
            let expected = unsafe word.utf8Start[index]
            let byte = self[range.start + index]
            guard byte == expected || (ignoringCase && lowercase(byte) == expected) else {
                return false
            }
        }
        return true
    }
}

/// An ASCII letter in lower case; any other byte unchanged.
@inline(__always)
private func lowercase(_ byte: UInt8) -> UInt8 {
    byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
}

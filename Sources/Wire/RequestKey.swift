/// What a request with the header `Idempotency-Key` is remembered by: a hash over the key and the
/// decoded body. The same key with another body is another request.
package struct RequestKey: Equatable, Sendable {
    /// A request is remembered in pieces of so many samples, by their place among its good ones: so
    /// a part of a long request can be stored and known.
    package static let pieceSamples = 1024

    private let hash: UInt64

    private init(hash: UInt64) { self.hash = hash }

    /// The hash of the key alone, because the body comes later.
    ///
    /// It has no secret: every process has to give the same one, from its first request on, and a
    /// secret in the store can get lost. Who constructs two requests that look the same has the
    /// second of his own taken for a repeat.
    /// - Parameter key: the header's value.
    package init(_ key: Span<UInt8>) {
        self.init(hash: RequestKey.mix(key, into: 0x2545_F491_4F6C_DD1D))
    }

    /// The hash of the key and the decoded body.
    package func with(body: Span<UInt8>) -> RequestKey {
        RequestKey(hash: RequestKey.mix(body, into: hash))
    }

    /// The hash of the request's piece of this number; the first is 0.
    package func piece(_ number: Int) -> UInt64 {
        let numbered = hash ^ UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15
        return RequestKey.fold(numbered, by: 0xA076_1D64_78BD_642F)
    }

    /// The piece that the sample at this place among the good ones belongs to.
    package static func piece(ofSample position: Int) -> Int { position / pieceSamples }

    /// The samples of a piece, of a request with so many good ones.
    package static func samples(ofPiece piece: Int, of count: Int) -> Range<Int> {
        piece * pieceSamples..<min((piece + 1) * pieceSamples, count)
    }

    /// Eight bytes at a time are multiplied and folded, as for a device's name. The length comes
    /// first, so key and body cannot exchange bytes.
    private static func mix(_ bytes: Span<UInt8>, into start: UInt64) -> UInt64 {
        let factor: UInt64 = 0xD6E8_FEB8_6659_FD93
        var state = start ^ UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
        let words = bytes.count / 8
        for word in 0..<words {
            // SAFETY: the eight bytes lie below `words * 8`, which is at most the count.
            let value = unsafe bytes.bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: word * 8, as: UInt64.self)
            state = fold(state ^ UInt64(littleEndian: value), by: factor)
        }
        var rest: UInt64 = 0
        for index in words * 8..<bytes.count { rest = rest << 8 | UInt64(bytes[index]) }
        return fold(state ^ rest, by: factor)
    }

    @inline(__always)
    private static func fold(_ value: UInt64, by factor: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: factor)
        return product.high ^ product.low
    }
}

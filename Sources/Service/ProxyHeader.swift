internal import Bytes
internal import System

/// What a proxy sends before a connection's first request to say whom it speaks for: the PROXY
/// protocol of HAProxy, versions 1 and 2.
enum ProxyHeader {
    enum Outcome: Equatable {
        case needMore
        /// The bytes are no such header.
        case none
        case bad
        /// Its length, and the client's address where it has one.
        case header(byteCount: Int, client: PeerAddress?)
    }

    private static let word = Array("PROXY ".utf8)
    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]
    /// A line of version 1, with its end.
    private static let lineLimit = 107
    /// What follows the head of version 2: addresses and some further fields.
    private static let fieldLimit = 4_096

    static func parse(_ bytes: Span<UInt8>) -> Outcome {
        guard bytes.count > 0 else { return .needMore }
        if begins(bytes, with: word) { return bytes.count < word.count ? .needMore : line(bytes) }
        guard begins(bytes, with: signature) else { return .none }
        return bytes.count < signature.count + 4 ? .needMore : binary(bytes)
    }

    /// Whether the bytes, as far as they are there, are those of `prefix`.
    private static func begins(_ bytes: Span<UInt8>, with prefix: [UInt8]) -> Bool {
        for index in 0..<min(bytes.count, prefix.count) where bytes[index] != prefix[index] {
            return false
        }
        return true
    }

    private static func line(_ bytes: Span<UInt8>) -> Outcome {
        var end = 0
        while end < bytes.count, end < lineLimit, bytes[end] != 0x0A { end += 1 }
        guard end < bytes.count else { return .needMore }
        guard end < lineLimit, bytes[end] == 0x0A, bytes[end - 1] == 0x0D else { return .bad }
        let text = String(decoding: (0..<end - 1).map { bytes[$0] }, as: UTF8.self)
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count >= 2 else { return .bad }
        if words[1] == "UNKNOWN" { return .header(byteCount: end + 1, client: nil) }
        guard words[1] == "TCP4" || words[1] == "TCP6", words.count == 6,
            let client = PeerAddress(String(words[2]))
        else { return .bad }
        return .header(byteCount: end + 1, client: client)
    }

    private static func binary(_ bytes: Span<UInt8>) -> Outcome {
        let start = signature.count
        let length = Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
        guard bytes[start] >> 4 == 2, bytes[start] & 15 <= 1, length <= fieldLimit else {
            return .bad
        }
        let end = start + 4 + length
        guard bytes.count >= end else { return .needMore }
        let addressBytes =
            switch bytes[start + 1] >> 4 {
            case 1: 4
            case 2: 16
            default: 0
            }
        // A proxy that only looks whether the service is well speaks for nobody.
        let isLocal = bytes[start] & 15 == 0
        guard !isLocal, addressBytes > 0 else { return .header(byteCount: end, client: nil) }
        guard length >= 2 * addressBytes + 4 else { return .bad }
        let client = PeerAddress(bytes: bytes.extracting(start + 4..<start + 4 + addressBytes))
        return .header(byteCount: end, client: client)
    }
}

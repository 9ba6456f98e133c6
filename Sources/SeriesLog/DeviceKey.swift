/// A device's name as a table keeps it. The bytes are stored inline: a key is one piece of memory,
/// and to compare two keys touches nothing else.
package struct DeviceKey: Sendable {
    /// A device's name has 1 to 128 bytes of UTF-8.
    package static let byteLimit = 128

    private var storage: InlineArray<128, UInt8>
    private var length: UInt8

    package init(_ bytes: Span<UInt8>) {
        precondition(bytes.count <= DeviceKey.byteLimit, "a device's name is at most 128 bytes")
        storage = InlineArray(repeating: 0)
        length = UInt8(bytes.count)
        for index in bytes.indices { storage[index] = bytes[index] }
    }

    package var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        get { storage.span.extracting(0..<Int(length)) }
    }

    package func equals(_ other: Span<UInt8>) -> Bool {
        guard other.count == Int(length) else { return false }
        for index in other.indices where storage[index] != other[index] { return false }
        return true
    }

    /// A hash with a secret seed, so that no client can choose names that all fall into one bucket.
    /// Eight bytes at a time are multiplied and folded (the mixing step of the wyhash family), and
    /// at the end once more.
    package static func hash(_ bytes: Span<UInt8>, seed: UInt64) -> UInt64 {
        var state = seed ^ UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
        var index = 0
        while index < bytes.count {
            var word: UInt64 = 0
            let end = min(index + 8, bytes.count)
            while index < end {
                word = word << 8 | UInt64(bytes[index])
                index += 1
            }
            let product = (state ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93 ^ seed | 1)
            state = product.high ^ product.low
        }
        let product = state.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        return product.high ^ product.low
    }
}

extension Array where Element == UInt8 {
    /// A copy of the bytes.
    package init(_ bytes: Span<UInt8>) {
        // SAFETY: the array copies the bytes before the closure returns.
        self = unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }
    }
}

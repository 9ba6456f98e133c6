package import HTTP

/// The last response's head and what it said: a server's heads repeat themselves for a second or
/// so, until their date changes, and comparing them is cheaper than parsing.
package struct HeadMemo {
    /// Longer heads are parsed each time.
    private static let limit = 1024

    /// Heads that are not remembered after one that was remembered in vain: where every head is
    /// another, remembering only costs.
    private static let pause = 64

    private var bytes: [UInt8] = []
    private var remembered = ResponseSummary()
    private var wasOfUse = true
    private var pausing = 0

    package init() {}

    package mutating func remember(_ input: Span<UInt8>, _ summary: ResponseSummary) {
        if !wasOfUse {
            wasOfUse = true
            pausing = HeadMemo.pause
        }
        if pausing > 0 {
            pausing -= 1
            return
        }
        wasOfUse = false
        bytes.removeAll(keepingCapacity: true)
        guard summary.byteCount <= HeadMemo.limit else { return }
        for index in 0..<summary.byteCount { bytes.append(input[index]) }
        remembered = summary
    }

    /// What the head in front of `input` says, where it is the last one again.
    package mutating func summary(of input: Span<UInt8>) -> ResponseSummary? {
        let count = bytes.count
        guard count > 0, input.count >= count else { return nil }
        let known = bytes
        // SAFETY: both hold `count` bytes, and no load goes beyond them.
        let isSame = unsafe input.withUnsafeBytes { new in
            unsafe known.withUnsafeBytes { old in
                var index = 0
                while index + 8 <= count {
                    let left = unsafe new.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    let right = unsafe old.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    if left != right { return false }
                    index += 8
                }
                // SAFETY: as above.
                while index < count {
                    if unsafe new[index] != old[index] { return false }
                    index += 1
                }
                return true
            }
        }
        guard isSame else { return nil }
        wasOfUse = true
        return remembered
    }
}

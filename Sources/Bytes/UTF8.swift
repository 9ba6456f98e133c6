/// The length in bytes of the well-formed UTF-8 sequence at `offset` (Unicode 15, table 3-7).
/// - Returns: nil if the sequence is truncated, overlong, a surrogate, or above U+10FFFF.
public func utf8SequenceLength(_ bytes: Span<UInt8>, at offset: Int) -> Int? {
    func byte(_ index: Int) -> UInt8 { index < bytes.count ? bytes[index] : 0 }
    func continues(_ index: Int) -> Bool { byte(index) & 0xC0 == 0x80 }
    let first = byte(offset)
    let second = byte(offset + 1)
    switch first {
    case 0x00...0x7F: return offset < bytes.count ? 1 : nil
    case 0xC2...0xDF: return continues(offset + 1) ? 2 : nil
    case 0xE0: guard (0xA0...0xBF).contains(second) else { return nil }
    case 0xED: guard (0x80...0x9F).contains(second) else { return nil }
    case 0xE1...0xEF: guard continues(offset + 1) else { return nil }
    case 0xF0: guard (0x90...0xBF).contains(second) else { return nil }
    case 0xF4: guard (0x80...0x8F).contains(second) else { return nil }
    case 0xF1...0xF3: guard continues(offset + 1) else { return nil }
    default: return nil
    }
    guard continues(offset + 2) else { return nil }
    if first < 0xF0 { return 3 }
    return continues(offset + 3) ? 4 : nil
}

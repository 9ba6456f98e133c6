/// Which bytes may stand where in a head: one shift and one test per byte, no table in memory.
enum ByteClass {
    /// `tchar` of RFC 9110 section 5.6.2, what methods and header names are made of: letters,
    /// digits and ``!#$%&'*+-.^_`|~``. The masks hold bytes 0 to 63 and 64 to 127.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        let low: UInt64 = 0x03FF_6CFA_0000_0000
        let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
        let half = byte < 64 ? low : (byte < 128 ? high : 0)
        return half >> UInt64(byte & 63) & 1 != 0
    }

    /// Visible ASCII but `#`: a request target never carries its fragment. RFC 3986 excludes a few
    /// more (`"`, `<`, `|`, …), which clients send nevertheless and which do no harm here.
    @inline(__always)
    static func isTarget(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "#")
    }

    /// What a header's value may hold: visible bytes, obs-text, space and tab.
    @inline(__always)
    static func isFieldValue(_ byte: UInt8) -> Bool {
        byte >= 0x20 ? byte != 0x7F : byte == 0x09
    }
}

/// The bytes that each part of a head may contain. A test is one shift, without a table in memory.
enum ByteClass {
    /// `tchar` of RFC 9110 section 5.6.2, for methods and header names: letters, digits and
    /// ``!#$%&'*+-.^_`|~``. The two masks are for bytes 0 to 63 and 64 to 127.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        let low: UInt64 = 0x03FF_6CFA_0000_0000
        let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
        let half = byte < 64 ? low : (byte < 128 ? high : 0)
        return half >> UInt64(byte & 63) & 1 != 0
    }

    /// Visible bytes except `#`, because a request target has no fragment. RFC 3986 excludes a few
    /// more (`"`, `<`, `|`, … and all that is not ASCII); some clients send them, and they do no
    /// harm here.
    @inline(__always)
    static func isTarget(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != 0x7F && byte != UInt8(ascii: "#")
    }

    /// What the name or address of a host, with its port, may consist of (RFC 3986 section 3.2.2),
    /// without the comma.
    @inline(__always)
    static func isHost(_ byte: UInt8) -> Bool {
        let low: UInt64 = 0x2FFF_6FF2_0000_0000
        let high: UInt64 = 0x47FF_FFFE_AFFF_FFFE
        let half = byte < 64 ? low : (byte < 128 ? high : 0)
        return half >> UInt64(byte & 63) & 1 != 0
    }

    /// The bytes of a header's value: visible bytes, obs-text, space and tab.
    @inline(__always)
    static func isFieldValue(_ byte: UInt8) -> Bool {
        byte >= 0x20 ? byte != 0x7F : byte == 0x09
    }
}

extension JSONCursor {
    /// Skips one value by its structure alone: strings, brackets, and where the next value begins.
    /// What else stands in it is not judged: `NaN`, raw control characters and bytes that are no
    /// UTF-8 are passed over.
    @_lifetime(self: copy self)
    public mutating func skipLoosely() throws(JSONError) {
        guard peek() != nil else { throw error(.unexpectedEnd) }
        let start = offset
        var depth = 0
        // Whether the bracket at each depth is a brace.
        var braces: UInt64 = 0
        while offset < bytes.count {
            let next = byte(offset)
            switch next {
            case UInt8(ascii: "\""):
                try skipLooseString()
                if depth == 0 { return }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard depth < JSONCursor.depthLimit else { throw error(.tooDeep) }
                braces = braces << 1 | (next == UInt8(ascii: "{") ? 1 : 0)
                depth += 1
                offset += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth > 0 else { return try ended(from: start) }
                guard braces & 1 == (next == UInt8(ascii: "}") ? 1 : 0) else {
                    throw unexpected()
                }
                braces >>= 1
                depth -= 1
                offset += 1
                if depth == 0 { return }
            case UInt8(ascii: ","), 0x09, 0x0A, 0x0D, 0x20:
                if depth == 0 { return try ended(from: start) }
                offset += 1
            default: offset += 1
            }
        }
        if depth > 0 { throw error(.unexpectedEnd) }
    }

    /// A value without brackets ends here, unless nothing of it was there.
    private func ended(from start: Int) throws(JSONError) {
        if offset == start { throw unexpected() }
    }

    @_lifetime(self: copy self)
    private mutating func skipLooseString() throws(JSONError) {
        offset += 1
        while offset < bytes.count {
            let next = byte(offset)
            offset += next == UInt8(ascii: "\\") ? 2 : 1
            if next == UInt8(ascii: "\"") { return }
        }
        offset = bytes.count
        throw error(.unexpectedEnd)
    }
}

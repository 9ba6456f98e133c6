internal import Bytes

/// What an answer says of samples that an earlier attempt of the same request had stored.
struct RepeatNote: Equatable {
    /// Whether some were stored before: `"duplicate":true`.
    private(set) var isRepeat = false
    /// How many; nil where the answer does not say.
    private(set) var duplicates: Int?

    /// Reads the answer to a request; what is no object of JSON says nothing.
    init(_ body: Span<UInt8>) {
        var cursor = JSONCursor(body)
        try? read(&cursor)
    }

    @_lifetime(cursor: copy cursor)
    private mutating func read(_ cursor: inout JSONCursor) throws(JSONError) {
        try cursor.expect(UInt8(ascii: "{"))
        if cursor.take(UInt8(ascii: "}")) { return }
        repeat {
            _ = cursor.peek()
            let name = try cursor.string()
            try cursor.expect(UInt8(ascii: ":"))
            if cursor.matches(name, "duplicate"), cursor.peek() == UInt8(ascii: "t") {
                try cursor.literal("true")
                isRepeat = true
            } else if cursor.matches(name, "duplicates") {
                _ = cursor.peek()
                let number = try cursor.number()
                duplicates = number >= 0 && number < 1e15 ? Int(number) : nil
            } else {
                _ = cursor.peek()
                try cursor.skipValue()
            }
        } while cursor.take(UInt8(ascii: ","))
    }
}

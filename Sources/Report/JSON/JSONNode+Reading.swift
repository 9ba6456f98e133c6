package import Bytes

extension JSONNode {
    /// Reads a document whose top is an object.
    package init(object json: Span<UInt8>) throws(JSONError) {
        var reader = JSONTreeReader(json)
        guard reader.cursor.peek() == UInt8(ascii: "{") else { throw reader.cursor.unexpected() }
        self = try reader.value(depth: 0)
        try reader.cursor.expectEnd()
    }
}

/// Builds the tree, and counts its values on the way.
private struct JSONTreeReader: ~Escapable {
    var cursor: JSONCursor
    private var count = 0

    @_lifetime(copy json)
    init(_ json: Span<UInt8>) { cursor = JSONCursor(json) }

    @_lifetime(self: copy self)
    mutating func value(depth: Int) throws(JSONError) -> JSONNode {
        count += 1
        guard count <= JSONNode.valueLimit, depth <= JSONCursor.depthLimit else {
            throw cursor.error(.tooDeep)
        }
        switch cursor.peek() ?? 0 {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try list(depth: depth)
        case UInt8(ascii: "\""): return .text(decoded(try cursor.string()))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return .number(try cursor.number())
        case UInt8(ascii: "t"):
            try cursor.literal("true")
            return .boolean(true)
        case UInt8(ascii: "f"):
            try cursor.literal("false")
            return .boolean(false)
        case UInt8(ascii: "n"):
            try cursor.literal("null")
            return .null
        default: throw cursor.unexpected()
        }
    }

    @_lifetime(self: copy self)
    private mutating func object(depth: Int) throws(JSONError) -> JSONNode {
        guard depth < JSONCursor.depthLimit else { throw cursor.error(.tooDeep) }
        try cursor.expect(UInt8(ascii: "{"))
        var members: [JSONNode.Member] = []
        if cursor.take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            _ = cursor.peek()
            let name = decoded(try cursor.string())
            try cursor.expect(UInt8(ascii: ":"))
            members.append(JSONNode.Member(name, try value(depth: depth + 1)))
        } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "}"))
        return .object(members)
    }

    @_lifetime(self: copy self)
    private mutating func list(depth: Int) throws(JSONError) -> JSONNode {
        guard depth < JSONCursor.depthLimit else { throw cursor.error(.tooDeep) }
        try cursor.expect(UInt8(ascii: "["))
        var values: [JSONNode] = []
        if cursor.take(UInt8(ascii: "]")) { return .list(values) }
        repeat { values.append(try value(depth: depth + 1)) } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "]"))
        return .list(values)
    }

    private func decoded(_ text: JSONText) -> String {
        guard text.hasEscapes else {
            return String(cursor.bytes.extracting(text.start..<text.end))
        }
        var decoded = ByteBuffer(limit: max(1, (text.end - text.start) * 4))
        cursor.decode(text, into: &decoded)
        return String(decoded.readable)
    }
}

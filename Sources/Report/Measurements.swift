package import Bytes

/// Named numbers read from a report's JSON; nested names are joined by dots: `latency_ms.p95`.
package struct Measurements: Equatable, Sendable {
    /// Numbers one report may hold; more is no report of ours.
    package static let limit = 100_000

    package private(set) var values: [String: Double] = [:]

    package init() {}

    package subscript(name: String) -> Double? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// Adds the numbers and booleans (as 1 and 0) of a JSON object; texts and lists are passed over.
    package mutating func add(_ json: Span<UInt8>) throws(JSONError) {
        var cursor = JSONCursor(json)
        guard cursor.peek() == UInt8(ascii: "{") else { throw cursor.unexpected() }
        try object(&cursor, prefix: "", depth: 0)
        try cursor.expectEnd()
    }

    @_lifetime(cursor: copy cursor)
    private mutating func object(_ cursor: inout JSONCursor, prefix: String, depth: Int)
        throws(JSONError)
    {
        guard depth < JSONCursor.depthLimit else { throw cursor.error(.tooDeep) }
        try cursor.expect(UInt8(ascii: "{"))
        if cursor.take(UInt8(ascii: "}")) { return }
        repeat {
            _ = cursor.peek()
            let text = try cursor.string()
            let name = prefix + String(cursor.bytes.extracting(text.start..<text.end))
            try cursor.expect(UInt8(ascii: ":"))
            try value(&cursor, name, depth)
        } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "}"))
    }

    @_lifetime(cursor: copy cursor)
    private mutating func value(_ cursor: inout JSONCursor, _ name: String, _ depth: Int)
        throws(JSONError)
    {
        switch cursor.peek() ?? 0 {
        case UInt8(ascii: "{"): try object(&cursor, prefix: name + ".", depth: depth + 1)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            keep(try cursor.number(), name)
        case UInt8(ascii: "t"):
            try cursor.literal("true")
            keep(1, name)
        case UInt8(ascii: "f"):
            try cursor.literal("false")
            keep(0, name)
        default: try cursor.skipValue(depth: depth)
        }
    }
    private mutating func keep(_ value: Double, _ name: String) {
        guard values.count < Measurements.limit || values[name] != nil else { return }
        values[name] = value
    }
}

package import Bytes

/// A report's JSON, flat: nested names are joined by dots, lists of objects by their place.
package struct Document: Equatable, Sendable {
    /// Values one report may hold; more is no report of ours.
    package static let limit = 500_000

    package private(set) var numbers: [String: Double] = [:]
    package private(set) var texts: [String: String] = [:]
    /// Lists of numbers, such as the columns of a run over time.
    package private(set) var columns: [String: [Double]] = [:]
    /// Lists of texts.
    package private(set) var lines: [String: [String]] = [:]
    private var count = 0

    /// Reads a JSON object.
    package init(_ json: Span<UInt8>) throws(JSONError) {
        var cursor = JSONCursor(json)
        guard cursor.peek() == UInt8(ascii: "{") else { throw cursor.unexpected() }
        try object(&cursor, prefix: "", depth: 0)
        try cursor.expectEnd()
    }

    package subscript(_ name: String) -> Double? { numbers[name] }
    package func text(_ name: String) -> String? { texts[name] }
    package func column(_ name: String) -> [Double] { columns[name] ?? [] }

    /// The numbers, to be held against thresholds.
    package var measurements: Measurements {
        var measurements = Measurements()
        for (name, value) in numbers { measurements[name] = value }
        return measurements
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
            let name = prefix + text(try cursor.string(), cursor)
            try cursor.expect(UInt8(ascii: ":"))
            try value(&cursor, name, depth)
        } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "}"))
    }

    @_lifetime(cursor: copy cursor)
    private mutating func value(_ cursor: inout JSONCursor, _ name: String, _ depth: Int)
        throws(JSONError)
    {
        count += 1
        guard count < Document.limit else { throw cursor.error(.tooDeep) }
        switch cursor.peek() ?? 0 {
        case UInt8(ascii: "{"): try object(&cursor, prefix: name + ".", depth: depth + 1)
        case UInt8(ascii: "["): try list(&cursor, name, depth + 1)
        case UInt8(ascii: "\""): texts[name] = text(try cursor.string(), cursor)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            numbers[name] = try cursor.number()
        case UInt8(ascii: "t"):
            try cursor.literal("true")
            numbers[name] = 1
        case UInt8(ascii: "f"):
            try cursor.literal("false")
            numbers[name] = 0
        default: try cursor.skipValue(depth: depth)
        }
    }

    @_lifetime(cursor: copy cursor)
    private mutating func list(_ cursor: inout JSONCursor, _ name: String, _ depth: Int)
        throws(JSONError)
    {
        guard depth < JSONCursor.depthLimit else { throw cursor.error(.tooDeep) }
        try cursor.expect(UInt8(ascii: "["))
        var column: [Double] = []
        var texts: [String] = []
        var place = 0
        if !cursor.take(UInt8(ascii: "]")) {
            repeat {
                count += 1
                guard count < Document.limit else { throw cursor.error(.tooDeep) }
                switch cursor.peek() ?? 0 {
                case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    column.append(try cursor.number())
                case UInt8(ascii: "\""): texts.append(text(try cursor.string(), cursor))
                default: try value(&cursor, "\(name).\(place)", depth)
                }
                place += 1
            } while cursor.take(UInt8(ascii: ","))
            try cursor.expect(UInt8(ascii: "]"))
        }
        columns[name] = column
        lines[name] = texts
    }

    private func text(_ text: JSONText, _ cursor: borrowing JSONCursor) -> String {
        guard text.hasEscapes else {
            return String(cursor.bytes.extracting(text.start..<text.end))
        }
        var decoded = ByteBuffer(limit: max(1, (text.end - text.start) * 4))
        cursor.decode(text, into: &decoded)
        return String(decoded.readable)
    }
}

extension Measurements {
    /// Adds a report's numbers, its name before theirs.
    package mutating func add(_ document: Document, as name: String) {
        for (number, value) in document.numbers { self["\(name).\(number)"] = value }
    }
}

package import Bytes

/// Writes a JSON object member by member; numbers in the shortest form that reads back the same.
package struct JSONObject: ~Copyable {
    /// Longest report, in bytes.
    private static let limit = 256 * 1024 * 1024

    package private(set) var text = ByteBuffer(limit: limit)
    private var isFirst = true

    package init() { text.append("{") }

    private mutating func begin(_ name: String) {
        if !isFirst { text.append(",") }
        isFirst = false
        text.append(jsonString: name)
        text.append(":")
    }

    package mutating func add(_ name: String, _ value: Double) {
        begin(name)
        if value.isFinite { text.append(number: value) } else { text.append("null") }
    }

    package mutating func add(_ name: String, _ value: Int) {
        begin(name)
        text.append(integer: value)
    }

    package mutating func add(_ name: String, _ value: Bool) {
        begin(name)
        text.append(boolean: value)
    }

    package mutating func add(_ name: String, text value: String) {
        begin(name)
        text.append(jsonString: value)
    }

    package mutating func addNull(_ name: String) {
        begin(name)
        text.append("null")
    }

    package mutating func add(_ name: String, _ values: [Double]) {
        begin(name)
        text.append("[")
        for index in values.indices {
            if index > 0 { text.append(",") }
            if values[index].isFinite {
                text.append(number: values[index])
            } else {
                text.append("null")
            }
        }
        text.append("]")
    }

    package mutating func add(_ name: String, _ values: [String]) {
        begin(name)
        text.append("[")
        for index in values.indices {
            if index > 0 { text.append(",") }
            text.append(jsonString: values[index])
        }
        text.append("]")
    }

    /// A member that is an object itself.
    package mutating func add(_ name: String, _ body: (inout JSONObject) -> Void) {
        begin(name)
        var inner = JSONObject()
        body(&inner)
        inner.text.append("}")
        text.append(inner.text.readable)
    }

    /// A member whose text is already JSON.
    package mutating func add(_ name: String, json: Span<UInt8>) {
        begin(name)
        text.append(json)
    }

    /// Closes the object; nothing can be added after it.
    package consuming func finish() -> ByteBuffer {
        text.append("}\n")
        return text
    }
}

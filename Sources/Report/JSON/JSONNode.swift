package import Bytes

/// A JSON document as a tree.
///
/// Results are written from it and read into it. The service, which must not allocate while it
/// answers, writes into a `ByteBuffer` itself.
package enum JSONNode: Equatable, Sendable {
    case null
    case boolean(Bool)
    case number(Double)
    case text(String)
    case list([JSONNode])
    /// Members in their order. Of a name that stands twice the last value counts.
    case object([Member])

    package struct Member: Equatable, Sendable {
        package let name: String
        package let value: JSONNode

        package init(_ name: String, _ value: JSONNode) {
            self.name = name
            self.value = value
        }
    }

    /// Values that one document may hold. A result has some 30,000; a document with more than this
    /// is no result.
    package static let valueLimit = 500_000
    /// Longest document that is written, in bytes.
    private static let byteLimit = 256 * 1024 * 1024

    /// The value of a member of an object; nil where there is none.
    package subscript(_ name: String) -> JSONNode? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    /// What kind of value it is, for messages.
    package var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "true or false"
        case .number: "a number"
        case .text: "a text"
        case .list: "a list"
        case .object: "an object"
        }
    }

    // MARK: Writing

    /// The document in one line, with a line feed at its end.
    package var line: ByteBuffer {
        var buffer = ByteBuffer(limit: JSONNode.byteLimit)
        buffer.append(self)
        buffer.append("\n")
        return buffer
    }
}

extension ByteBuffer {
    /// Appends a document. A number that JSON does not know (NaN, infinity) is written as null.
    package mutating func append(_ node: JSONNode) {
        switch node {
        case .null: append("null")
        case .boolean(let value): append(boolean: value)
        case .number(let value):
            if value.isFinite { append(number: value) } else { append("null") }
        case .text(let value): append(jsonString: value)
        case .list(let values):
            append("[")
            for (index, value) in values.enumerated() {
                if index > 0 { append(",") }
                append(value)
            }
            append("]")
        case .object(let members):
            append("{")
            for (index, member) in members.enumerated() {
                if index > 0 { append(",") }
                append(jsonString: member.name)
                append(":")
                append(member.value)
            }
            append("}")
        }
    }
}

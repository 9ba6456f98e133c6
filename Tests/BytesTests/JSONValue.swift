import Bytes
import Foundation

/// A document's value, to compare two readers of it.
enum JSONValue {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case list([JSONValue])
    case object([String: JSONValue])

    /// What Foundation read.
    init(_ object: Any) {
        switch object {
        case let text as String: self = .string(text)
        case let list as [Any]: self = .list(list.map(JSONValue.init))
        case let members as [String: Any]: self = .object(members.mapValues(JSONValue.init))
        case let number as NSNumber:
            // SAFETY: objCType is a C string that lives as long as its number.
            let isBoolean = unsafe String(cString: number.objCType) == "c"
            self = isBoolean ? .boolean(number.boolValue) : .number(number.doubleValue)
        default: self = .null
        }
    }
}

extension JSONValue: Equatable {
    /// Numbers may differ by a few units in the last place, because Foundation reads many of them
    /// through a decimal type. Other tests compare them with strtod exactly.
    static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.boolean(let left), .boolean(let right)): left == right
        case (.number(let left), .number(let right)):
            abs(left - right) <= 1e-14 * max(abs(left), abs(right))
        case (.string(let left), .string(let right)): left == right
        case (.list(let left), .list(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }
}

/// Builds the value with the functions of the cursor only.
@_lifetime(cursor: copy cursor)
func build(_ cursor: inout JSONCursor) throws(JSONError) -> JSONValue {
    switch cursor.peek() ?? 0 {
    case UInt8(ascii: "{"): return try buildObject(&cursor)
    case UInt8(ascii: "["): return try buildList(&cursor)
    case UInt8(ascii: "\""): return .string(try buildString(&cursor))
    case UInt8(ascii: "t"):
        try cursor.literal("true")
        return .boolean(true)
    case UInt8(ascii: "f"):
        try cursor.literal("false")
        return .boolean(false)
    case UInt8(ascii: "n"):
        try cursor.literal("null")
        return .null
    default: return .number(try cursor.number())
    }
}

@_lifetime(cursor: copy cursor)
private func buildString(_ cursor: inout JSONCursor) throws(JSONError) -> String {
    let text = try cursor.string()
    var decoded = ByteBuffer(limit: 1 << 16)
    cursor.decode(text, into: &decoded)
    return String(decoded.readable)
}

@_lifetime(cursor: copy cursor)
private func buildList(_ cursor: inout JSONCursor) throws(JSONError) -> JSONValue {
    try cursor.expect(UInt8(ascii: "["))
    var list: [JSONValue] = []
    if cursor.take(UInt8(ascii: "]")) { return .list([]) }
    repeat { list.append(try build(&cursor)) } while cursor.take(UInt8(ascii: ","))
    try cursor.expect(UInt8(ascii: "]"))
    return .list(list)
}

@_lifetime(cursor: copy cursor)
private func buildObject(_ cursor: inout JSONCursor) throws(JSONError) -> JSONValue {
    try cursor.expect(UInt8(ascii: "{"))
    var members: [String: JSONValue] = [:]
    if cursor.take(UInt8(ascii: "}")) { return .object([:]) }
    repeat {
        let name = try buildString(&cursor)
        try cursor.expect(UInt8(ascii: ":"))
        members[name] = try build(&cursor)
    } while cursor.take(UInt8(ascii: ","))
    try cursor.expect(UInt8(ascii: "}"))
    return .object(members)
}

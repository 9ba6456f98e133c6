/// A fault in a JSON document, and the offset of the byte where it is.
public struct JSONError: Error, Equatable {
    public enum Problem: Equatable, Sendable {
        case unexpectedEnd
        case unexpectedByte
        case badNumber
        case numberOutOfRange
        case badEscape
        case badUTF8
        case controlInString
        case tooDeep
        case trailingBytes

        /// The problem in words, for a message such as "malformed number at byte 7".
        public var description: StaticString {
            switch self {
            case .unexpectedEnd: "unexpected end of JSON"
            case .unexpectedByte: "unexpected byte in JSON"
            case .badNumber: "malformed number"
            case .numberOutOfRange: "number out of a double's range"
            case .badEscape: "malformed escape in a string"
            case .badUTF8: "malformed UTF-8 in a string"
            case .controlInString: "raw control character in a string"
            case .tooDeep: "JSON nested deeper than 64 levels"
            case .trailingBytes: "bytes after the end of the JSON document"
            }
        }
    }

    public let problem: Problem
    public let offset: Int
}

/// A string in a JSON document: the offsets of its raw content, without the quotes, and whether it
/// has escapes that must be decoded.
public struct JSONText {
    public let start: Int
    public let end: Int
    public let hasEscapes: Bool
}

/// Who wrote an entry, and which of the writer's entries it is: no two entries have the same.
public struct Mark: Hashable, Sendable {
    /// A random number of the loop that wrote.
    public let writer: UInt64
    public let number: UInt64

    public static let none = Mark(writer: 0, number: 0)

    public init(writer: UInt64, number: UInt64) {
        self.writer = writer
        self.number = number
    }
}

/// The ID of an entry in its stream: `birth-number`, as Redis writes it.
///
/// `birth` is when the stream was made, in Unix microseconds, and the same for all its entries.
/// Redis gives the `number`: 1, 2, 3 … without a gap. So when the numbers of two entries of mine
/// follow each other, nobody else wrote in between. A stream that was flushed and made again has a
/// later birth.
public struct EntryID: Comparable, Hashable, Sendable {
    public let birth: UInt64
    public let number: UInt64

    public static let zero = EntryID(birth: 0, number: 0)
    public static let last = EntryID(birth: .max, number: .max)

    /// Redis allows more. No stream reaches it, and below it no sum overflows.
    public static let limit: UInt64 = 1_000_000_000_000_000_000
    /// A number of so many digits is always below the limit.
    private static let digitLimit = 18
    /// The longest text that is read.
    public static let textLimit = 2 * digitLimit + 1

    public init(birth: UInt64, number: UInt64) {
        self.birth = birth
        self.number = number
    }

    /// Reads `birth-number`; nil when the text is another.
    public init?(_ text: Span<UInt8>) {
        var birth: UInt64?
        var value: UInt64 = 0
        var digits = 0
        for index in text.indices {
            let digit = text[index] &- UInt8(ascii: "0")
            if digit < 10, digits < EntryID.digitLimit {
                value = value &* 10 &+ UInt64(digit)
                digits &+= 1
            } else {
                guard text[index] == UInt8(ascii: "-"), birth == nil, digits > 0 else { return nil }
                birth = value
                value = 0
                digits = 0
            }
        }
        guard let birth, digits > 0 else { return nil }
        self.init(birth: birth, number: value)
    }

    /// The entry that follows when nobody else writes.
    public var next: EntryID { EntryID(birth: birth, number: number + 1) }

    public static func < (left: EntryID, right: EntryID) -> Bool {
        left.birth != right.birth ? left.birth < right.birth : left.number < right.number
    }
}

/// The place of an entry in its stream: `birth-number`, as Redis writes it.
///
/// `birth` is when the stream was made, in Unix microseconds, the same for all its entries; `number`
/// is given by Redis, 1, 2, 3 … without a gap. So a number that follows mine tells that nobody else
/// wrote, and a stream that was flushed and begun anew is another stream: its birth is later.
package struct EntryID: Comparable, Hashable, Sendable {
    package let birth: UInt64
    package let number: UInt64

    package static let zero = EntryID(birth: 0, number: 0)
    package static let last = EntryID(birth: .max, number: .max)

    /// Redis allows more; no stream of ours comes near it, and below it nothing overflows.
    static let limit = UInt64(Int.max)

    package init(birth: UInt64, number: UInt64) {
        self.birth = birth
        self.number = number
    }

    /// Reads `birth-number`; nil when the text is no such thing.
    package init?(_ text: Span<UInt8>) {
        var parts: (UInt64, UInt64) = (0, 0)
        var digits = 0
        var isSecond = false
        for index in text.indices {
            let byte = text[index]
            if byte == UInt8(ascii: "-"), !isSecond, digits > 0 {
                parts.0 = parts.1
                parts.1 = 0
                digits = 0
                isSecond = true
                continue
            }
            let digit = byte &- UInt8(ascii: "0")
            let (product, over) = parts.1.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            guard digit < 10, !over, !carry else { return nil }
            parts.1 = sum
            digits += 1
        }
        guard isSecond, digits > 0, max(parts.0, parts.1) < EntryID.limit else { return nil }
        self.init(birth: parts.0, number: parts.1)
    }

    /// The entry that follows when nobody else writes.
    package var next: EntryID { EntryID(birth: birth, number: number + 1) }

    package static func < (left: EntryID, right: EntryID) -> Bool {
        left.birth != right.birth ? left.birth < right.birth : left.number < right.number
    }
}

/// Who wrote an entry, and which of the writer's entries it is: no two entries have the same.
package struct Mark: Hashable, Sendable {
    /// A random number of the loop that wrote.
    package let writer: UInt64
    package let number: UInt64

    package static let none = Mark(writer: 0, number: 0)

    package init(writer: UInt64, number: UInt64) {
        self.writer = writer
        self.number = number
    }
}

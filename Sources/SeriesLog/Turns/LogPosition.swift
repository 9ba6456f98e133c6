/// The place of an entry in a log.
///
/// `birth` tells one log from another that had the same name earlier, and is the same for all
/// entries of a log. Entries are numbered 1, 2, 3 … without a gap.
package struct LogPosition: Hashable, Sendable {
    package var birth: UInt64
    package var number: UInt64

    package static let zero = LogPosition(birth: 0, number: 0)

    package init(birth: UInt64, number: UInt64) {
        self.birth = birth
        self.number = number
    }
}

/// Who wrote an entry, and which of the writer's entries it is: no two entries have the same.
package struct TurnMark: Hashable, Sendable {
    /// A random number of the process that wrote.
    package let writer: UInt64
    package let number: UInt64

    package static let none = TurnMark(writer: 0, number: 0)

    package init(writer: UInt64, number: UInt64) {
        self.writer = writer
        self.number = number
    }
}

/// An entry as the store keeps it.
package struct StoredTurn: Equatable, Sendable {
    package let position: LogPosition
    package let bytes: [UInt8]

    package init(position: LogPosition, bytes: [UInt8]) {
        self.position = position
        self.bytes = bytes
    }
}

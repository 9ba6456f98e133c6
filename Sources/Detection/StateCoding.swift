/// Why bytes are no checkpoint of a fold.
package enum StateError: Error, Equatable {
    case truncated
    case trailingBytes
    case unknownVersion
    /// Written with another window size, threshold or minimum.
    case otherParameters
    /// A number that no fold can hold: not finite, or out of its range.
    case implausible
}

/// Walks a state's numbers in a fixed order, reading or replacing each: one list of fields serves
/// writing and reading, so the two cannot disagree.
protocol StateVisitor {
    mutating func visit(_ value: inout Double) throws(StateError)
    mutating func visit(_ value: inout Int) throws(StateError)
}

extension StateVisitor {
    /// An integer that must lie in a range, because it will be used as a place or a count.
    mutating func visit<Value: FixedWidthInteger>(
        _ value: inout Value, in range: ClosedRange<Value>
    )
        throws(StateError)
    {
        var wide = Int(value)
        try visit(&wide)
        guard let narrow = Value(exactly: wide), range.contains(narrow) else {
            throw .implausible
        }
        value = narrow
    }

    mutating func visit(_ value: inout Pair) throws(StateError) {
        try visit(&value.x)
        try visit(&value.y)
    }

    /// A float travels as the double of the same value.
    mutating func visit(_ value: inout Float) throws(StateError) {
        var wide = Double(value)
        try visit(&wide)
        value = Float(wide)
        guard value.isFinite else { throw .implausible }
    }

    mutating func visit(_ value: inout Bool) throws(StateError) {
        var number: UInt8 = value ? 1 : 0
        try visit(&number, in: 0...1)
        value = number == 1
    }
}

/// Takes each number as a word.
struct StateWriter: StateVisitor {
    private var words: [UInt64] = []

    init() {
        // A state of the default window; one of a larger window grows.
        words.reserveCapacity(512)
    }

    /// The numbers so far, each in little-endian order.
    var bytes: [UInt8] {
        // SAFETY: the bytes are copied while the words lend them.
        unsafe words.withUnsafeBytes { words in unsafe [UInt8](words) }
    }

    mutating func visit(_ value: inout Double) {
        words.append(value.bitPattern.littleEndian)
    }

    mutating func visit(_ value: inout Int) {
        words.append(UInt64(bitPattern: Int64(value)).littleEndian)
    }
}

/// Replaces each number by the next of the bytes.
struct StateReader: StateVisitor {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: Span<UInt8>) {
        var copy: [UInt8] = []
        copy.reserveCapacity(bytes.count)
        for index in bytes.indices { copy.append(bytes[index]) }
        self.bytes = copy
    }

    mutating func visit(_ value: inout Double) throws(StateError) {
        let number = Double(bitPattern: try word())
        guard number.isFinite else { throw .implausible }
        value = number
    }

    mutating func visit(_ value: inout Int) throws(StateError) {
        value = Int(Int64(bitPattern: try word()))
    }

    private mutating func word() throws(StateError) -> UInt64 {
        guard bytes.count - offset >= 8 else { throw .truncated }
        var word: UInt64 = 0
        for index in 0..<8 { word |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
        offset += 8
        return word
    }

    func expectEnd() throws(StateError) {
        guard offset == bytes.count else { throw .trailingBytes }
    }
}

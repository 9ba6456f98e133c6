public import Bytes

/// Commands of one pipeline, as Redis reads them: RESP arrays of bulk strings.
public struct CommandBuffer: ~Copyable {
    /// The largest pipeline; a batch's own limits keep it far below.
    public static let byteLimit = 1 << 30

    public private(set) var bytes = ByteBuffer(limit: byteLimit)
    private var expected = 0
    private var given = 0

    public init() {}

    public var isEmpty: Bool { bytes.isEmpty }

    public mutating func removeAll() {
        bytes.removeAll()
        // Once in a while a batch is huge; its memory is not kept for the small ones.
        if bytes.capacity > 4 * 1024 * 1024 { bytes.releaseMemory() }
    }

    /// Begins a command of so many words, its name among them.
    public mutating func begin(_ words: Int) {
        precondition(given == expected, "the command before is not complete")
        expected = words
        given = 0
        count(words, after: UInt8(ascii: "*"))
    }

    /// Ends a command.
    public mutating func end() {
        precondition(given == expected, "a command has another number of words than it says")
    }

    /// Adds a command that was written before.
    public mutating func append(_ command: Span<UInt8>) {
        bytes.append(command)
    }

    /// A command of constant words.
    public mutating func command(_ words: StaticString...) {
        begin(words.count)
        for word in words { add(word) }
        end()
    }

    public mutating func add(_ word: StaticString) {
        head(word.utf8CodeUnitCount)
        bytes.append(word)
        tail()
    }

    public mutating func add(_ word: Span<UInt8>) {
        head(word.count)
        bytes.append(word)
        tail()
    }

    public mutating func add(text: String) {
        add(Array(text.utf8).span)
    }

    public mutating func add(integer: Int) {
        let width = decimalWidth(UInt64(integer.magnitude)) + (integer < 0 ? 1 : 0)
        head(width)
        bytes.append(integer: integer)
        tail()
    }

    /// A place in a stream, after a sign that excludes it from a range or nothing.
    public mutating func add(_ id: EntryID, isExcluded: Bool = false) {
        head(decimalWidth(id.birth) + decimalWidth(id.number) + (isExcluded ? 2 : 1))
        if isExcluded { bytes.append("(") }
        bytes.append(integer: Int(id.birth))
        bytes.append("-")
        bytes.append(integer: Int(id.number))
        tail()
    }

    /// The place that follows the last one of a stream of this birth.
    public mutating func add(nextOf birth: UInt64) {
        head(decimalWidth(birth) + 2)
        bytes.append(integer: Int(birth))
        bytes.append("-*")
        tail()
    }

    /// A word of known length that `body` appends.
    public mutating func add(byteCount: Int, _ body: (inout ByteBuffer) -> Void) {
        head(byteCount)
        let before = bytes.count
        body(&bytes)
        precondition(bytes.count - before == byteCount, "a word has another length than it says")
        tail()
    }

    private mutating func head(_ byteCount: Int) {
        count(byteCount, after: UInt8(ascii: "$"))
    }

    /// A word in two parts, such as a key with its prefix.
    public mutating func add(_ prefix: Span<UInt8>, _ word: Span<UInt8>) {
        head(prefix.count + word.count)
        bytes.append(prefix)
        bytes.append(word)
        tail()
    }

    private mutating func tail() {
        if bytes.reserve(2) { endLine() }
        given += 1
    }

    /// A line with a count, nearly always of one digit.
    private mutating func count(_ value: Int, after sign: UInt8) {
        guard bytes.reserve(4) else { return }
        bytes.appendReserved(sign)
        if value < 10 {
            bytes.appendReserved(UInt8(ascii: "0") + UInt8(value))
        } else {
            bytes.append(integer: value)
            guard bytes.reserve(2) else { return }
        }
        endLine()
    }

    /// The caller has reserved room for it.
    private mutating func endLine() {
        bytes.appendReserved(UInt8(ascii: "\r"))
        bytes.appendReserved(UInt8(ascii: "\n"))
    }
}

/// Says whether a body holds what the service answers to samples, without parsing it: a field that
/// only verdicts, counts of a batch, or the note of a repeated request have.
///
/// Answers of a kind have the field at much the same offset, so it is looked for there first, eight
/// bytes at a time.
struct VerdictMark {
    /// How far from the last offset it is looked for before the whole body is searched.
    private static let reach = 12

    private let field: [UInt8]
    private let note: [UInt8]
    /// The first eight bytes of each.
    private let fieldWord: UInt64
    private let noteWord: UInt64
    private var lastOffset = 0

    /// For answers to one sample, or to a batch.
    init(isBatch: Bool) {
        field = Array((isBatch ? "\"accepted\":" : "\"is_anomaly\":").utf8)
        note = Array("\"duplicate\":true".utf8)
        fieldWord = VerdictMark.word(field)
        noteWord = VerdictMark.word(note)
    }

    private static func word(_ text: [UInt8]) -> UInt64 {
        text.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    @inline(__always)
    mutating func isIn(_ body: Span<UInt8>) -> Bool {
        guard body.count > 1, body[0] == UInt8(ascii: "{") else { return false }
        let near = max(0, lastOffset - VerdictMark.reach)
        let far = min(body.count, lastOffset + VerdictMark.reach)
        var found = VerdictMark.find(field, fieldWord, in: body, from: near, to: far)
        if found == nil {
            found = VerdictMark.find(field, fieldWord, in: body, from: 0, to: body.count)
        }
        if found == nil {
            found = VerdictMark.find(note, noteWord, in: body, from: 0, to: body.count)
        }
        guard let found else { return false }
        lastOffset = found
        return true
    }

    /// Whether the body calls the request a repeated one.
    func isRepeat(_ body: Span<UInt8>) -> Bool {
        VerdictMark.find(note, noteWord, in: body, from: 0, to: body.count) != nil
    }

    /// Where the text begins, if it begins between two offsets.
    private static func find(
        _ text: [UInt8], _ word: UInt64, in body: Span<UInt8>, from first: Int, to end: Int
    ) -> Int? {
        let last = min(end, body.count - text.count + 1)
        // SAFETY: the whole text, of eight bytes and more, fits behind `start`.
        return unsafe body.withUnsafeBytes { bytes in
            var start = first
            while start < last {
                let here = unsafe bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self)
                if UInt64(littleEndian: here) == word {
                    var index = 8
                    // SAFETY: as above.
                    while index < text.count, unsafe bytes[start + index] == text[index] {
                        index += 1
                    }
                    if index == text.count { return start }
                }
                start += 1
            }
            return nil
        }
    }
}

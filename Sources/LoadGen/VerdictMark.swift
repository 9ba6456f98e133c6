/// Says whether a body holds what the service answers to samples, without parsing it: a field that
/// only verdicts, counts of a batch, or the note of a repeated request have.
///
/// Answers of a kind have the field at much the same offset, so it is looked for there first.
struct VerdictMark {
    /// How far from the last offset it is looked for before the whole body is searched.
    private static let reach = 24

    private let field: [UInt8]
    private let note: [UInt8]
    private var lastOffset = 0

    /// For answers to one sample, or to a batch.
    init(isBatch: Bool) {
        field = Array((isBatch ? "\"accepted\":" : "\"is_anomaly\":").utf8)
        note = Array("\"duplicate\":true".utf8)
    }

    mutating func isIn(_ body: Span<UInt8>) -> Bool {
        guard body.count > 1, body[0] == UInt8(ascii: "{") else { return false }
        let near = max(0, lastOffset - VerdictMark.reach)
        let far = min(body.count, lastOffset + VerdictMark.reach)
        var found = VerdictMark.find(field.span, in: body, near..<max(near, far))
        if found == nil { found = VerdictMark.find(field.span, in: body, 0..<body.count) }
        if found == nil { found = VerdictMark.find(note.span, in: body, 0..<body.count) }
        guard let found else { return false }
        lastOffset = found
        return true
    }

    /// Where the text begins, if it begins in the range.
    private static func find(_ text: Span<UInt8>, in body: Span<UInt8>, _ range: Range<Int>) -> Int?
    {
        var start = range.lowerBound
        let last = min(range.upperBound, body.count - text.count + 1)
        while start < last {
            var index = 0
            while index < text.count, body[start + index] == text[index] { index += 1 }
            if index == text.count { return start }
            start += 1
        }
        return nil
    }
}

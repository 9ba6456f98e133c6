/// Says whether a body holds what the service answers to samples, without parsing it: a field that
/// only verdicts, counts of a batch, or the note of a repeated request have.
///
/// Answers of a kind have the field at much the same offset, so it is looked for there first.
struct VerdictMark {
    /// How far from the last offset it is looked for before the whole body is searched.
    private static let reach = 24

    private let marks: [[UInt8]]
    private var lastOffset = 0

    /// For answers to one sample, or to a batch.
    init(isBatch: Bool) {
        let names = isBatch ? ["\"accepted\":"] : ["\"is_anomaly\":"]
        marks = (names + ["\"duplicate\":true"]).map { Array($0.utf8) }
    }

    mutating func isIn(_ body: Span<UInt8>) -> Bool {
        guard body.count > 1, body[0] == UInt8(ascii: "{") else { return false }
        let near = max(0, lastOffset - VerdictMark.reach)
        let far = min(body.count, lastOffset + VerdictMark.reach)
        if near < far, let found = VerdictMark.offset(of: marks[0], in: body, near..<far) {
            lastOffset = found
            return true
        }
        for mark in marks {
            if let found = VerdictMark.offset(of: mark, in: body, 0..<body.count) {
                lastOffset = found
                return true
            }
        }
        return false
    }

    /// Where a mark begins, if it begins in the range.
    private static func offset(of mark: [UInt8], in body: Span<UInt8>, _ range: Range<Int>) -> Int?
    {
        let mark = mark.span
        var start = range.lowerBound
        let last = min(range.upperBound, body.count - mark.count + 1)
        while start < last {
            var index = 0
            while index < mark.count, body[start + index] == mark[index] { index += 1 }
            if index == mark.count { return start }
            start += 1
        }
        return nil
    }
}

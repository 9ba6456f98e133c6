/// One sample far off is no incident yet where samples come often: the next ones must agree.
///
/// A score over the threshold is held back until one of the next two samples is still off in the
/// same direction, by more than half as much.
struct Confirmation {
    /// Samples after the first that may confirm it.
    private static let patience: UInt8 = 2
    /// Share of the first sample's distance that the second must keep.
    private static let share = 0.5
    /// What is shown of a score that is held back, as a share of the threshold.
    private static let heldShare = 0.875
    /// Distances beyond it count as it; no load comes near it.
    private static let limit = 1e30

    /// The score that waits; 0 when none does.
    private var score: Float = 0
    /// What was expected instead of the first sample, and how far off it was.
    private var expected: Float = 0
    private var distance: Float = 0
    private var age: UInt8 = 0

    /// - Parameters:
    ///   - x: the value, and `expected` what the view expected, both relative to the first value.
    ///   - band: half the width of the view's band; it becomes that of the confirmation.
    /// - Returns: the score that counts now.
    @inline(__always)
    mutating func judge(_ score: Double, x: Double, threshold: Double, band: inout Band) -> Double {
        if self.score == 0, score < threshold { return score }
        return decide(score, x: x, threshold: threshold, band: &band)
    }

    @inline(never)
    private mutating func decide(
        _ score: Double, x: Double, threshold: Double, band: inout Band
    ) -> Double {
        var counted = score
        let waited = Double(distance)
        let offset = (x - Double(expected)) * waited
        if self.score > 0, offset > Confirmation.share * waited * waited {
            counted = larger(score, Double(self.score))
            band = Band(
                expected: Double(expected), half: Confirmation.share * waited.magnitude)
            self.score = 0
        } else if score >= threshold {
            if Double(self.score) < score {
                self.score = Float(score)
                expected = Confirmation.bounded(band.expected)
                distance = Confirmation.bounded(x - band.expected)
                age = 0
            }
            counted = Confirmation.heldShare * threshold
        }
        if self.score > 0 {
            age += 1
            if age > Confirmation.patience { self.score = 0 }
        }
        return counted
    }

    private static func bounded(_ x: Double) -> Float { Float(larger(-limit, smaller(limit, x))) }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&score)
        try visitor.visit(&expected)
        try visitor.visit(&distance)
        try visitor.visit(&age, in: 0...Confirmation.patience + 1)
    }
}

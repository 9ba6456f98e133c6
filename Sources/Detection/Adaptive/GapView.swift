/// Are samples missing from a series that is regular otherwise?
struct GapView {
    /// Usual steps between two samples that give a score of 8.
    private static let stepsAtThreshold = 4.5
    /// A step outside this range is an odd one.
    private static let regularSteps = 0.5...1.5
    /// A series of which more than this share of steps was odd lately, two in 5000, comes as it
    /// comes: whoever often skips samples would wake people up for it each time.
    private static let oddShare: Float = 0.0005
    private static let memory: Float = 5000
    private static let youth = 100

    private var odd: Float = 0

    @inline(__always)
    mutating func judge(_ step: SamplingStep, samples: Int, weight: Double) -> Double {
        // Nearly all series never have an odd step.
        if step.seconds == step.usual, odd == 0 { return 0 }
        guard samples > 1 else { return 0 }
        let wasRegular = odd < GapView.oddShare
        let range = GapView.regularSteps
        let isOdd =
            step.seconds < range.lowerBound * step.usual
            || step.seconds > range.upperBound * step.usual
        odd += ((isOdd ? 1 : 0) - odd) * larger(1 / GapView.memory, Float(weight))
        guard isOdd, wasRegular, samples > GapView.youth, step.usual > 0 else { return 0 }
        return smaller(
            ScoreScale.limit,
            ScoreScale.threshold * step.seconds / (GapView.stepsAtThreshold * step.usual))
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&odd)
    }
}

/// Are samples missing from a series that is regular otherwise?
struct GapView {
    /// Usual steps between two samples that give a score of 8.
    private static let stepsAtThreshold = 4.5
    /// A step outside this range is an odd one.
    private static let regularSteps = 0.5...1.5
    /// A series of which more than this share of steps is odd comes as it comes.
    private static let oddShare: Float = 0.01
    private static let memory: Float = 500
    private static let youth = 100

    private var odd: Float = 0

    /// - Parameter steps: time since the last sample in usual steps; 0 where unknown.
    @inline(__always)
    mutating func judge(steps: Double, samples: Int, weight: Double) -> Double {
        guard samples > 1 else { return 0 }
        let wasRegular = odd < GapView.oddShare
        let isOdd = !GapView.regularSteps.contains(steps)
        odd += ((isOdd ? 1 : 0) - odd) * max(1 / GapView.memory, Float(weight))
        guard isOdd, wasRegular, samples > GapView.youth else { return 0 }
        return min(ScoreScale.limit, ScoreScale.threshold * steps / GapView.stepsAtThreshold)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&odd)
    }
}

/// Is the mean of the last 30 samples unlike its own long history?
struct LevelView {
    private static let shortSamples = 30.0
    /// Sigmas of the short mean's own history that give a score of 8.
    private static let sigmasAtThreshold = 3.25
    /// A young series scores less: by n / (n + this).
    private static let youth = 150.0

    private var shortMean = 0.0
    private(set) var mean = 0.0
    private(set) var variance = 0.0

    struct Outcome {
        let score: Double
        /// How far the short mean is from its own long mean, before this sample taught it.
        let shift: Double
    }

    @inline(__always)
    mutating func judge(
        _ x: Double, samplesBefore: Double, epsilon: Double, isWarm: Bool, weight: Double,
        rate: Double
    )
        -> Outcome
    {
        let n = samplesBefore + 1
        shortMean += (x - shortMean) * larger(1 / LevelView.shortSamples, weight)
        let d = shortMean - mean
        var score = 0.0
        if isWarm {
            // sigmas · n / (n + youth), as one division.
            let sigmas = LevelView.sigmasAtThreshold * larger(squareRoot(variance), epsilon)
            score = smaller(
                ScoreScale.limit,
                ScoreScale.threshold * d.magnitude * n / (sigmas * (n + LevelView.youth)))
        }
        mean += rate * d
        variance = (1 - rate) * (variance + rate * d * d)
        return Outcome(score: score, shift: d.magnitude)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&shortMean)
        try visitor.visit(&mean)
        try visitor.visit(&variance)
    }
}

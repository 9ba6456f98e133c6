/// Is the mean of the last hour, or of the last 30 samples where they come less often, unlike its
/// own long history?
struct LevelView {
    /// What the short mean reaches back over: so many samples, and so long at least.
    private static let shortSamples = 30.0
    private static let shortSeconds = 3600.0
    /// Sigmas of the short mean's own history that give a score of 8.
    private static let sigmasAtThreshold = 3.25
    /// A young series scores less: by n / (n + this), both in lengths of the short mean.
    private static let youth = 5.0

    private var shortMean = 0.0
    private(set) var mean = 0.0
    private(set) var variance = 0.0

    struct Outcome {
        let score: Double
        /// The long mean, before this sample taught it, and how far the short mean is from it.
        let mean: Double
        let shift: Double
    }

    @inline(__always)
    mutating func judge(
        _ x: Double, samplesBefore: Double, intervalSeconds: Double, epsilon: Double, isWarm: Bool,
        weight: Double, rate: Double
    ) -> Outcome {
        let shortRate =
            intervalSeconds > 0
            ? smaller(
                1 / LevelView.shortSamples, intervalSeconds * (1 / LevelView.shortSeconds))
            : 1 / LevelView.shortSamples
        let n = (samplesBefore + 1) * shortRate
        shortMean += (x - shortMean) * larger(shortRate, weight)
        let longMean = mean
        let d = shortMean - longMean
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
        return Outcome(score: score, mean: longMean, shift: d.magnitude)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&shortMean)
        try visitor.visit(&mean)
        try visitor.visit(&variance)
    }
}

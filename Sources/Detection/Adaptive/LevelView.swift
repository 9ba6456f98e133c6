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

    @inline(__always)
    mutating func judge(
        _ x: Double, samplesBefore: Double, epsilon: Double, isWarm: Bool, rate: Double
    )
        -> Double
    {
        let n = samplesBefore + 1
        shortMean += (x - shortMean) / min(LevelView.shortSamples, n)
        let d = shortMean - mean
        var score = 0.0
        if isWarm {
            let sigmas = d.magnitude / max(variance.squareRoot(), epsilon)
            let age = n / (n + LevelView.youth)
            score = min(
                ScoreScale.limit,
                ScoreScale.threshold * sigmas / LevelView.sigmasAtThreshold * age)
        }
        mean += rate * d
        variance = (1 - rate) * (variance + rate * d * d)
        return score
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&shortMean)
        try visitor.visit(&mean)
        try visitor.visit(&variance)
    }
}

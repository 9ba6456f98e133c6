internal import Numerics

/// Is the prediction's error large for this hour of day and for this series' whole past?
struct SpikeView {
    /// Sigmas that give a score of 8.
    private static let sigmasAtThreshold = 5.0
    /// Share of the hour's usual largest residual that joins sigma, in quadrature.
    private static let hourShare = 0.35
    /// A series that often passes `tailStart` sigmas is damped: its score is multiplied by
    /// (usual rate / its own rate) ^ `damping`.
    private static let tailStart = 3.0
    private static let usualTailRate = 3e-3
    private static let tailMemory = 1e-3
    private static let damping = 0.1

    /// Long mean squared residual of the chosen predictor.
    private(set) var residualVariance = 0.0
    /// How often the error passes `tailStart` sigmas.
    private(set) var tailRate = usualTailRate

    struct Outcome {
        let score: Double
        /// The error in sigmas.
        let sigmas: Double
        /// Half the width of the band in which this view stays below the threshold.
        let band: Double
    }

    @inline(__always)
    mutating func judge(
        error: Double, hourResidual: Double, epsilon: Double, isWarm: Bool, isFirst: Bool,
        rate: Double, threshold: Double
    ) -> Outcome {
        let hour = SpikeView.hourShare * hourResidual
        let sigma = squareRoot(larger(residualVariance, epsilon * epsilon) + hour * hour)
        let z = isWarm ? error / sigma : 0
        var score = z * (ScoreScale.threshold / SpikeView.sigmasAtThreshold)
        var band = threshold * (SpikeView.sigmasAtThreshold / ScoreScale.threshold) * sigma
        if tailRate > SpikeView.usualTailRate {
            let factor = power(SpikeView.usualTailRate / tailRate, SpikeView.damping)
            score *= factor
            band /= factor
        }
        if z > SpikeView.tailStart {
            tailRate += SpikeView.tailMemory * (1 - tailRate)
        } else {
            tailRate += -SpikeView.tailMemory * tailRate
        }
        if !isFirst { residualVariance += rate * (error * error - residualVariance) }
        return Outcome(score: smaller(ScoreScale.limit, score), sigmas: z, band: band)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&residualVariance)
        try visitor.visit(&tailRate)
    }
}

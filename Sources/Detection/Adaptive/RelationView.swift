/// Does cpu still follow the load? A device that burns cpu without traffic is noticed here.
///
/// cpu is taken as a line over rps, learnt from the samples that lie near it; what a few samples in
/// a row have in common beyond the line's usual error is the score.
struct RelationView {
    /// Samples of memory of the line, and of its usual error.
    private static let lineMemory = 1000.0
    private static let errorMemory = 400.0
    private static let clip = 3.0
    /// As in the steady view.
    private static let sigmasPerUsual = 1.26
    /// Weight of a sample in the short mean of deviations, and what one deviation counts at most:
    /// one sample alone, however far off, cannot reach the threshold.
    private static let shortRate = 0.4
    private static let deviationLimit = 6.0
    /// Sigmas of the short mean that give a score of 8.
    private static let sigmasAtThreshold = 3.0
    /// Deviations beyond so many sigmas do not teach the line, until so many came in a row.
    private static let oddSigmas = 3.5
    private static let patience: UInt8 = 40
    private static let youth = 100
    /// Beyond it a load counts as it; its square is a finite double.
    private static let limit = 1e75

    private var rpsMean = 0.0
    private var cpuMean = 0.0
    private var rpsVariance = 0.0
    private var covariance = 0.0
    private var usual = 0.0
    private var short: Float = 0
    private var run: UInt8 = 0
    /// Samples without cpu came: they teach nothing here, and do not count.
    private(set) var hasGaps = false
    /// Samples with cpu, once there are others; it stops where it decides nothing any more.
    private var measured: UInt16 = 0
    private static let measuredLimit = 2 * Int(lineMemory)

    struct Outcome {
        static let silent = Outcome(score: 0, expected: 0, sigma: 0, short: 0)

        let score: Double
        /// The cpu that this load usually needs, and one sigma about it, both in percent; a sigma
        /// of 0 where the view says nothing.
        let expected: Double
        let sigma: Double
        /// Mean of the deviations before this one, in sigmas.
        let short: Double

        /// The cpu's bounds in which the view stays below the threshold. They are not in the middle
        /// about the expected cpu where the samples before were off to one side. A deviation beyond
        /// the limit counts no more than one at it, so no bound lies farther out.
        func bounds(threshold: Double) -> (lower: Double, upper: Double) {
            let needed = RelationView.sigmasAtThreshold * threshold / ScoreScale.threshold
            let before = (1 - RelationView.shortRate) * short
            func bound(_ mean: Double) -> Double {
                let sigmas = (mean - before) / RelationView.shortRate
                let most = RelationView.deviationLimit
                return expected + larger(-most, smaller(most, sigmas)) * sigma
            }
            // The short mean is a float: what reaches the threshold in it is outside for sure.
            let rounding = RelationView.boundRounding * sigma
            return (bound(-needed) + rounding, bound(needed) - rounding)
        }
    }

    private static let boundRounding = 1e-5

    /// - Parameters:
    ///   - samples: before this one.
    ///   - weight: 1 / n, this sample included; 0 where that is less than any rate.
    @inline(__always)
    mutating func judge(_ sample: Sample, samples: Int, weight: Double) -> Outcome {
        if hasGaps || !sample.hasCPU { return judgeWithGaps(sample, samples: samples) }
        return judge(rps: sample.rps, cpu: sample.cpu, samples: samples, weight: weight)
    }

    @inline(never)
    private mutating func judgeWithGaps(_ sample: Sample, samples: Int) -> Outcome {
        if !hasGaps {
            hasGaps = true
            measured = UInt16(min(samples, RelationView.measuredLimit))
        }
        guard sample.hasCPU else { return .silent }
        let count = Int(measured)
        if count < RelationView.measuredLimit { measured += 1 }
        return judge(
            rps: sample.rps, cpu: sample.cpu, samples: count, weight: 1 / Double(count + 1))
    }

    mutating func visitGaps<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        hasGaps = true
        try visitor.visit(&measured, in: 0...UInt16(RelationView.measuredLimit))
    }

    @inline(__always)
    private mutating func judge(
        rps: Double, cpu: Double, samples: Int, weight: Double
    ) -> Outcome {
        let limit = RelationView.limit
        let rpsOffset = larger(-limit, smaller(rps, limit)) - rpsMean
        let cpuOffset = smaller(cpu, RelationView.limit) - cpuMean
        let slope = rpsVariance > 0 ? covariance / rpsVariance : 0
        let deviation = cpuOffset - slope * rpsOffset
        let epsilon = 1e-9 + 1e-6 * smaller(cpu, RelationView.limit)
        let sigma = larger(RelationView.sigmasPerUsual * usual, epsilon)
        let sigmas = deviation / sigma
        let (before, expected) = (short, cpuMean + slope * rpsOffset)
        let most = RelationView.deviationLimit
        short +=
            Float(RelationView.shortRate) * (Float(larger(-most, smaller(most, sigmas))) - short)
        let isOdd = sigmas.magnitude > RelationView.oddSigmas
        run = isOdd ? min(run, RelationView.patience) + 1 : 0
        let isYoung = samples < LoadDetector.warmUp
        if isYoung || !isOdd || run > RelationView.patience {
            learn(rpsOffset, cpuOffset, rate: larger(1 / RelationView.lineMemory, weight))
        }
        let bound = isYoung ? .infinity : RelationView.clip * larger(usual, epsilon)
        let rate = larger(1 / RelationView.errorMemory, weight)
        usual += rate * (smaller(deviation.magnitude, bound) - usual)
        guard samples >= RelationView.youth else { return .silent }
        return Outcome(
            score: Double(short.magnitude)
                * (ScoreScale.threshold / RelationView.sigmasAtThreshold),
            expected: expected, sigma: sigma, short: Double(before))
    }

    @inline(__always)
    private mutating func learn(_ rpsOffset: Double, _ cpuOffset: Double, rate: Double) {
        rpsMean += rate * rpsOffset
        cpuMean += rate * cpuOffset
        rpsVariance += rate * (rpsOffset * rpsOffset - rpsVariance)
        covariance += rate * (rpsOffset * cpuOffset - covariance)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&rpsMean)
        try visitor.visit(&cpuMean)
        try visitor.visit(&rpsVariance)
        try visitor.visit(&covariance)
        try visitor.visit(&usual)
        try visitor.visit(&short)
        try visitor.visit(&run, in: 0...RelationView.patience + 1)
    }
}

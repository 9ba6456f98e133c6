/// Is the error large beside the series' everyday noise, whatever giants its past holds?
///
/// The spike view measures by all errors of the past, so one giant hides what comes after it, and
/// one anomaly in a hundred samples hides the next. This view measures by the usual error, of which
/// no single one counts for more than three times the usual; its own predictors are as unmoved. It
/// speaks only where rare is rare: the more often the errors of a series lie between the everyday and
/// the absurd, the higher its bar.
struct SteadyView {
    /// Everyday sigmas that give a score of 8.
    private static let sigmasAtThreshold = 5.0
    /// Samples of memory of the usual error.
    private static let memory: Float = 400
    /// An error counts as at most so many usual ones when the usual one is learnt.
    private static let clip: Float = 3
    /// Standard deviations in a mean absolute error that is clipped so, for a normal distribution.
    private static let sigmasPerUsual = 1.26
    /// The everyday sigma is taken for at least this share of the root mean square of all errors.
    private static let longShare = 0.5

    private static let trendRate: Float = 0.2
    private static let slopeRate: Float = 0.01
    private static let slowRate: Float = 0.04
    /// Everyday sigmas by which the view's own predictors move at most, until so many samples in a
    /// row are as far off: then it is no incident but the new course.
    private static let stride = 3.0
    private static let patience: UInt8 = 4

    /// Errors in this range of sigmas, and beyond the giant's, tell how heavy the tails are.
    private static let greyRange = 4.0..<5.5
    private static let giant = 16.0
    private static let giantWeight: Float = 2
    private static let tailMemory: Float = 4000
    /// Tail weight at which the bar doubles.
    private static let heavyTail: Float = 0.003
    /// What a series is thought to have before it is known: what a normal one shows, and some doubt.
    private static let usualTail: Float = 0.0015
    /// The bar rises with every sample over it, at most once in so many samples, and sinks back.
    private static let raise: Float = 1.03
    private static let raiseGap: UInt8 = 12
    private static let relaxation: Float = 1e-3

    /// Samples before tails are counted, and before the view is heard.
    private static let youth = 100
    private static let silence = 300
    /// Beyond it numbers count as it; their differences still are finite.
    private static let limit = 1e30

    /// Usual absolute errors of: the last value, the daily profile, the trend, the slow mean.
    private var usual = SIMD4<Float>.zero
    private var trend: Float = 0
    private var slope: Float = 0
    private var slowMean: Float = 0
    private var tail = usualTail
    private var bar: Float = 1
    private var sinceRaise: UInt8 = 0
    private var run: UInt8 = 0

    struct Outcome {
        let score: Double
        /// The best of the predictions, made before the value was seen.
        let prediction: Double
        /// Standard deviation of the everyday errors, without regard to the giants.
        let sigma: Double
    }

    /// - Parameter isCalm: whether no incident is so recent that its wake would spoil the tails.
    @inline(__always)
    mutating func judge(_ value: borrowing LoadDetector.Judgment, samples: Int, isCalm: Bool)
        -> Outcome
    {
        let x = SteadyView.bounded(value.x)
        if samples == 0 { (trend, slowMean) = (x, x) }
        let predictions = SIMD4<Float>(
            SteadyView.bounded(value.last), SteadyView.bounded(value.fromProfile), trend + slope,
            slowMean)
        let best = smallest(usual)
        let prediction = Double(predictions[best])
        let sigma = SteadyView.sigmasPerUsual * Double(usual[best])
        let measure = max(max(sigma, value.epsilon), SteadyView.longShare * value.longDeviation)
        let z = (value.x - prediction).magnitude / measure
        let score = samples >= SteadyView.youth ? scored(z, samples: samples, isCalm: isCalm) : 0
        learnUsual(x, predictions, value)
        follow(x, z: z, sigma: measure, value.weight, isYoung: samples < LoadDetector.warmUp)
        return Outcome(score: score, prediction: prediction, sigma: sigma)
    }

    private static func bounded(_ x: Double) -> Float { Float(max(-limit, min(limit, x))) }

    /// Place of the smallest; of equal ones the first.
    @inline(__always)
    private func smallest(_ errors: SIMD4<Float>) -> Int {
        var best = 0
        var least = errors[0]
        for place in 1..<4 where errors[place] < least {
            best = place
            least = errors[place]
        }
        return best
    }

    @inline(__always)
    private mutating func scored(_ z: Double, samples: Int, isCalm: Bool) -> Double {
        let weight = tail / SteadyView.heavyTail
        let square = weight * weight
        let sigmas = SteadyView.sigmasAtThreshold * Double(bar * (1 + square * square))
        if isCalm {
            var grey: Float = SteadyView.greyRange.contains(z) ? 1 : 0
            if z > SteadyView.giant { grey = SteadyView.giantWeight }
            tail += (grey - tail) * (1 / SteadyView.tailMemory)
        }
        if sinceRaise < .max { sinceRaise += 1 }
        if z > SteadyView.sigmasAtThreshold * Double(bar), sinceRaise > SteadyView.raiseGap {
            bar *= SteadyView.raise
            sinceRaise = 0
        }
        bar += (1 - bar) * SteadyView.relaxation
        guard samples >= SteadyView.silence else { return 0 }
        return min(ScoreScale.limit, ScoreScale.threshold * z / sigmas)
    }

    @inline(__always)
    private mutating func learnUsual(
        _ x: Float, _ predictions: SIMD4<Float>, _ value: borrowing LoadDetector.Judgment
    ) {
        let offsets = SIMD4(repeating: x) - predictions
        var errors = offsets.replacing(with: -offsets, where: offsets .< 0)
        let rate = max(1 / SteadyView.memory, Float(value.weight))
        if value.weight < 1 / Double(LoadDetector.warmUp) {
            let floor = SIMD4<Float>(repeating: SteadyView.bounded(value.epsilon))
            let most = usual.replacing(with: floor, where: usual .< floor) * SteadyView.clip
            errors.replace(with: most, where: most .< errors)
        }
        usual += (errors - usual) * rate
    }

    /// Moves the trend and the slow mean towards the value, but by no more than a stride.
    @inline(__always)
    private mutating func follow(
        _ x: Float, z: Double, sigma: Double, _ weight: Double, isYoung: Bool
    ) {
        run = z > SteadyView.stride ? min(run, SteadyView.patience) + 1 : 0
        let isFree = isYoung || run > SteadyView.patience
        let stride = isFree ? .infinity : SteadyView.bounded(SteadyView.stride * sigma)
        let ahead = trend + slope
        let fromTrend = max(-stride, min(stride, x - ahead))
        trend = ahead + max(SteadyView.trendRate, Float(weight)) * fromTrend
        slope += SteadyView.slopeRate * fromTrend
        let fromMean = max(-stride, min(stride, x - slowMean))
        slowMean += max(SteadyView.slowRate, Float(weight)) * fromMean
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        for place in 0..<4 { try visitor.visit(&usual[place]) }
        try visitor.visit(&trend)
        try visitor.visit(&slope)
        try visitor.visit(&slowMean)
        try visitor.visit(&tail)
        try visitor.visit(&bar)
        try visitor.visit(&sinceRaise, in: 0...UInt8.max)
        try visitor.visit(&run, in: 0...SteadyView.patience + 1)
    }
}

/// Is the error large beside the series' everyday noise, whatever giants its past holds?
///
/// The spike view measures by all errors of the past, so one giant hides what comes after it, and
/// one anomaly in a hundred samples hides the next. This view measures by the usual error, of which
/// no single one counts for more than three times the usual; its own predictors are as unmoved. It
/// speaks only where rare is rare: the more often the errors of a series lie between the everyday
/// and the absurd, the higher its bar.
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
    /// An error counts as at most so many everyday sigmas in that mean, and what a sample weighs in
    /// it.
    private static let longClip = 30.0
    private static let longRate = 5e-5

    /// Share of the hour's usual largest error, beside the long deviation, of which an error must
    /// be so many times as large.
    private static let hourShare = 0.35
    private static let leastSigmas = 2.5

    private static let trendRate: Float = 0.2
    private static let slopeRate: Float = 0.01
    private static let slowRate: Float = 0.04
    /// Everyday sigmas by which the view's own predictors move at most, until so many samples in a
    /// row are as far off: then it is no incident but the new course.
    private static let stride = 3.0
    private static let patience: UInt8 = 4

    /// Errors of so many sigmas and less are everyday ones: no score, no weight in the tails.
    private static let everyday = 3.0
    /// Errors in this range of sigmas, and beyond the giant's, tell how heavy the tails are.
    private static let greyRange = 4.0..<5.5
    private static let giant = 16.0
    private static let giantWeight: Float = 2
    private static let tailMemory: Float = 4000
    /// Tail weight at which the bar doubles.
    private static let heavyTail: Float = 0.003
    /// What a series is thought to have before it is known: what a normal one shows, and some
    /// doubt.
    private static let usualTail: Float = 0.0015
    /// The bar rises with every sample over it, at most once in so many samples, and sinks back.
    private static let raise: Float = 1.03
    private static let raiseGap: UInt8 = 12
    private static let relaxation: Float = 1e-3

    /// Samples before tails are counted, and before the view is heard.
    private static let youth = 100
    private static let silence = 300
    /// Of numbers beyond it, which no load comes near, the view says nothing.
    private static let limit = 1e18

    /// Usual absolute errors of: the last value, the daily profile, the trend, the slow mean.
    private var usual = SIMD4<Float>.zero
    private var trend: Float = 0
    private var slope: Float = 0
    private var slowMean: Float = 0
    /// Mean square of all errors, of which none counts for more than so many everyday sigmas.
    private var longVariance: Float = 0
    /// How much of the errors lies between the everyday and the absurd.
    private(set) var tail = usualTail
    private var bar: Float = 1
    private var sinceRaise: UInt8 = 0
    private var run: UInt8 = 0

    struct Outcome {
        static let silent = Outcome(
            score: 0, prediction: 0, half: 0, sigmas: 0, measure: 0, isUsualHere: false, sigma: 0)

        let score: Double
        /// The best of the predictions, made before the value was seen.
        let prediction: Double
        /// How far from it a value reaches a score of 8; 0 where the score is 0.
        let half: Double
        /// The error in the sigmas that it was measured by, and one of them.
        let sigmas: Double
        let measure: Double
        /// Whether an error of this size is no news at this hour of the day.
        let isUsualHere: Bool
        /// Standard deviation of the everyday errors, without regard to the giants.
        let sigma: Double
    }

    /// A value with what the others know of it; all but the weight in the value's unit.
    struct Input {
        let x: Double
        /// The two predictions that are not the view's own: the last value, and the daily
        /// profile's.
        let predictions: Pair
        /// The hour's usual largest error.
        let hourResidual: Double
        /// What counts as rounding noise.
        let epsilon: Double
        /// 1 / n, the value included; 0 where that is less than any rate.
        let weight: Double
    }

    /// - Parameter isCalm: whether no incident is so recent that its wake would spoil the tails.
    @inline(__always)
    mutating func judge(_ value: Input, samples: Int, isCalm: Bool) -> Outcome {
        let known = value.predictions
        let largest = larger(larger(value.x.magnitude, known.x.magnitude), known.y.magnitude)
        guard largest < SteadyView.limit else { return .silent }
        let x = Float(value.x)
        if samples == 0 { (trend, slowMean) = (x, x) }
        let predictions = SIMD4<Float>(
            Float(known.x), Float(known.y), trend + slope, slowMean)
        let best = best(predictions)
        let prediction = Double(best.prediction)
        let sigma = SteadyView.sigmasPerUsual * Double(best.usual)
        let measure = SteadyView.measure(larger(sigma, value.epsilon), Double(longVariance))
        let error = (value.x - prediction).magnitude
        let z = error / measure
        learnLong(error, sigma: larger(sigma, value.epsilon), value.weight)
        let scored =
            samples >= SteadyView.youth
            ? scored(z, samples: samples, isCalm: isCalm) : (score: 0, sigmas: 0)
        let score = scored.score
        learnUsual(x, predictions: predictions, value)
        follow(x, z: z, sigma: measure, value.weight, isYoung: samples < LoadDetector.warmUp)
        let isUsualHere = score >= 1 ? explains(error, value) : false
        return Outcome(
            score: score, prediction: prediction, half: scored.sigmas * measure,
            sigmas: z, measure: measure, isUsualHere: isUsualHere, sigma: sigma)
    }

    /// Whether the hour of the day explains an error: the spike view's own measure, but with giants
    /// cut.
    private func explains(_ error: Double, _ value: Input) -> Bool {
        let hour = SteadyView.hourShare * value.hourResidual
        let variance = Double(longVariance) + hour * hour
        return error * error < SteadyView.leastSigmas * SteadyView.leastSigmas * variance
    }

    /// The larger of a sigma and its share of the long deviation; the root is rarely needed.
    @inline(__always)
    private static func measure(_ sigma: Double, _ longVariance: Double) -> Double {
        let least = longShare * longShare * longVariance
        return least > sigma * sigma ? rareRoot(least) : sigma
    }

    /// Out of line, or the root would be taken every time and thrown away.
    @inline(never)
    private static func rareRoot(_ x: Double) -> Double { squareRoot(x) }

    /// The prediction whose usual error is least, and that error; of equal ones the first.
    @inline(__always)
    private func best(_ predictions: SIMD4<Float>) -> (prediction: Float, usual: Float) {
        var best = (prediction: predictions.x, usual: usual.x)
        if usual.y < best.usual { best = (predictions.y, usual.y) }
        if usual.z < best.usual { best = (predictions.z, usual.z) }
        if usual.w < best.usual { best = (predictions.w, usual.w) }
        return best
    }

    /// The score of an error of `z` sigmas, the sigmas that score 8, and what the error teaches of
    /// the tails and the bar. Up to `everyday` sigmas, as nearly all are, it is 0 and both only
    /// relax.
    @inline(__always)
    private mutating func scored(_ z: Double, samples: Int, isCalm: Bool)
        -> (score: Double, sigmas: Double)
    {
        if sinceRaise < .max { sinceRaise &+= 1 }
        if z > SteadyView.everyday { return rare(z, samples: samples, isCalm: isCalm) }
        if isCalm { tail -= tail * (1 / SteadyView.tailMemory) }
        bar += (1 - bar) * SteadyView.relaxation
        return (0, 0)
    }

    @inline(never)
    private mutating func rare(_ z: Double, samples: Int, isCalm: Bool)
        -> (score: Double, sigmas: Double)
    {
        let weight = tail / SteadyView.heavyTail
        let square = weight * weight
        let sigmas = SteadyView.sigmasAtThreshold * Double(bar * (1 + square * square))
        if isCalm {
            var grey: Float = SteadyView.greyRange.contains(z) ? 1 : 0
            if z > SteadyView.giant { grey = SteadyView.giantWeight }
            tail += (grey - tail) * (1 / SteadyView.tailMemory)
        }
        if z > SteadyView.sigmasAtThreshold * Double(bar), sinceRaise > SteadyView.raiseGap {
            bar *= SteadyView.raise
            sinceRaise = 0
        }
        bar += (1 - bar) * SteadyView.relaxation
        guard samples >= SteadyView.silence else { return (0, 0) }
        return (smaller(ScoreScale.limit, ScoreScale.threshold * z / sigmas), sigmas)
    }

    @inline(__always)
    private mutating func learnUsual(
        _ x: Float, predictions: SIMD4<Float>, _ value: Input
    ) {
        var errors = magnitude(SIMD4(repeating: x) - predictions)
        let rate = larger(1 / SteadyView.memory, Float(value.weight))
        if value.weight < 1 / Double(LoadDetector.warmUp) {
            let floor = SIMD4<Float>(repeating: Float(value.epsilon))
            errors = smaller(errors, larger(usual, floor) * SteadyView.clip)
        }
        usual += (errors - usual) * rate
    }

    @inline(__always)
    private mutating func learnLong(_ error: Double, sigma: Double, _ weight: Double) {
        let isYoung = weight > 1 / Double(LoadDetector.warmUp)
        let counted = isYoung ? error : smaller(error, SteadyView.longClip * sigma)
        let rate = larger(SteadyView.longRate, weight)
        longVariance += Float(rate) * (Float(counted * counted) - longVariance)
    }

    /// Moves the trend and the slow mean towards the value, but by no more than a stride.
    @inline(__always)
    private mutating func follow(
        _ x: Float, z: Double, sigma: Double, _ weight: Double, isYoung: Bool
    ) {
        run = z > SteadyView.stride ? min(run, SteadyView.patience) + 1 : 0
        let isFree = isYoung || run > SteadyView.patience
        let stride = isFree ? .infinity : Float(SteadyView.stride * sigma)
        let ahead = trend + slope
        let fromTrend = larger(-stride, smaller(stride, x - ahead))
        trend = ahead + larger(SteadyView.trendRate, Float(weight)) * fromTrend
        slope += SteadyView.slopeRate * fromTrend
        let fromMean = larger(-stride, smaller(stride, x - slowMean))
        slowMean += larger(SteadyView.slowRate, Float(weight)) * fromMean
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        for place in 0..<4 { try visitor.visit(&usual[place]) }
        try visitor.visit(&trend)
        try visitor.visit(&slope)
        try visitor.visit(&slowMean)
        try visitor.visit(&longVariance)
        try visitor.visit(&tail)
        try visitor.visit(&bar)
        try visitor.visit(&sinceRaise, in: 0...UInt8.max)
        try visitor.visit(&run, in: 0...SteadyView.patience + 1)
    }
}

/// The reference detector: four views of one value, and its own decision when to alert.
///
/// Strictly causal, without training, O(1) a sample. All arithmetic is IEEE basic operations, so
/// replicas agree bit for bit. It reproduces the published vectors by itself; what was learnt since
/// stands beside it, in `AdaptiveDetector`, and changes nothing in here.
package struct LoadDetector {
    /// No scores for the first samples of a series.
    static let warmUp = 20
    /// Long memory, per sample; 1/n until then, which is the plain mean of all history.
    private static let longRate = 5e-5
    private static let longSamples = 20_000
    private static let epsilonAbsolute = 1e-9
    private static let epsilonRelative = 1e-6

    private(set) var samples = 0
    /// The first value; everything else is relative to it, for the sake of rounding.
    private(set) var origin = 0.0
    private var interval = SamplingInterval()
    private var predictors = Predictors()
    private var profile = HourProfile()
    private var spike = SpikeView()
    private var daily = DailyView()
    private var level = LevelView()
    private var flat = FlatView()
    private var policy = AlertPolicy()

    package init() {}

    /// What the reference says of a value, and what it knew before it; all but scores and times in
    /// the value's unit, and relative to the first value.
    package struct Judgment {
        let x: Double
        let prediction: Double
        /// Half the width of the band in which the spike view stays below 8.
        let band: Double
        package let scores: Scores
        package let alert: Bool
        /// The two predictions that others may use too: the last value, and the daily profile's. They
        /// are read side by side, and so must be written at once for the read not to wait.
        let predictions: Pair
        /// Usual value of this hour of the day, and its usual largest error.
        let hourMean: Double
        let hourResidual: Double
        /// How far the mean of the last 30 samples is from its own long mean.
        let shift: Double
        /// What counts as rounding noise.
        let epsilon: Double
        /// 1 / n, the value included; 0 where that is less than any rate.
        let weight: Double
        let step: SamplingStep
    }

    /// Judges one value and learns it. `timestamp` is in Unix seconds.
    @inline(__always)
    package mutating func update(timestamp: Double, value: Double, threshold: Double) -> Judgment {
        let value = larger(-statisticsLimit, smaller(statisticsLimit, value))
        if samples == 0 { origin = value }
        let x = value - origin
        // Below the least of all rates it decides nothing any more, and a division is dear.
        let weight = samples < LoadDetector.longSamples ? 1 / Double(samples + 1) : 0
        let rate = larger(LoadDetector.longRate, weight)
        let epsilon = LoadDetector.epsilonAbsolute + LoadDetector.epsilonRelative * value.magnitude
        let isWarm = samples >= LoadDetector.warmUp
        let last = predictors.last
        let isSameAsLast = samples > 0 && x == last
        let step = interval.note(timestamp, isFirst: samples == 0)
        let place = profile.move(to: timestamp)
        let hour = profile.hour(place)
        let fromProfile = place.isKnown ? profile.prediction(place, epsilon: epsilon) : last
        let prediction = predictors.predict(x, profile: fromProfile, rate: rate)
        let error = (x - prediction).magnitude
        let spiked = spike.judge(
            error: error, hourResidual: hour.largestResidual, epsilon: epsilon,
            isWarm: isWarm, isFirst: samples == 0, rate: rate)
        profile.note(residual: error)
        let leveled = level.judge(
            x, samplesBefore: Double(samples), epsilon: epsilon, isWarm: isWarm, weight: weight,
            rate: rate)
        let scores = Scores(
            spike: spiked.score,
            daily: daily.judge(x, hour, epsilon: epsilon, isWarm: isWarm, weight: weight),
            level: leveled.score,
            flat: flat.judge(
                isSameAsLast: isSameAsLast, samplesBefore: Double(samples), isWarm: isWarm))
        predictors.learn(x)
        profile.learn(x, at: place, intervalSeconds: interval.seconds)
        let alert = policy.judge(
            fast: scores.spike, slow: scores.slow, threshold: threshold)
        samples += 1
        return Judgment(
            x: x, prediction: prediction, band: spiked.band, scores: scores, alert: alert,
            predictions: Pair(last, fromProfile), hourMean: hour.mean,
            hourResidual: hour.largestResidual,
            shift: leveled.shift, epsilon: epsilon, weight: weight,
            step: step)
    }

    package struct Scores {
        package let spike: Double
        package let daily: Double
        package let level: Double
        package let flat: Double

        var slow: Double { larger(daily, larger(level, flat)) }
        package var highest: Double { larger(spike, slow) }

        /// The highest view; of equal ones the first.
        package var reason: Reason {
            guard highest > 0 else { return .none }
            if spike >= slow { return .spike }
            if daily >= larger(level, flat) { return .daily }
            return level >= flat ? .level : .flat
        }
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&samples, in: 0...Int.max / 2)
        try visitor.visit(&origin)
        try interval.visit(&visitor)
        try predictors.visit(&visitor)
        try profile.visit(&visitor)
        try spike.visit(&visitor)
        try daily.visit(&visitor)
        try level.visit(&visitor)
        try flat.visit(&visitor)
        try policy.visit(&visitor)
    }
}

/// The time between the last two samples, and what it usually is; 0 where unknown.
struct SamplingStep {
    let seconds: Double
    let usual: Double
}

/// The usual time between two samples, robust to gaps: a step counts as at least half and at most
/// twice the usual one.
private struct SamplingInterval {
    /// Least weight of one step in the mean; from its reciprocal on steps need no counting.
    private static let rate = 0.01
    private static let countLimit: UInt8 = 100

    private var last = 0.0
    private(set) var seconds = 0.0
    private var count: UInt8 = 0

    @inline(__always)
    mutating func note(_ timestamp: Double, isFirst: Bool) -> SamplingStep {
        let step = timestamp - last
        last = timestamp
        guard !isFirst, step > 0 else { return SamplingStep(seconds: 0, usual: 0) }
        guard count > 0 else {
            count = 1
            seconds = step
            return SamplingStep(seconds: step, usual: 0)
        }
        let usual = seconds
        // A regular series needs no arithmetic.
        if step == usual {
            if count < SamplingInterval.countLimit { count += 1 }
            return SamplingStep(seconds: step, usual: usual)
        }
        let counted = larger(0.5 * usual, smaller(2 * usual, step))
        if count < SamplingInterval.countLimit {
            count += 1
            seconds += (counted - usual) / Double(count)
        } else {
            seconds += (counted - usual) * SamplingInterval.rate
        }
        return SamplingStep(seconds: step, usual: usual)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&last)
        try visitor.visit(&seconds)
        try visitor.visit(&count, in: 0...SamplingInterval.countLimit)
    }
}

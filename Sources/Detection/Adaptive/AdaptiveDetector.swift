/// Says of every value how unlike its series it is, and whether somebody should look.
///
/// Strictly causal, without training, O(1) a sample. Four views of the series score it on one scale,
/// on which 8 is the tested threshold of each. All arithmetic is IEEE basic operations, so replicas
/// agree bit for bit.
package struct AdaptiveDetector {
    package static let scoreAtThreshold = 8.0
    package static let scoreLimit = 1000.0
    /// No scores for the first samples of a series.
    static let warmUp = 20
    /// Long memory, per sample; 1/n until then, which is the plain mean of all history.
    private static let longRate = 5e-5
    private static let epsilonAbsolute = 1e-9
    private static let epsilonRelative = 1e-6

    private var samples = 0
    /// The first value; everything else is relative to it, for the sake of rounding.
    private var origin = 0.0
    private var interval = SamplingInterval()
    private var predictors = Predictors()
    private var profile = HourProfile()
    private var spike = SpikeView()
    private var daily = DailyView()
    private var level = LevelView()
    private var flat = FlatView()
    private var policy = AlertPolicy()

    package init() {}

    package struct Outcome {
        package var score = 0.0
        package var alert = false
        package var reason = Reason.none
        package var expected = 0.0
        package var lower = 0.0
        package var upper = 0.0
    }

    /// Judges one value and learns it. `timestamp` is in Unix seconds.
    package mutating func update(timestamp: Double, value: Double, threshold: Double) -> Outcome {
        let value = max(-statisticsLimit, min(statisticsLimit, value))
        if samples == 0 { origin = value }
        let x = value - origin
        let weight = 1 / Double(samples + 1)
        let rate = max(AdaptiveDetector.longRate, weight)
        let epsilon =
            AdaptiveDetector.epsilonAbsolute + AdaptiveDetector.epsilonRelative * value.magnitude
        let isWarm = samples >= AdaptiveDetector.warmUp
        let isSameAsLast = samples > 0 && x == predictors.last
        interval.note(timestamp, isFirst: samples == 0)
        let place = profile.move(to: timestamp)
        let fromProfile =
            place.isKnown ? profile.prediction(place, epsilon: epsilon) : predictors.last
        let prediction = predictors.predict(x, profile: fromProfile, rate: rate)
        let error = (x - prediction).magnitude
        let spiked = spike.judge(
            error: error, hourResidual: profile.largestResidual[place.bin], epsilon: epsilon,
            isWarm: isWarm, isFirst: samples == 0, rate: rate)
        profile.note(residual: error)
        let scores = Scores(
            spike: spiked.score,
            daily: daily.judge(
                x, profile, bin: place.bin, epsilon: epsilon, isWarm: isWarm, weight: weight),
            level: level.judge(
                x, samplesBefore: Double(samples), epsilon: epsilon, isWarm: isWarm, rate: rate),
            flat: flat.judge(
                isSameAsLast: isSameAsLast, samplesBefore: Double(samples), isWarm: isWarm))
        predictors.learn(x)
        profile.learn(x, at: place, intervalSeconds: interval.seconds)
        let alert = policy.judge(
            index: samples, fast: scores.spike, slow: scores.slow, threshold: threshold)
        samples += 1
        let expected = prediction + origin
        return Outcome(
            score: max(scores.spike, scores.slow), alert: alert, reason: scores.reason,
            expected: expected, lower: expected - spiked.band, upper: expected + spiked.band)
    }

    private struct Scores {
        let spike: Double
        let daily: Double
        let level: Double
        let flat: Double

        var slow: Double { max(daily, max(level, flat)) }

        /// The highest view; of equal ones the first.
        var reason: Reason {
            guard max(spike, slow) > 0 else { return .none }
            if spike >= slow { return .spike }
            if daily >= max(level, flat) { return .daily }
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

/// The usual time between two samples, robust to gaps: a step counts as at least half and at most
/// twice the usual one.
private struct SamplingInterval {
    private var last = 0.0
    private(set) var seconds = 0.0
    private var steps = 0

    mutating func note(_ timestamp: Double, isFirst: Bool) {
        let step = timestamp - last
        last = timestamp
        guard !isFirst, step > 0 else { return }
        steps += 1
        if steps == 1 {
            seconds = step
        } else {
            let counted = max(0.5 * seconds, min(2 * seconds, step))
            seconds += (counted - seconds) * max(0.01, 1 / Double(steps))
        }
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&last)
        try visitor.visit(&seconds)
        try visitor.visit(&steps, in: 0...Int.max / 2)
    }
}

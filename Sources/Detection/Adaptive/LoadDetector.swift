/// Four views of one value.
///
/// Strictly causal, without training, O(1) a sample. All arithmetic is IEEE basic operations, so
/// replicas agree bit for bit.
package struct LoadDetector {
    /// No scores for the first samples of a series.
    static let warmUp = 20
    /// Long memory, per sample; 1/n until then, which is the plain mean of all history.
    private static let longRate = 5e-5
    private static let longSamples = 20_000
    private static let epsilonAbsolute = 1e-9
    private static let epsilonRelative = 1e-6
    /// Where samples come so often, one alone is no incident for the spike and the daily view.
    private static let confirmedSeconds = 30.0

    private(set) var samples = 0
    /// The first value; everything else is relative to it, for the sake of rounding.
    private(set) var origin = 0.0
    private(set) var interval = SamplingInterval()
    private var predictors = Predictors()
    private var profile = HourProfile()
    private var spike = SpikeView()
    private var daily = DailyView()
    private var level = LevelView()
    private var flat = FlatView()
    private var spikeConfirmation = Confirmation()
    private var dailyConfirmation = Confirmation()

    package init() {}

    /// What the views say of a value, and what they knew before it; all but scores and times in the
    /// value's unit, and relative to the first value.
    package struct Judgment {
        let x: Double
        let spikeBand: Band
        let spikeSigmas: Double
        let dailyBand: Band
        package let scores: Scores
        /// The two predictions that others may use too: the last value, and the daily profile's.
        /// They are read side by side, and so must be written at once for the read not to wait.
        let predictions: Pair
        /// What the spike and the daily view say where no other sample must agree.
        let alone: Alone
        /// What the daily profile says without regard to the last residual, and whether it knows
        /// the hour.
        let profile: Double
        let isProfiled: Bool
        /// Seconds that the series has been seen for.
        let age: Double
        /// Usual value of this hour of the day, and its usual largest error.
        let hourMean: Double
        let hourResidual: Double
        /// The level's long mean, and how far the mean of the last hour is from it.
        let levelMean: Double
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
            error: error, hourResidual: hour.largestResidual, epsilon: epsilon, isWarm: isWarm,
            isFirst: samples == 0, rate: rate, threshold: threshold)
        profile.note(residual: error)
        let leveled = level.judge(
            x, samplesBefore: Double(samples), intervalSeconds: interval.seconds,
            epsilon: epsilon, isWarm: isWarm, weight: weight, rate: rate)
        let age = Double(samples) * interval.seconds
        let dailied = daily.judge(
            x, hour, age: age, epsilon: epsilon, isWarm: isWarm,
            weight: weight, threshold: threshold)
        let flattened = flat.judge(
            isSameAsLast: isSameAsLast, samplesBefore: Double(samples), isWarm: isWarm)
        predictors.learn(x)
        profile.learn(x, at: place, intervalSeconds: interval.seconds)
        var spikeBand = Band(expected: prediction, half: spiked.band)
        var dailyBand = Band(
            expected: hour.mean, half: dailied.half((x - hour.mean).magnitude))
        var (spikeScore, dailyScore) = (spiked.score, dailied.score)
        let alone = Alone(
            spikeScore: spikeScore, spikeBand: spikeBand, dailyScore: dailyScore,
            dailyBand: dailyBand)
        if interval.isAtMost(LoadDetector.confirmedSeconds) {
            dailyScore = dailyConfirmation.judge(
                dailyScore, x: x, threshold: threshold, band: &dailyBand)
            spikeScore = spikeConfirmation.judge(
                spikeScore, x: x, threshold: threshold, band: &spikeBand)
        }
        let scores = Scores(
            spike: spikeScore, daily: dailyScore, level: leveled.score, flat: flattened)
        samples += 1
        return Judgment(
            x: x, spikeBand: spikeBand, spikeSigmas: spiked.sigmas, dailyBand: dailyBand,
            scores: scores, predictions: Pair(last, fromProfile), alone: alone,
            profile: place.value, isProfiled: place.isKnown, age: age, hourMean: hour.mean,
            hourResidual: hour.largestResidual, levelMean: leveled.mean, shift: leveled.shift,
            epsilon: epsilon, weight: weight, step: step)
    }

    /// Scores and bands before another sample confirms them.
    struct Alone {
        let spikeScore: Double
        let spikeBand: Band
        let dailyScore: Double
        let dailyBand: Band
    }

    package struct Scores {
        package let spike: Double
        package let daily: Double
        package let level: Double
        package let flat: Double
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
        try spikeConfirmation.visit(&visitor)
        try dailyConfirmation.visit(&visitor)
    }
}

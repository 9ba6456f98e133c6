internal import Numerics

/// Is the value unlike this hour of the day, by a tail that calibrates itself?
///
/// Surprise is measured in nats: beyond `tailStart` sigmas the tail is taken as exponential, with a
/// rate of passing and a mean excess learnt from the series itself.
struct DailyView {
    /// Nobody knows the hours of the day before having seen them twice.
    private static let leastSeconds = 2 * 86_400.0
    /// Medium memory, per sample: the variance that floors the hour's.
    private static let mediumRate = 1e-3
    private static let varianceFloor = 0.05
    /// The hour's variance is shrunk to the overall one with the weight of so many samples.
    private static let priorWeight = 5.0
    /// Weight of the surprise on the common scale.
    private static let weight = 0.75
    private static let tailStart = 3.0
    private static let tailMemory = 1e-3
    private static let tailRateFloor = 3e-4
    /// A sample without a passing multiplies the rate by 1 - `tailMemory`, so that -ln of it grows
    /// by as much each time (-ln 0.999, up to -ln 3e-4); a logarithm is only taken after a passing.
    static let rarityStep = 0.001_000_500_333_583_533_5
    static let rarityLimit = 8.111_728_083_308_073
    private static let excessMemory = 0.02
    private static let excessFloor = 0.04
    /// One excess counts as at most so many mean excesses when the mean is learnt.
    private static let excessCap = 8.0

    private var mean = 0.0
    private var variance = 0.0
    /// -ln of the rate at which `tailStart` is passed; -ln 0.01 at first.
    private var rarity = 4.605_170_185_988_091
    private var meanExcess = 0.2

    struct Outcome {
        let score: Double
        /// Sigmas of the value, and those that reach the threshold. The latter are 0 where the
        /// score is below it.
        let sigmas: Double
        let needed: Double

        /// Half the width of the band about the hour's mean, for a value so far from it.
        func half(_ offset: Double) -> Double { sigmas > 0 ? offset * (needed / sigmas) : 0 }
    }

    /// - Parameter age: seconds that the series has been seen for.
    @inline(__always)
    mutating func judge(
        _ x: Double, _ hour: HourProfile.Hour, age: Double, epsilon: Double, isWarm: Bool,
        weight: Double, threshold: Double
    ) -> Outcome {
        let rate = larger(DailyView.mediumRate, weight)
        let d = x - mean
        mean += rate * d
        variance = (1 - rate) * (variance + rate * d * d)
        var sigmas = 0.0
        if isWarm, hour.isKnown {
            // |x - mean| / √(shrunk variance), as one division and one root.
            let weight = hour.count + DailyView.priorWeight
            let least = larger(DailyView.varianceFloor * variance, epsilon * epsilon) * weight
            let shrunk = hour.variance * hour.count + DailyView.priorWeight * variance
            sigmas = (x - hour.mean).magnitude * squareRoot(weight / larger(shrunk, least))
        }
        let (before, excess) = (rarity, meanExcess)
        let score = smaller(ScoreScale.limit, DailyView.weight * surprise(sigmas))
        guard age >= DailyView.leastSeconds else { return Outcome(score: 0, sigmas: 0, needed: 0) }
        guard score >= threshold else { return Outcome(score: score, sigmas: sigmas, needed: 0) }
        let needed = DailyView.sigmas(
            surprise: threshold / DailyView.weight, rarity: before, meanExcess: excess)
        return Outcome(score: score, sigmas: sigmas, needed: needed)
    }

    /// The inverse of `surprise(_:)`.
    @inline(never)
    private static func sigmas(surprise: Double, rarity: Double, meanExcess: Double) -> Double {
        surprise <= rarity
            ? tailStart * surprise / rarity : tailStart + (surprise - rarity) * meanExcess
    }

    @inline(__always)
    private mutating func surprise(_ sigmas: Double) -> Double {
        guard sigmas <= DailyView.tailStart else { return passed(sigmas) }
        let surprise = rarity * sigmas * (1 / DailyView.tailStart)
        rarity = smaller(rarity + DailyView.rarityStep, DailyView.rarityLimit)
        return surprise
    }

    @inline(never)
    private mutating func passed(_ sigmas: Double) -> Double {
        let excess = sigmas - DailyView.tailStart
        let surprise = rarity + excess / meanExcess
        let counted = smaller(excess, DailyView.excessCap * meanExcess)
        meanExcess = larger(
            DailyView.excessFloor, meanExcess + DailyView.excessMemory * (counted - meanExcess))
        let rate = exponential(-rarity)
        rarity = -naturalLogarithm(
            larger(rate + DailyView.tailMemory * (1 - rate), DailyView.tailRateFloor))
        return surprise
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&mean)
        try visitor.visit(&variance)
        try visitor.visit(&rarity)
        try visitor.visit(&meanExcess)
    }
}

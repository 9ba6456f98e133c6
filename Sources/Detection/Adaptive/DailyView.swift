internal import Numerics

/// Is the value unlike this hour of the day, by a tail that calibrates itself?
///
/// Surprise is measured in nats: beyond `tailStart` sigmas the tail is taken as exponential, with a
/// rate of passing and a mean excess learnt from the series itself.
struct DailyView {
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
    private static let excessMemory = 0.02
    private static let excessFloor = 0.04
    /// One excess counts as at most so many mean excesses when the mean is learnt.
    private static let excessCap = 8.0

    private var mean = 0.0
    private var variance = 0.0
    private(set) var tailRate = 0.01
    private(set) var meanExcess = 0.2

    @inline(__always)
    mutating func judge(
        _ x: Double, _ hour: HourProfile.Hour, epsilon: Double, isWarm: Bool, weight: Double
    ) -> Double {
        let rate = max(DailyView.mediumRate, weight)
        let d = x - mean
        mean += rate * d
        variance = (1 - rate) * (variance + rate * d * d)
        var sigmas = 0.0
        if isWarm, hour.isKnown {
            let shrunk =
                (hour.variance * hour.count + DailyView.priorWeight * variance)
                / (hour.count + DailyView.priorWeight)
            let floored = max(shrunk, DailyView.varianceFloor * variance).squareRoot()
            sigmas = (x - hour.mean).magnitude / max(floored, epsilon)
        }
        return min(ScoreScale.limit, DailyView.weight * surprise(sigmas))
    }

    private mutating func surprise(_ sigmas: Double) -> Double {
        let rarity = -naturalLogarithm(tailRate)
        let surprise: Double
        if sigmas > DailyView.tailStart {
            let excess = sigmas - DailyView.tailStart
            surprise = rarity + excess / meanExcess
            let counted = min(excess, DailyView.excessCap * meanExcess)
            meanExcess = max(
                DailyView.excessFloor,
                meanExcess + DailyView.excessMemory * (counted - meanExcess))
            tailRate += DailyView.tailMemory * (1 - tailRate)
        } else {
            surprise = rarity * sigmas / DailyView.tailStart
            tailRate -= DailyView.tailMemory * tailRate
        }
        tailRate = max(tailRate, DailyView.tailRateFloor)
        return surprise
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&mean)
        try visitor.visit(&variance)
        try visitor.visit(&tailRate)
        try visitor.visit(&meanExcess)
    }
}

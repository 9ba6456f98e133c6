/// What the series usually does at each hour of the day: mean, variance, and the largest surprise.
struct HourProfile {
    static let bins = 24
    /// Learning rate of a bin at five-minute data, scaled with the sampling interval.
    private static let binRate = 0.05
    private static let scaleRange = 0.2...1.0
    /// From so many samples on, 1 / count is below the least rate.
    private static let youngCount: UInt16 = 101
    /// Samples an hour needs before it is believed.
    static let minimumCount: UInt16 = 3
    /// Rate per day of the hour's largest residual.
    private static let largestRate: Float = 0.3
    /// Residuals beyond it count as it; no load comes near it.
    private static let residualLimit = 1e30
    private static let correlationRate = 5e-5
    private static let correlationCount: UInt32 = 20_000

    private var mean = InlineArray<24, Double>(repeating: 0)
    private var variance = InlineArray<24, Double>(repeating: 0)
    private var largestResidual = InlineArray<24, Float>(repeating: 0)
    /// Samples of each hour; it stops at its limit, where one more would weigh nothing any more.
    private var count = InlineArray<24, UInt16>(repeating: 0)
    private var largestThisHour: Float = 0
    /// Lag-1 correlation of the residual from the profile.
    private var residual = 0.0
    private var covariance = 0.0
    private var residualVariance = 0.0
    private var residualCount: UInt32 = 0
    private var currentBin: Int8 = -1

    /// Where a moment falls in the profile, interpolated between the centres of two hours.
    struct Place {
        let bin: Int
        let isKnown: Bool
        let value: Double
    }

    /// What is known of an hour before the value at hand.
    struct Hour {
        let mean: Double
        let variance: Double
        let count: Double
        let largestResidual: Double
        let isKnown: Bool
    }

    @inline(__always)
    func hour(_ place: Place) -> Hour {
        let bin = place.bin
        let count = count[bin]
        return Hour(
            mean: mean[bin], variance: variance[bin], count: Double(count),
            largestResidual: Double(largestResidual[bin]),
            isKnown: count >= HourProfile.minimumCount)
    }

    /// Goes to the hour of `timestamp` (Unix seconds, UTC); when an hour ends its largest residual
    /// is learnt.
    @inline(__always)
    mutating func move(to timestamp: Double) -> Place {
        let phase = HourProfile.secondOfDay(timestamp) * 24 / 86_400
        let bin = min(HourProfile.bin(phase), HourProfile.bins - 1)
        let distance = phase - Double(bin) - 0.5
        let beside = distance > 0 ? bin + 1 : bin - 1
        let neighbour = beside < 0 ? HourProfile.bins - 1 : beside == HourProfile.bins ? 0 : beside
        if bin != Int(currentBin) {
            if currentBin >= 0 { learnLargest(Int(currentBin)) }
            currentBin = Int8(bin)
            largestThisHour = 0
        }
        let share = distance.magnitude
        let isKnown =
            count[bin] >= HourProfile.minimumCount && count[neighbour] >= HourProfile.minimumCount
        let value = isKnown ? mean[bin] * (1 - share) + mean[neighbour] * share : 0
        return Place(
            bin: bin, isKnown: isKnown, value: value)
    }

    /// Seconds since midnight UTC. Whole days are taken off exactly: the product is an integer
    /// below 2^53, and the difference of two close doubles is exact.
    @inline(__always)
    private static func secondOfDay(_ timestamp: Double) -> Double {
        guard timestamp.magnitude < 1e15 else {
            let remainder = timestamp.truncatingRemainder(dividingBy: 86_400)
            return remainder < 0 ? remainder + 86_400 : remainder
        }
        let rest = timestamp - nearestInteger(timestamp * (1 / 86_400.0)) * 86_400
        return rest < 0 ? rest + 86_400 : rest
    }

    /// Rounds numbers below 2^51, without the checks of a conversion: beside 1.5 · 2^52 a double
    /// has no digits after the point.
    @inline(__always)
    private static func nearestInteger(_ x: Double) -> Double { (x + 0x1.8p52) - 0x1.8p52 }

    /// The hour that a phase in 0..<24 is in: the low bits of 2^52 + n are n.
    @inline(__always)
    private static func bin(_ phase: Double) -> Int {
        let nearest = nearestInteger(phase)
        let floor = nearest > phase ? nearest - 1 : nearest
        return Int(truncatingIfNeeded: (floor + 0x1p52).bitPattern & 0x1F)
    }

    private mutating func learnLargest(_ bin: Int) {
        let rate = largestResidual[bin] > 0 ? HourProfile.largestRate : 1
        largestResidual[bin] += rate * (largestThisHour - largestResidual[bin])
    }

    /// The profile's prediction at a place, carrying on the part of the last residual that lasts.
    @inline(__always)
    func prediction(_ place: Place, epsilon: Double) -> Double {
        let ratio = covariance / residualVariance
        let correlation =
            residualVariance > epsilon * epsilon ? larger(0, smaller(1, ratio)) : 1
        return place.value + correlation * residual
    }

    mutating func note(residual: Double) {
        largestThisHour = larger(
            largestThisHour, Float(smaller(residual, HourProfile.residualLimit)))
    }

    /// Learns a value at its place. `intervalSeconds` is the series' usual step, 0 while unknown.
    @inline(__always)
    mutating func learn(_ x: Double, at place: Place, intervalSeconds: Double) {
        if place.isKnown {
            let r = x - place.value
            let rate = correlationRate()
            covariance += rate * (r * residual - covariance)
            residualVariance += rate * (r * r - residualVariance)
            residual = r
        }
        let bin = place.bin
        if count[bin] < .max { count[bin] += 1 }
        let range = HourProfile.scaleRange
        let scale =
            intervalSeconds > 0
            ? larger(range.lowerBound, smaller(range.upperBound, intervalSeconds * (1 / 300.0))) : 1
        var rate = HourProfile.binRate * scale
        if count[bin] < HourProfile.youngCount { rate = larger(rate, 1 / Double(count[bin])) }
        let d = x - mean[bin]
        mean[bin] += rate * d
        variance[bin] = (1 - rate) * (variance[bin] + rate * d * d)
    }

    /// 1 / n of the residuals, and no less than the long rate; no division from there on.
    @inline(__always)
    private mutating func correlationRate() -> Double {
        guard residualCount < HourProfile.correlationCount else {
            return HourProfile.correlationRate
        }
        residualCount += 1
        return 1 / Double(residualCount)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        for bin in 0..<HourProfile.bins {
            try visitor.visit(&mean[bin])
            try visitor.visit(&variance[bin])
            try visitor.visit(&largestResidual[bin])
            try visitor.visit(&count[bin], in: 0...UInt16.max)
        }
        try visitor.visit(&currentBin, in: -1...Int8(HourProfile.bins - 1))
        try visitor.visit(&largestThisHour)
        try visitor.visit(&residual)
        try visitor.visit(&residualCount, in: 0...HourProfile.correlationCount)
        try visitor.visit(&covariance)
        try visitor.visit(&residualVariance)
    }
}

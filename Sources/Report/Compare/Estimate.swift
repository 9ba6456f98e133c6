internal import Numerics

/// The difference of two sides in one measure, with what may be true instead.
package struct Estimate: Equatable, Sendable {
    /// On the measure's scale: 0.1 is a tenth more than before; of a share, the difference itself.
    package let effect: Double
    /// Within this range lies the true difference, at the level that was asked for.
    package let interval: ClosedRange<Double>

    /// The difference of two groups of runs, or of pairs of runs that were made in turn.
    ///
    /// Ratios are compared by their logarithms, since noise multiplies: Student's t on the pairs'
    /// differences, or Welch's t on the groups' means. Pairs share the moods of the machine, which
    /// drop out of their differences.
    ///
    /// - Parameter doubt: the probability, at most, that the interval misses the true difference.
    /// - Returns: nil where a side has fewer than two values, or values that have no logarithm.
    init?(
        _ measure: Measure, before: [Double], after: [Double], paired: Bool, doubt: Double
    ) {
        guard before.count > 1, after.count > 1 else { return nil }
        let isRatio = measure.scale == .ratio
        let left = isRatio ? before.map(naturalLogarithm) : before
        let right = isRatio ? after.map(naturalLogarithm) : after
        guard (left + right).allSatisfy(\.isFinite) else { return nil }
        let spread =
            paired
            ? Spread(pairs: zip(left, right).map { $1 - $0 }) : Spread(before: left, after: right)
        let reach =
            spread.error > 0
            ? spread.error
                * StudentT(degreesOfFreedom: spread.degreesOfFreedom)
                .criticalValue(bothTails: doubt) : 0
        func shown(_ value: Double) -> Double {
            isRatio ? exponential(min(700, value)) - 1 : value
        }
        effect = shown(spread.difference)
        interval = shown(spread.difference - reach)...shown(spread.difference + reach)
    }
}

/// A difference of means, its standard error, and how well that error is known.
private struct Spread {
    let difference: Double
    let error: Double
    let degreesOfFreedom: Double

    init(pairs: [Double]) {
        let (mean, variance) = moments(pairs)
        difference = mean
        error = (variance / Double(pairs.count)).squareRoot()
        degreesOfFreedom = Double(pairs.count - 1)
    }

    /// Welch and Satterthwaite: the groups may vary differently.
    init(before: [Double], after: [Double]) {
        let (leftMean, leftVariance) = moments(before)
        let (rightMean, rightVariance) = moments(after)
        difference = rightMean - leftMean
        let left = leftVariance / Double(before.count)
        let right = rightVariance / Double(after.count)
        error = (left + right).squareRoot()
        let parts = left * left / Double(before.count - 1) + right * right / Double(after.count - 1)
        degreesOfFreedom =
            parts > 0
            ? (left + right) * (left + right) / parts : Double(before.count + after.count - 2)
    }
}

/// Mean and sample variance. Equal values have no variance at all, not even that of rounding.
private func moments(_ values: [Double]) -> (mean: Double, variance: Double) {
    let first = values[0]
    if values.allSatisfy({ $0 == first }) { return (first, 0) }
    let mean = values.reduce(0, +) / Double(values.count)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (mean, squares / Double(values.count - 1))
}

/// Two groups of runs, held against each other measure by measure.
///
/// A measure got *worse* or *better* where the interval of its difference excludes 0 and the
/// difference is at least the margin; it is the *same* where the interval lies within the margin.
/// In all other cases nobody can tell. The probability that any of all measures is called better or
/// worse though nothing changed is at most `doubt`: each gets its part of it, by its weight
/// (Bonferroni).
package struct Comparison: Equatable, Sendable {
    package static let standardMargin = 0.05
    private static let doubt = 0.05

    package enum Verdict: String, Equatable, Sendable {
        case same, better, worse
        case cannotTell = "cannot tell"
    }

    package struct Row: Equatable, Sendable {
        package let measure: Measure
        /// The middle values of both sides.
        package let before: Double
        package let after: Double
        /// Nil where there are too few values.
        package let estimate: Estimate?
        package let verdict: Verdict
    }

    package let rows: [Row]
    /// Whether the sides were measured in turn, so that each run has a partner.
    package let isPaired: Bool
    package let counts: (before: Int, after: Int)
    let margin: Double

    /// - Parameters:
    ///   - margin: a difference below this share does not matter.
    ///   - isPaired: whether value i of one side belongs to value i of the other.
    package init(
        before: [Measurements], after: [Measurements], margin: Double, isPaired: Bool
    ) {
        self.margin = margin
        self.isPaired = isPaired
        counts = (before.count, after.count)
        let measures = Measure.all.filter { measure in
            (before + after).allSatisfy { $0[measure.name] != nil }
        }
        // What is one and the same in every run takes no part of the doubt.
        let varying = measures.filter { measure in
            let values = (before + after).compactMap { $0[measure.name] }
            return values.contains { $0 != values[0] }
        }
        let weights = varying.reduce(0) { $0 + $1.weight }
        rows = measures.map { measure in
            let left = before.compactMap { $0[measure.name] }
            let right = after.compactMap { $0[measure.name] }
            let estimate = Estimate(
                measure, before: left, after: right, paired: isPaired,
                doubt: Comparison.doubt * measure.weight / max(weights, measure.weight))
            return Row(
                measure: measure, before: median(left), after: median(right), estimate: estimate,
                verdict: Comparison.verdict(measure, estimate, margin: margin))
        }
    }

    private static func verdict(_ measure: Measure, _ estimate: Estimate?, margin share: Double)
        -> Verdict
    {
        guard let estimate else { return .cannotTell }
        let margin =
            switch measure.scale {
            case .ratio: share
            case .difference(let own): own
            }
        if estimate.interval.lowerBound >= -margin, estimate.interval.upperBound <= margin {
            return .same
        }
        guard !estimate.interval.contains(0), abs(estimate.effect) >= margin else {
            return .cannotTell
        }
        return (estimate.effect > 0) == measure.moreIsBetter ? .better : .worse
    }

    package static func == (left: Comparison, right: Comparison) -> Bool {
        left.rows == right.rows && left.isPaired == right.isPaired && left.counts == right.counts
    }
}

/// The middle value; of two middle ones their mean.
func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return .nan }
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}

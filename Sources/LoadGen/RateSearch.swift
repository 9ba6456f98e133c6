/// The search for the highest rate that holds, as a pure machine: it says what to try, and is told
/// what came of it.
///
/// It doubles until a rate falls short, halves the gap in the logarithm until that is narrower than
/// the precision, then has the best rate confirmed by a longer run. Machines have bad moments: a
/// rate has fallen short only when it did so twice in a row, and what is found must hold once more.
package struct RateSearch: Equatable, Sendable {
    package enum Step: Equatable, Sendable {
        case attempt(Double)
        case confirmation(Double)
        /// The rate that was confirmed; nil when even the lowest fell short.
        case done(Double?)
    }

    private static let growth = 2.0

    private let range: ClosedRange<Double>
    private let precision: Double
    /// Highest rate that held, lowest that fell short.
    private var low: Double?
    private var high: Double?
    private var hasFallenShort = false
    private var retreats = 0
    package private(set) var step: Step

    /// - Parameters:
    ///   - precision: how far apart, as a share, the best rate and the next one tried may be.
    package init(from start: Double, in range: ClosedRange<Double>, precision: Double) {
        precondition(range.lowerBound > 0 && precision > 0, "a search needs a range and an end")
        self.range = range
        self.precision = precision
        step = .attempt(max(range.lowerBound, min(range.upperBound, start)))
    }

    /// What came of the step.
    package mutating func note(held: Bool) {
        switch step {
        case .attempt(let rate):
            if !held, !hasFallenShort {
                hasFallenShort = true
                return
            }
            hasFallenShort = false
            if held { low = rate } else { high = rate }
            step = nextAttempt(after: rate)
        case .confirmation(let rate):
            if !held, !hasFallenShort {
                hasFallenShort = true
                return
            }
            hasFallenShort = false
            step = held ? .done(rate) : retreat(from: rate)
        case .done: break
        }
    }

    private func nextAttempt(after rate: Double) -> Step {
        switch (low, high) {
        case (let low?, nil):
            if low >= range.upperBound { return .confirmation(low) }
            return .attempt(rounded(min(range.upperBound, low * RateSearch.growth)))
        case (nil, let high?):
            if high <= range.lowerBound { return .done(nil) }
            return .attempt(rounded(max(range.lowerBound, high / RateSearch.growth)))
        case (let low?, let high?):
            let middle = rounded((low * high).squareRoot())
            let isNarrow = high / low <= 1 + precision || middle <= low || middle >= high
            return isNarrow ? .confirmation(low) : .attempt(middle)
        case (nil, nil): return .attempt(rate)
        }
    }

    /// What held for a moment did not hold for long: a lower rate, further down each time.
    private mutating func retreat(from rate: Double) -> Step {
        retreats += 1
        let lower = rounded(rate / (1 + precision * Double(1 << min(retreats, 20))))
        if rate <= range.lowerBound { return .done(nil) }
        return .confirmation(max(range.lowerBound, lower))
    }

    /// Whole requests a second: nobody wants to read more.
    private func rounded(_ rate: Double) -> Double { rate > 20 ? rate.rounded() : rate }
}

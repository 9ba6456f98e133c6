/// The rule of the five services (contract section 4): how many standard deviations a value lies
/// from the mean of the window before it.
package enum ZScore {
    /// Scores are cut here: a jump in a constant series has no natural size.
    package static let limit = 1e6

    /// - Parameters:
    ///   - mean, standardDeviation: of the window before the value.
    /// - Returns: a score within ±`limit`.
    @inline(__always)
    package static func score(_ value: Double, mean: Double, standardDeviation: Double) -> Double {
        // The floor keeps rounding noise of a constant series from looking like a deviation.
        let floor = 1e-9 + 1e-6 * mean.magnitude
        let score = (value - mean) / max(standardDeviation, floor)
        return max(-limit, min(limit, score))
    }
}

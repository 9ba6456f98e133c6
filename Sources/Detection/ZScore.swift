/// The rule of the five services: how many standard deviations a value lies
/// from the mean of the window before it.
package enum ZScore {
    /// Scores are cut here: a jump in a constant series has no natural size.
    package static let limit = 1e6
    /// Least deviation, absolute and relative to the mean: rounding noise of a constant series must
    /// not look like a deviation.
    private static let absoluteFloor = 1e-9
    private static let relativeFloor = 1e-6

    /// Scores of rps and cpu at once, each within ±`limit`.
    /// - Parameters:
    ///   - mean, deviation: of the window before the value.
    @inline(__always)
    static func scores(_ value: Pair, mean: Pair, deviation: Pair) -> Pair {
        let floor = Pair(repeating: absoluteFloor) + magnitude(mean) * relativeFloor
        let scores = (value - mean) / larger(deviation, floor)
        return smaller(larger(scores, Pair(repeating: -limit)), Pair(repeating: limit))
    }
}

/// The plain alternative: how many standard deviations a value is from the mean of a window before
/// it.
///
/// With a window of 50 it is the five services' rule without its threshold, with one of some
/// thousands the windowed Gaussian of the Numenta benchmark. It is the yardstick that a detector
/// must beat.
package struct RollingGaussian: Sendable {
    private let window: Int
    /// Values before the first score.
    private static let youth = 10

    package init(window: Int) {
        precondition(window > 1, "one value has no deviation")
        self.window = window
    }

    /// |x - mean| / deviation for every value; 0 for the first ones. The deviation is at least
    /// 1e-9 + 1e-6 |mean|, as the five services' contract has it.
    package func scores(_ values: [Double]) -> [Double] {
        guard let anchor = values.first else { return [] }
        var sum = 0.0
        var squares = 0.0
        return values.indices.map { index in
            let count = Double(min(index, window))
            var score = 0.0
            if index >= RollingGaussian.youth {
                let mean = sum / count
                let deviation = max(0, squares / count - mean * mean).squareRoot()
                let least = 1e-9 + 1e-6 * (mean + anchor).magnitude
                score = (values[index] - anchor - mean).magnitude / max(deviation, least)
            }
            let offset = values[index] - anchor
            sum += offset
            squares += offset * offset
            if index >= window {
                let gone = values[index - window] - anchor
                sum -= gone
                squares -= gone * gone
            }
            return score
        }
    }
}

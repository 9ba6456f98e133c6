/// The statistics of the last values of a series, computed anew each time and with compensated sums
/// (Neumaier, 1974): slow, and independent of how the service does it.
struct FreshStatistics {
    let mean: Double
    let deviation: Double

    /// - Parameters:
    ///   - end: the place after the last value.
    ///   - size: of the window; fewer values while the series is shorter.
    init(_ values: [Double], endingAt end: Int, size: Int) {
        let start = max(0, end - size)
        let n = Double(end - start)
        guard end > start else {
            mean = 0
            deviation = 0
            return
        }
        var total = CompensatedSum()
        for index in start..<end { total.add(values[index]) }
        let mean = total.value / n
        var squares = CompensatedSum()
        var rest = CompensatedSum()
        for index in start..<end {
            let offset = values[index] - mean
            squares.add(offset * offset)
            rest.add(offset)
        }
        self.mean = mean
        // The rest is what rounding the mean left over.
        deviation = (max(0, squares.value - rest.value * rest.value / n) / n).squareRoot()
    }
}

private struct CompensatedSum {
    private var sum = 0.0
    private var lost = 0.0

    var value: Double { sum + lost }

    mutating func add(_ term: Double) {
        let next = sum + term
        if abs(sum) >= abs(term) {
            lost += (sum - next) + term
        } else {
            lost += (term - next) + sum
        }
        sum = next
    }
}

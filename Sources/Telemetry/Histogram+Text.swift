package import Bytes

extension Histogram {
    /// Points for each halving of what lies above: as HdrHistogram's own files have them.
    private static let ticksPerHalving = 5

    /// The percentiles in HdrHistogram's text form (`.hgrm`), which its plotter reads: value,
    /// percentile, count up to it, 1/(1 − percentile), and a footer of mean and deviation.
    ///
    /// - Parameter scale: values are divided by it; 1e6 turns nanoseconds to milliseconds.
    package func appendPercentiles(scale: Double, into output: inout ByteBuffer) {
        output.append("       Value     Percentile TotalCount 1/(1-Percentile)\n\n")
        let filled = buckets
        var seen: UInt64 = 0
        var next = 0.0
        for bucket in filled {
            seen += bucket.count
            let share = Double(seen) / Double(count)
            // A bucket may pass several points; each is a line, as the percentile it stands for.
            // The points are sums of steps and may miss a whole count by their last digits.
            while share + 1e-12 >= next, next < 1 {
                row(Double(bucket.upTo) / scale, share: next, seen: seen, into: &output)
                let halvings = Double((1 / (1 - next)).exponent) + 1
                let ticks = Double(Histogram.ticksPerHalving) * Double(1 << Int(halvings))
                next += 1 / ticks
                if 1 - next < 1 / Double(count) { next = 1 }
            }
        }
        row(Double(maximum) / scale, share: 1, seen: count, into: &output)
        footer(filled, scale, into: &output)
    }

    private func row(
        _ value: Double, share: Double, seen: UInt64, into output: inout ByteBuffer
    ) {
        output.append(text: column(value, digits: 3, width: 12))
        output.append(text: " " + column(share, digits: 12, width: 2))
        output.append(text: " " + padded(String(seen), 10))
        if share < 1 { output.append(text: " " + column(1 / (1 - share), digits: 2, width: 14)) }
        output.append("\n")
    }

    private func footer(
        _ filled: [(upTo: Int, count: UInt64)], _ scale: Double, into output: inout ByteBuffer
    ) {
        let squares = filled.reduce(0.0) {
            let distance = Double($1.upTo) - mean
            return $0 + distance * distance * Double($1.count)
        }
        let deviation = (squares / Double(max(1, count))).squareRoot()
        func text(_ value: Double) -> String { column(value / scale, digits: 3, width: 12) }
        output.append(text: "#[Mean    = \(text(mean)), StdDeviation   = \(text(deviation))]\n")
        let total = padded(String(count), 12)
        output.append(text: "#[Max     = \(text(Double(maximum))), Total count    = \(total)]\n")
    }

    /// A number with that many digits behind the point.
    private func column(_ value: Double, digits: Int, width: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((value * scale).rounded())
        let fraction = String(scaled % Int(scale))
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return padded(String(scaled / Int(scale)) + "." + zeros + fraction, width)
    }

    private func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}

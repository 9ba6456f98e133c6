package import Bytes

extension Histogram {
    /// Number of percentiles until the share above them is halved, as in HdrHistogram's own files.
    private static let ticksPerHalving = 5

    /// Writes the percentiles in HdrHistogram's text format (`.hgrm`), for its plotter: value,
    /// percentile, count up to it, 1/(1 − percentile), and a footer with mean and standard
    /// deviation.
    ///
    /// - Parameter scale: values are divided by it; 1e6 converts nanoseconds to milliseconds.
    package func appendPercentiles(scale: Double, into output: inout ByteBuffer) {
        output.append("       Value     Percentile TotalCount 1/(1-Percentile)\n\n")
        let filled = buckets
        var seen: UInt64 = 0
        var next = 0.0
        for bucket in filled {
            seen += bucket.count
            let share = Double(seen) / Double(count)
            // One bucket may reach several percentiles; each gets a line. The percentiles are sums
            // of steps, so a small tolerance allows for rounding errors.
            while share + 1e-12 >= next, next < 1 {
                row(value: Double(bucket.upTo) / scale, share: next, count: seen, into: &output)
                let halvings = Double((1 / (1 - next)).exponent) + 1
                let ticks = Double(Histogram.ticksPerHalving) * Double(1 << Int(halvings))
                next += 1 / ticks
                if 1 - next < 1 / Double(count) { next = 1 }
            }
        }
        row(value: Double(maximum) / scale, share: 1, count: count, into: &output)
        footer(buckets: filled, scale: scale, into: &output)
    }

    private func row(
        value: Double, share: Double, count: UInt64, into output: inout ByteBuffer
    ) {
        output.append(text: column(value, digits: 3, width: 12))
        output.append(text: " " + column(share, digits: 12, width: 2))
        output.append(text: " " + padded(String(count), 10))
        if share < 1 { output.append(text: " " + column(1 / (1 - share), digits: 2, width: 14)) }
        output.append("\n")
    }

    private func footer(
        buckets: [(upTo: Int, count: UInt64)], scale: Double, into output: inout ByteBuffer
    ) {
        let squares = buckets.reduce(0.0) {
            let distance = Double($1.upTo) - mean
            return $0 + distance * distance * Double($1.count)
        }
        let deviation = (squares / Double(max(1, count))).squareRoot()
        func text(_ value: Double) -> String { column(value / scale, digits: 3, width: 12) }
        output.append(text: "#[Mean    = \(text(mean)), StdDeviation   = \(text(deviation))]\n")
        let total = padded(String(count), 12)
        output.append(text: "#[Max     = \(text(Double(maximum))), Total count    = \(total)]\n")
    }

    /// A number with so many digits after the point.
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

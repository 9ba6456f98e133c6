/// How many requests a second an open loop asks for, over time: constant stretches and linear
/// ramps.
///
/// Its integral counts requests, so request number n is due where the integral reaches n: that
/// holds for every shape, and a ramp needs no small steps.
package struct RateCurve: Equatable, Sendable {
    /// A stretch of time; the rate goes in a straight line from its start to its end.
    package struct Stretch: Equatable, Sendable {
        package let seconds: Double
        /// Requests per second.
        package let startRate: Double
        package let endRate: Double

        package init(seconds: Double, from startRate: Double, to endRate: Double) {
            precondition(seconds > 0 && startRate >= 0 && endRate >= 0, "a stretch of a curve")
            self.seconds = seconds
            self.startRate = startRate
            self.endRate = endRate
        }

        fileprivate var total: Double { seconds * (startRate + endRate) / 2 }

        fileprivate func rate(at time: Double) -> Double {
            startRate + (endRate - startRate) * time / seconds
        }

        fileprivate func total(by time: Double) -> Double {
            time * (startRate + rate(at: time)) / 2
        }

        /// Solves r₀t + at²/2 = total for t, in the form that does not cancel when a is small.
        fileprivate func time(of total: Double) -> Double {
            guard total > 0 else { return 0 }
            let slope = (endRate - startRate) / seconds
            let root = max(0, startRate * startRate + 2 * slope * total).squareRoot()
            return min(seconds, 2 * total / (startRate + root))
        }
    }

    package let stretches: [Stretch]
    /// Where each stretch begins: in seconds, and in requests.
    private let starts: [(time: Double, total: Double)]

    package init(_ stretches: [Stretch]) {
        precondition(!stretches.isEmpty, "a curve has a stretch")
        self.stretches = stretches
        var starts: [(time: Double, total: Double)] = []
        var (time, total) = (0.0, 0.0)
        for stretch in stretches {
            starts.append((time, total))
            time += stretch.seconds
            total += stretch.total
        }
        self.starts = starts
        seconds = time
        self.total = total
    }

    package init(rate: Double, seconds: Double) {
        self.init([Stretch(seconds: seconds, from: rate, to: rate)])
    }

    package static func == (left: RateCurve, right: RateCurve) -> Bool {
        left.stretches == right.stretches
    }

    /// The curve's length.
    package let seconds: Double
    /// All its requests.
    package let total: Double

    /// The same curve after `seconds` at its first rate.
    package func after(warmUp seconds: Double) -> RateCurve {
        guard seconds > 0 else { return self }
        let rate = stretches[0].startRate
        return RateCurve([Stretch(seconds: seconds, from: rate, to: rate)] + stretches)
    }

    /// The curve cut, or prolonged at its last rate, to a length.
    package func lasting(_ length: Double) -> RateCurve {
        var result: [Stretch] = []
        for (index, stretch) in stretches.enumerated() where starts[index].time < length {
            let seconds = min(stretch.seconds, length - starts[index].time)
            result.append(
                Stretch(seconds: seconds, from: stretch.startRate, to: stretch.rate(at: seconds)))
        }
        if length > seconds, let rate = stretches.last?.endRate {
            result.append(Stretch(seconds: length - seconds, from: rate, to: rate))
        }
        return RateCurve(result)
    }

    /// The rate asked for at a time.
    package func rate(at time: Double) -> Double {
        let index = starts.lastIndex { $0.time <= time } ?? 0
        let stretch = stretches[index]
        return stretch.rate(at: min(max(0, time - starts[index].time), stretch.seconds))
    }

    /// Requests due by a time.
    package func total(by time: Double) -> Double {
        let index = starts.lastIndex { $0.time <= time } ?? 0
        let stretch = stretches[index]
        return starts[index].total
            + stretch.total(by: min(max(0, time - starts[index].time), stretch.seconds))
    }

    /// When the integral reaches `total`, in seconds; nil beyond the curve's end.
    /// - Parameter stretch: where to look first; it only moves on, so a caller that goes through
    ///   the totals in order never searches.
    @inline(__always)
    package func time(of total: Double, from stretch: inout Int) -> Double? {
        while stretch < stretches.count {
            let rest = total - starts[stretch].total
            if rest < stretches[stretch].total {
                return starts[stretch].time + stretches[stretch].time(of: rest)
            }
            stretch += 1
        }
        return nil
    }
}

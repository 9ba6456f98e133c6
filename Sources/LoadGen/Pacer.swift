package import Bytes

/// When each request of an open loop is meant to be sent: a pure function of its number.
///
/// The plan knows nothing of answers. A server that stalls does not slow it, so the requests it keeps
/// waiting are measured from when they should have gone out.
package struct Pacer: Equatable, Sendable {
    /// Requests per second of this pacer.
    package let rate: Double
    /// Where in the first interval this pacer begins, so that several threads interleave.
    package let phase: Double

    package init(rate: Double, phase: Double = 0) {
        precondition(rate > 0, "an open loop has a rate")
        self.rate = rate
        self.phase = phase
    }

    /// When request `number` (0, 1, 2 …) is due, after the start.
    package func due(_ number: Int) -> TimeSpan {
        TimeSpan(nanoseconds: Int64((Double(number) + phase) / rate * 1e9))
    }

    /// How many requests are due by then.
    package func dueCount(by elapsed: TimeSpan) -> Int {
        guard elapsed.nanoseconds >= 0 else { return 0 }
        let exact = elapsed.seconds * rate - phase
        // The product may round to either side of a whole number: `due` decides.
        var count = max(0, Int(exact) + 1)
        while count > 0, due(count - 1) > elapsed { count -= 1 }
        while due(count) <= elapsed { count += 1 }
        return count
    }
}

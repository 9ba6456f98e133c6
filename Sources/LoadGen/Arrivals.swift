package import Bytes
internal import Numerics

/// How the requests of a rate lie in time.
package enum Spacing: String, CaseIterable, Sendable {
    /// At equal distances.
    case even
    /// As independent users send: the distances are exponential.
    case poisson
}

/// When each request of one thread of an open loop is meant to be sent.
///
/// The plan knows nothing of answers and nothing of the clock. A server that stalls does not slow
/// it, so the requests it keeps waiting are measured from when they should have gone out.
///
/// Time runs along the integral of the rate: there, requests are one apart (even) or a unit
/// exponential apart (Poisson: the time-rescaling theorem), and the curve turns that into seconds.
package struct Arrivals: Sendable {
    private let curve: RateCurve
    private let spacing: Spacing
    private let index: Double
    private let threads: Double
    private var random: SeededRandom
    private var stretch = 0
    private var position: Double
    /// Requests passed so far.
    package private(set) var passed = 0
    /// When the next request is due, after the start; nil when the plan has no more.
    package private(set) var due: TimeSpan?

    /// - Parameters:
    ///   - index: of the thread; the threads take evenly spaced requests in turn, so that all
    ///     together are even.
    ///   - seed: of Poisson distances; threads need seeds of their own.
    package init(
        _ curve: RateCurve, _ spacing: Spacing, thread index: Int = 0, of threads: Int = 1,
        seed: UInt64 = 1
    ) {
        precondition(index >= 0 && index < threads, "no such thread")
        self.curve = curve
        self.spacing = spacing
        self.index = Double(index)
        self.threads = Double(threads)
        random = SeededRandom(seed: seed)
        position = 0
        switch spacing {
        case .even: position = self.index
        case .poisson: position = exponential()
        }
        due = time()
    }

    /// Goes on to the next request.
    @inline(__always)
    package mutating func advance() {
        passed += 1
        switch spacing {
        case .even: position = Double(passed) * threads + index
        case .poisson: position += exponential()
        }
        due = time()
    }

    /// Passes every request due by then; how many they were.
    package mutating func pass(by end: TimeSpan) -> Int {
        let before = passed
        while let due, due <= end { advance() }
        return passed - before
    }

    @inline(__always)
    private mutating func time() -> TimeSpan? {
        curve.time(of: position, from: &stretch).map(TimeSpan.seconds)
    }

    private mutating func exponential() -> Double {
        -naturalLogarithm(1 - random.unit()) * threads
    }
}

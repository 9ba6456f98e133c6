/// Whether what the load's own views say is news: a refractory time that doubles while news keep
/// coming, and an override for what is clearly worse.
struct NewsPolicy {
    /// Spike view: minutes without an alert after one, or samples where those are rarer; or a score
    /// above so many times the last's.
    private static let refractoryFloor = 12.0
    private static let refractoryLimit = 640.0
    private static let fastFactor = 1.5
    /// The refractory doubles with every alert that comes within so many refractories.
    private static let backoffSpan = 4.0
    /// Other views: quiet minutes needed, or samples; or a score above so many times the last
    /// alert's.
    private static let quietMinutes = 100.0
    private static let slowFactor = 3.0

    private(set) var refractory = refractoryFloor
    private var peak = 0.0
    private var slowPeak = 0.0
    /// Samples since the last alert, and since another view was last over the threshold; they stop
    /// at their limit.
    private var since = UInt32.max
    private var sinceSlow = UInt32.max

    /// - Parameters:
    ///   - fast: score of the spike view.
    ///   - slow: highest score of the others.
    ///   - perMinute: samples in a minute, at least 1.
    @inline(__always)
    mutating func judge(fast: Double, slow: Double, threshold: Double, perMinute: Double) -> Bool {
        if since < .max { since += 1 }
        if sinceSlow < .max { sinceSlow += 1 }
        guard larger(fast, slow) >= threshold else { return false }
        return decide(fast: fast, slow: slow, threshold: threshold, perMinute: perMinute)
    }

    @inline(never)
    private mutating func decide(
        fast: Double, slow: Double, threshold: Double, perMinute: Double
    ) -> Bool {
        var alerts = false
        if fast >= threshold {
            alerts =
                Double(since) > refractory * perMinute || fast > NewsPolicy.fastFactor * peak
        }
        if slow >= threshold, judgeSlow(slow, quiet: NewsPolicy.quietMinutes * perMinute) {
            alerts = true
        }
        if alerts { note(max(fast, slow), perMinute: perMinute) }
        return alerts
    }

    private mutating func judgeSlow(_ slow: Double, quiet: Double) -> Bool {
        let isQuiet = Double(sinceSlow) > quiet
        let isWorse = slow > NewsPolicy.slowFactor * peak
        var alerts = isQuiet && (Double(since) > quiet || isWorse)
        if isWorse, slow > NewsPolicy.slowFactor * slowPeak { alerts = true }
        if isQuiet { slowPeak = 0 }
        sinceSlow = 0
        slowPeak = max(slowPeak, slow)
        return alerts
    }

    private mutating func note(_ score: Double, perMinute: Double) {
        let gap = Double(since) / perMinute
        if gap <= NewsPolicy.backoffSpan * refractory {
            refractory = min(NewsPolicy.refractoryLimit, refractory * 2)
        } else {
            let spans = min(60, (gap / (NewsPolicy.backoffSpan * refractory)).rounded(.down))
            refractory = max(
                NewsPolicy.refractoryFloor,
                refractory / Double(sign: .plus, exponent: Int(spans), significand: 1))
        }
        since = 0
        peak = score
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&refractory)
        guard refractory >= NewsPolicy.refractoryFloor else { throw .implausible }
        try visitor.visit(&since, in: 0...UInt32.max)
        try visitor.visit(&peak)
        try visitor.visit(&sinceSlow, in: 0...UInt32.max)
        try visitor.visit(&slowPeak)
    }
}

/// One alert per incident: a refractory time that doubles while alerts keep coming, and an override
/// for what is clearly worse.
struct AlertPolicy {
    /// Spike view: samples without an alert after one; or a score above so many times the last's.
    private static let refractoryFloor = 12.0
    private static let refractoryLimit = 640.0
    private static let fastFactor = 1.5
    /// The refractory doubles with every alert that comes within so many refractories.
    private static let backoffSpan = 4.0
    /// Other views: quiet samples needed; or a score above so many times the last alert's.
    private static let quietSamples: UInt32 = 100
    private static let slowFactor = 3.0

    private(set) var refractory = refractoryFloor
    private var peak = 0.0
    private var slowPeak = 0.0
    /// Samples since the last alert, and since another view was last over the threshold; they stop at
    /// their limit.
    private var since = UInt32.max
    private var sinceSlow = UInt32.max

    /// - Parameters:
    ///   - fast: score of the spike view.
    ///   - slow: highest score of the others.
    @inline(__always)
    mutating func judge(fast: Double, slow: Double, threshold: Double) -> Bool {
        if since < .max { since += 1 }
        if sinceSlow < .max { sinceSlow += 1 }
        guard max(fast, slow) >= threshold else { return false }
        var alerts = false
        if fast >= threshold {
            alerts =
                Double(since) > refractory || fast > AlertPolicy.fastFactor * peak
        }
        if slow >= threshold, judgeSlow(slow) { alerts = true }
        if alerts { note(max(fast, slow)) }
        return alerts
    }

    private mutating func judgeSlow(_ slow: Double) -> Bool {
        let isQuiet = sinceSlow > AlertPolicy.quietSamples
        let isWorse = slow > AlertPolicy.slowFactor * peak
        var alerts = isQuiet && (since > AlertPolicy.quietSamples || isWorse)
        if isWorse, slow > AlertPolicy.slowFactor * slowPeak { alerts = true }
        if isQuiet { slowPeak = 0 }
        sinceSlow = 0
        slowPeak = max(slowPeak, slow)
        return alerts
    }

    private mutating func note(_ score: Double) {
        let gap = Double(since)
        if gap <= AlertPolicy.backoffSpan * refractory {
            refractory = min(AlertPolicy.refractoryLimit, refractory * 2)
        } else {
            let spans = min(60, (gap / (AlertPolicy.backoffSpan * refractory)).rounded(.down))
            refractory = max(
                AlertPolicy.refractoryFloor,
                refractory / Double(sign: .plus, exponent: Int(spans), significand: 1))
        }
        since = 0
        peak = score
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&refractory)
        guard refractory >= AlertPolicy.refractoryFloor else { throw .implausible }
        try visitor.visit(&since, in: 0...UInt32.max)
        try visitor.visit(&peak)
        try visitor.visit(&sinceSlow, in: 0...UInt32.max)
        try visitor.visit(&slowPeak)
    }
}

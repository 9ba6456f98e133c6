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
    private static let quietSamples = 100
    private static let slowFactor = 3.0
    private static let longAgo = -1_000_000_000

    private(set) var refractory = refractoryFloor
    private var last = longAgo
    private var peak = 0.0
    private var lastSlow = longAgo
    private var slowPeak = 0.0

    /// - Parameters:
    ///   - index: samples before this one.
    ///   - fast: score of the spike view.
    ///   - slow: highest score of the others.
    mutating func judge(index: Int, fast: Double, slow: Double, threshold: Double) -> Bool {
        var alerts = false
        if fast >= threshold {
            alerts =
                Double(index - last) > refractory || fast > AlertPolicy.fastFactor * peak
        }
        if slow >= threshold, judgeSlow(index: index, slow: slow) { alerts = true }
        if alerts { note(index: index, score: max(fast, slow)) }
        return alerts
    }

    private mutating func judgeSlow(index: Int, slow: Double) -> Bool {
        let isQuiet = index - lastSlow > AlertPolicy.quietSamples
        let isWorse = slow > AlertPolicy.slowFactor * peak
        var alerts = isQuiet && (index - last > AlertPolicy.quietSamples || isWorse)
        if isWorse, slow > AlertPolicy.slowFactor * slowPeak { alerts = true }
        if isQuiet { slowPeak = 0 }
        lastSlow = index
        slowPeak = max(slowPeak, slow)
        return alerts
    }

    private mutating func note(index: Int, score: Double) {
        let gap = Double(index - last)
        if gap <= AlertPolicy.backoffSpan * refractory {
            refractory = min(AlertPolicy.refractoryLimit, refractory * 2)
        } else {
            let spans = min(60, (gap / (AlertPolicy.backoffSpan * refractory)).rounded(.down))
            refractory = max(
                AlertPolicy.refractoryFloor,
                refractory / Double(sign: .plus, exponent: Int(spans), significand: 1))
        }
        last = index
        peak = score
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&refractory)
        guard refractory >= AlertPolicy.refractoryFloor else { throw .implausible }
        try visitor.visit(&last, in: AlertPolicy.longAgo...Int.max / 2)
        try visitor.visit(&peak)
        try visitor.visit(&lastSlow, in: AlertPolicy.longAgo...Int.max / 2)
        try visitor.visit(&slowPeak)
    }
}

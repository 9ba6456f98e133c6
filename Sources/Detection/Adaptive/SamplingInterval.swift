/// The time between the last two samples, and what it usually is, both in seconds; 0 where unknown.
struct SamplingStep {
    let seconds: Double
    let usual: Double
}

/// The usual time between two samples, robust to gaps: a step counts as at least half and at most
/// twice the usual one.
struct SamplingInterval {
    /// Least weight of one step in the mean; from its reciprocal on steps need no counting.
    private static let rate = 0.01
    private static let countLimit: UInt8 = 100
    private static let minute = 60.0

    private var last = 0.0
    /// The usual step; 0 while it is unknown.
    private(set) var seconds = 0.0
    private var count: UInt8 = 0
    /// Samples in a minute, at least 1. Rests are counted in it: they last as many minutes at one
    /// sample a second as at one a minute, and as many samples where those are rarer.
    private(set) var samplesPerMinute = 1.0

    @inline(__always)
    mutating func note(_ timestamp: Double, isFirst: Bool) -> SamplingStep {
        let step = timestamp - last
        last = timestamp
        guard !isFirst, step > 0 else { return SamplingStep(seconds: 0, usual: 0) }
        let usual = seconds
        // A regular series needs no arithmetic.
        if step == usual {
            if count < SamplingInterval.countLimit { count += 1 }
        } else {
            learn(step)
        }
        return SamplingStep(seconds: step, usual: usual)
    }

    @inline(never)
    private mutating func learn(_ step: Double) {
        if count == 0 {
            count = 1
            seconds = step
        } else {
            let counted = larger(0.5 * seconds, smaller(2 * seconds, step))
            if count < SamplingInterval.countLimit {
                count += 1
                seconds += (counted - seconds) / Double(count)
            } else {
                seconds += (counted - seconds) * SamplingInterval.rate
            }
        }
        settle()
    }

    private mutating func settle() {
        let isDense = seconds > 0 && seconds < SamplingInterval.minute
        samplesPerMinute = isDense ? SamplingInterval.minute / seconds : 1
    }

    /// Whether samples are known to come at least so often.
    @inline(__always)
    func isAtMost(_ seconds: Double) -> Bool { self.seconds > 0 && self.seconds <= seconds }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&last)
        try visitor.visit(&seconds)
        try visitor.visit(&count, in: 0...SamplingInterval.countLimit)
        guard seconds >= 0 else { throw .implausible }
        settle()
    }
}

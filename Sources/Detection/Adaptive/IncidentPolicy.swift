/// What all views say of a sample, on the common scale.
struct ViewScores {
    var spike = 0.0
    var jump = 0.0
    var cpu = 0.0
    var gap = 0.0
    var daily = 0.0
    var level = 0.0
    var flat = 0.0

    var slow: Double { larger(daily, larger(level, flat)) }
    var highest: Double { larger(larger(larger(spike, jump), larger(cpu, gap)), slow) }

    /// The view that scored `highest`; of equal ones the first.
    func reason(_ highest: Double) -> Reason {
        if spike == highest { return .spike }
        if jump == highest { return .jump }
        if cpu == highest { return .cpu }
        if gap == highest { return .gap }
        if daily == highest { return .daily }
        return level == highest ? .level : .flat
    }
}

/// Decides which scores wake somebody up: one alert per incident, none for its end, and none for what
/// happens every day.
struct IncidentPolicy {
    /// Within so many samples of an alert, a value within so many everyday sigmas of where the series
    /// was expected before the incident is its end, not another one.
    private static let recoverySamples: UInt32 = 60
    private static let recoverySigmas = 4.0
    /// Samples of rest after an alert, by who asks for the next one.
    private static let spikeRest: UInt32 = 12
    private static let cpuRest: UInt32 = 24
    private static let slowRest: UInt32 = 200
    /// The steady view rests longer the more often anything alerts: the rest doubles with each alert
    /// that comes within four rests, and halves with every four rests of peace.
    private static let jumpRest: Float = 24
    private static let jumpRestLimit: Float = 640
    private static let restSpan: Float = 4

    /// Samples since the last alert; it stops at its limit.
    private(set) var since = UInt32.max
    private var rest = jumpRest
    /// Where the series was expected when the incident began, relative to its first value.
    private var baseline: Float = 0
    private var habit = DailyHabit()

    /// Whether no alert is so recent that the series may still be in its wake.
    var isCalm: Bool { since > IncidentPolicy.recoverySamples }

    /// A sample passes.
    @inline(__always)
    mutating func step() {
        if since < .max { since &+= 1 }
    }

    /// Something would have been worth an alert, had the series not learnt it already: it keeps a habit
    /// alive.
    @inline(never)
    mutating func remember(_ score: Double, at timestamp: Double) {
        _ = habit.note(score, at: timestamp)
    }

    /// Whether a sample of which some view is over the threshold is an alert.
    /// - Parameters:
    ///   - isNews: what the reference's own policy says of its four views.
    mutating func judge(
        _ scores: ViewScores, isNews: Bool, threshold: Double, x: Double,
        _ steady: SteadyView.Outcome, timestamp: Double
    ) -> Bool {
        let isBack =
            !isCalm
            && (x - Double(baseline)).magnitude < IncidentPolicy.recoverySigmas * steady.sigma
        let worst = loudest(scores, isNews: isNews, isBack: isBack, threshold: threshold)
        guard worst > 0, !habit.note(worst, at: timestamp) else { return false }
        note(expected: steady.prediction)
        return true
    }

    /// The highest of the scores that may alert now; 0 when none may.
    private func loudest(
        _ scores: ViewScores, isNews: Bool, isBack: Bool, threshold: Double
    ) -> Double {
        var worst = 0.0
        if isNews, !isBack, scores.spike >= threshold,
            since > IncidentPolicy.spikeRest
        {
            worst = scores.spike
        }
        if isNews, scores.slow >= threshold, since > IncidentPolicy.slowRest {
            worst = larger(worst, scores.slow)
        }
        if !isBack, scores.jump >= threshold, Float(since) > rest {
            worst = larger(worst, scores.jump)
        }
        if since > IncidentPolicy.cpuRest {
            if scores.cpu >= threshold { worst = larger(worst, scores.cpu) }
            if scores.gap >= threshold { worst = larger(worst, scores.gap) }
        }
        return worst
    }

    private mutating func note(expected: Double) {
        let span = IncidentPolicy.restSpan * rest
        if Float(since) <= span {
            rest = smaller(IncidentPolicy.jumpRestLimit, 2 * rest)
        } else {
            let spans = Int(smaller(60, (Float(since) / span).rounded(.down)))
            let divisor = Float(sign: .plus, exponent: spans, significand: 1)
            rest = larger(IncidentPolicy.jumpRest, rest / divisor)
        }
        if isCalm { baseline = Float(expected) }
        since = 0
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&since, in: 0...UInt32.max)
        try visitor.visit(&rest)
        guard rest >= IncidentPolicy.jumpRest else { throw .implausible }
        try visitor.visit(&baseline)
        try habit.visit(&visitor)
    }
}

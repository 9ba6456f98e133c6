/// What all views say of a sample, on the common scale.
struct ViewScores {
    var spike = 0.0
    var jump = 0.0
    var cpu = 0.0
    var gap = 0.0
    var daily = 0.0
    var level = 0.0
    var flat = 0.0

    var slow: Double { max(daily, max(level, flat)) }
    var highest: Double { max(max(max(spike, jump), max(cpu, gap)), slow) }

    /// The highest view; of equal ones the first.
    var reason: Reason {
        let highest = highest
        guard highest > 0 else { return .none }
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
    /// A spike so many times as high as the last alert does not wait.
    private static let worse = 1.5
    /// The steady view rests longer the more often anything alerts: the rest doubles with each alert
    /// that comes within four rests, and halves with every four rests of peace.
    private static let jumpRest: Float = 24
    private static let jumpRestLimit: Float = 640
    private static let restSpan: Float = 4

    /// Samples since the last alert; it stops at its limit.
    private(set) var since = UInt32.max
    private var rest = jumpRest
    private var peak: Float = 0
    /// Where the series was expected when the incident began, relative to its first value.
    private var baseline: Float = 0
    private var habit = DailyHabit()

    /// Whether no alert is so recent that the series may still be in its wake.
    var isCalm: Bool { since > IncidentPolicy.recoverySamples }

    /// - Parameters:
    ///   - isNews: what the reference's own policy says of its four views.
    @inline(__always)
    mutating func judge(
        _ scores: ViewScores, isNews: Bool, threshold: Double, x: Double,
        _ steady: SteadyView.Outcome, timestamp: Double
    ) -> Bool {
        if since < .max { since += 1 }
        guard scores.highest >= threshold else { return false }
        let isBack =
            !isCalm
            && (x - Double(baseline)).magnitude < IncidentPolicy.recoverySigmas * steady.sigma
        let worst = loudest(scores, isNews: isNews, isBack: isBack, threshold: threshold)
        guard worst > 0, !habit.note(worst, at: timestamp) else { return false }
        note(worst, expected: steady.prediction)
        return true
    }

    /// The highest of the scores that may alert now; 0 when none may.
    private func loudest(
        _ scores: ViewScores, isNews: Bool, isBack: Bool, threshold: Double
    ) -> Double {
        var worst = 0.0
        if isNews, !isBack, scores.spike >= threshold,
            since > IncidentPolicy.spikeRest || scores.spike > IncidentPolicy.worse * Double(peak)
        {
            worst = scores.spike
        }
        if isNews, scores.slow >= threshold, since > IncidentPolicy.slowRest {
            worst = max(worst, scores.slow)
        }
        if !isBack, scores.jump >= threshold, Float(since) > rest {
            worst = max(worst, scores.jump)
        }
        if since > IncidentPolicy.cpuRest {
            if scores.cpu >= threshold { worst = max(worst, scores.cpu) }
            if scores.gap >= threshold { worst = max(worst, scores.gap) }
        }
        return worst
    }

    private mutating func note(_ score: Double, expected: Double) {
        let span = IncidentPolicy.restSpan * rest
        if Float(since) <= span {
            rest = min(IncidentPolicy.jumpRestLimit, 2 * rest)
        } else {
            let spans = Int(min(60, (Float(since) / span).rounded(.down)))
            let divisor = Float(sign: .plus, exponent: spans, significand: 1)
            rest = max(IncidentPolicy.jumpRest, rest / divisor)
        }
        if isCalm { baseline = Float(expected) }
        since = 0
        peak = Float(score)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&since, in: 0...UInt32.max)
        try visitor.visit(&rest)
        guard rest >= IncidentPolicy.jumpRest else { throw .implausible }
        try visitor.visit(&peak)
        try visitor.visit(&baseline)
        try habit.visit(&visitor)
    }
}

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
/// happens every day or is a counter's way.
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
    private static let jumpRest: UInt32 = 24
    private static let doublingLimit: UInt8 = 5
    private static let restSpan: UInt32 = 4

    /// Samples since the last alert; it stops at its limit.
    private(set) var since = UInt32.max
    /// Where the series was expected when the incident began, relative to its first value.
    private var baseline: Float = 0
    private var restarts = RestartHabit()
    private var habit = DailyHabit()
    /// How often the steady view's rest has doubled.
    private var doublings: UInt8 = 0

    /// Whether no alert is so recent that the series may still be in its wake.
    var isCalm: Bool { since > IncidentPolicy.recoverySamples }

    private var rest: UInt32 { IncidentPolicy.jumpRest << UInt32(doublings) }

    /// A sample passes. `x` is its value, relative to the first one.
    @inline(__always)
    mutating func step(_ x: Double, sigma: Double) {
        if since < .max { since &+= 1 }
        if !isCalm, isBack(x, sigma: sigma) { restarts.forget() }
    }

    /// Whether the series is where it was expected to be before the incident.
    private func isBack(_ x: Double, sigma: Double) -> Bool {
        (x - Double(baseline)).magnitude < IncidentPolicy.recoverySigmas * sigma
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
        let isBack = !isCalm && isBack(x, sigma: steady.sigma)
        let worst = loudest(scores, isNews: isNews, isBack: isBack, threshold: threshold)
        let isSudden = larger(scores.spike, scores.jump) >= threshold
        // A fall counts once, when it would alert; a rise ends a habit whenever it comes.
        let isRestart =
            isSudden && (worst > 0 || x > steady.prediction)
            ? restarts.note(x, expected: steady.prediction, sigma: steady.sigma) : false
        guard worst > 0, !habit.note(worst, at: timestamp) else { return false }
        note(expected: steady.prediction)
        return !isRestart
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
        if !isBack, scores.jump >= threshold, since > rest {
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
        if since <= span {
            doublings = min(doublings + 1, IncidentPolicy.doublingLimit)
        } else {
            doublings -= UInt8(min(UInt32(doublings), since / span))
        }
        if isCalm { baseline = Float(expected) }
        since = 0
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&since, in: 0...UInt32.max)
        try visitor.visit(&baseline)
        try habit.visit(&visitor)
        try restarts.visit(&visitor)
        try visitor.visit(&doublings, in: 0...IncidentPolicy.doublingLimit)
    }
}

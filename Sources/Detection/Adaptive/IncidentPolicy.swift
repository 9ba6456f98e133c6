/// What all views say of a sample, on the common scale.
struct ViewScores {
    var spike = 0.0
    var jump = 0.0
    var cpu = 0.0
    var gap = 0.0
    var daily = 0.0
    var level = 0.0
    var flat = 0.0
    /// What the judge would alert for by itself; 0 where it would not.
    var judged = 0.0
    /// The view that is farther off, where the judge alerts.
    var judgedReason = Reason.spike

    var slow: Double { larger(daily, larger(level, flat)) }
    var highest: Double {
        larger(larger(larger(spike, jump), larger(cpu, gap)), larger(slow, judged))
    }

    /// The view of a score; of equal ones the first.
    func reason(_ score: Double) -> Reason {
        if judged == score { return judgedReason }
        if spike == score { return .spike }
        if jump == score { return .jump }
        if cpu == score { return .cpu }
        if gap == score { return .gap }
        if daily == score { return .daily }
        return level == score ? .level : .flat
    }
}

/// Decides which scores wake somebody up: one alert per incident, none for its end, and none for
/// what happens every day or is a counter's way.
struct IncidentPolicy {
    // Times are in minutes, or in samples where those are rarer than one a minute.

    /// For so long after an alert, a value within so many everyday sigmas of where the series was
    /// expected before the incident is its end, not another one.
    private static let recoveryTime = 60.0
    private static let recoverySigmas = 4.0
    /// Rest after an alert, by who asks for the next one.
    private static let spikeRest = 12.0
    private static let cpuRest = 24.0
    private static let slowRest = 200.0
    /// The steady view rests longer the more often anything alerts: the rest doubles with each
    /// alert that comes within four rests, and halves with every four rests of peace.
    private static let jumpRest = 24.0
    private static let doublingLimit: UInt8 = 5
    private static let restSpan = 4.0
    /// The judge rests as long, unless it knows such series, is surer by so much than of the last
    /// alert, and that was so long ago.
    private static let surerLogits = 2.0
    private static let surerRest = 3.0

    /// Samples since the last alert; it stops at its limit.
    private(set) var since = UInt32.max
    /// Where the series was expected when the incident began, relative to its first value.
    private var baseline: Float = 0
    private var restarts = RestartHabit()
    private var habit = DailyHabit()
    private var budget = AlertBudget()
    /// How often the steady view's rest has doubled.
    private var doublings: UInt8 = 0
    /// How sure the judge was of the last alert.
    private var lastLogit: Float = 0

    /// Whether no alert is so recent that the series may still be in its wake.
    /// - Parameter perMinute: samples in a minute, at least 1.
    @inline(__always)
    func isCalm(perMinute: Double) -> Bool {
        Double(since) > IncidentPolicy.recoveryTime * perMinute
    }

    /// A sample passes. `x` is its value, relative to the first one.
    @inline(__always)
    mutating func step(_ x: Double, sigma: Double, interval: SamplingInterval) {
        if since < .max { since &+= 1 }
        budget.pass(seconds: interval.seconds)
        if !isCalm(perMinute: interval.samplesPerMinute), isBack(x, sigma: sigma) {
            restarts.forget()
        }
    }

    /// Whether the series is where it was expected to be before the incident.
    private func isBack(_ x: Double, sigma: Double) -> Bool {
        (x - Double(baseline)).magnitude < IncidentPolicy.recoverySigmas * sigma
    }

    /// Something would have been worth an alert, had the series not learnt it already: it keeps a
    /// habit alive.
    @inline(never)
    mutating func remember(_ score: Double, at timestamp: Double) {
        _ = habit.note(score, at: timestamp)
    }

    /// A sample of which some view is over the threshold.
    struct Candidate {
        let scores: ViewScores
        /// What the four views' own policy says of them.
        let isNews: Bool
        /// Relative to the first value; so is what the steady view expected.
        let x: Double
        let expected: Double
        let sigma: Double
        /// Unix seconds.
        let timestamp: Double
        let threshold: Double
        /// Samples in a minute, at least 1.
        let perMinute: Double
        let opinion: AlertJudge.Opinion
    }

    /// The score of the judge, where it would alert by itself now; else 0.
    @inline(never)
    func judgedScore(
        _ opinion: AlertJudge.Opinion, threshold: Double, perMinute: Double
    ) -> Double {
        guard opinion.score >= threshold * budget.bar else { return 0 }
        let isSurer =
            opinion.isFamiliar
            && opinion.logit > Double(lastLogit) + IncidentPolicy.surerLogits
        let least = isSurer ? IncidentPolicy.surerRest : rest
        return Double(since) / perMinute > least ? opinion.score : 0
    }

    /// The view that a sample alerts for; `none` when it does not.
    mutating func judge(_ sample: Candidate) -> Reason {
        let isCalm = isCalm(perMinute: sample.perMinute)
        let isBack = !isCalm && isBack(sample.x, sigma: sample.sigma)
        let worst = loudest(sample, isBack: isBack)
        let scores = sample.scores
        let isSudden =
            larger(scores.spike, scores.jump) >= sample.threshold || !isBack && scores.judged > 0
        // A fall counts once, when it would alert; a rise ends a habit whenever it comes.
        let isRestart =
            isSudden && (worst > 0 || sample.x > sample.expected)
            ? restarts.note(sample.x, expected: sample.expected, sigma: sample.sigma) : false
        guard worst > 0, !habit.note(worst, at: sample.timestamp) else { return .none }
        begin(expected: sample.expected, isCalm: isCalm, perMinute: sample.perMinute)
        guard !isRestart else { return .none }
        lastLogit = Float(larger(0, sample.opinion.logit))
        budget.spend()
        return scores.reason(worst)
    }

    /// The highest of the scores that may alert now; 0 when none may.
    private func loudest(_ sample: Candidate, isBack: Bool) -> Double {
        let scores = sample.scores
        let bar = sample.threshold * budget.bar
        let minutes = Double(since) / sample.perMinute
        var worst = 0.0
        func hear(_ score: Double, after rest: Double) {
            if score >= bar, minutes > rest { worst = larger(worst, score) }
        }
        if sample.isNews { hear(scores.slow, after: IncidentPolicy.slowRest) }
        if !isBack {
            if !sample.opinion.isVeto {
                if sample.isNews { hear(scores.spike, after: IncidentPolicy.spikeRest) }
                hear(scores.jump, after: rest)
            }
            worst = larger(worst, scores.judged)
        }
        hear(scores.cpu, after: IncidentPolicy.cpuRest)
        hear(scores.gap, after: IncidentPolicy.cpuRest)
        return worst
    }

    /// The steady view's rest.
    private var rest: Double { IncidentPolicy.jumpRest * Double(1 << Int(doublings)) }

    private mutating func begin(expected: Double, isCalm: Bool, perMinute: Double) {
        let spans = Double(since) / perMinute / (IncidentPolicy.restSpan * rest)
        if spans <= 1 {
            doublings = min(doublings + 1, IncidentPolicy.doublingLimit)
        } else {
            doublings -= UInt8(smaller(Double(doublings), spans.rounded(.down)))
        }
        if isCalm { baseline = Float(expected) }
        since = 0
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&since, in: 0...UInt32.max)
        try visitor.visit(&baseline)
        try habit.visit(&visitor)
        try restarts.visit(&visitor)
        try budget.visit(&visitor)
        try visitor.visit(&doublings, in: 0...IncidentPolicy.doublingLimit)
        try visitor.visit(&lastLogit)
    }
}

/// Says of every sample how unlike its series it is, and whether somebody should look.
///
/// Four views of the load itself, with three beside them: `jump` (everyday noise), `cpu` (its
/// relation to the load) and `gap` (missing samples). Over them all a judge that learnt from series
/// that their operators labelled, and a policy that knows the end of an incident, a daily habit
/// when it sees one, and what a day may cost. O(1) a sample, at most 1 KB; nothing is trained while
/// it runs.
package struct AdaptiveDetector {
    /// The daily view is heard where the value is so many everyday sigmas from the hour's mean: in
    /// a series of independent noise it would otherwise call every 4-sigma sample strange.
    private static let leastHourSigmas = 5.0
    /// So with the level view: everyday sigmas that the mean of 30 samples has moved.
    private static let leastShiftSigmas = 0.5
    /// Where samples come so often, one alone is no incident for the steady view.
    private static let confirmedSeconds = 90.0

    // In this order the least is lost between them.
    private var steady = SteadyView()
    private var gap = GapView()
    private var load = LoadDetector()
    private var relation = RelationView()
    private var jumpConfirmation = Confirmation()
    private var judge = AlertJudge()
    private var news = NewsPolicy()
    private var policy = IncidentPolicy()

    package init() {}

    /// Samples judged so far.
    var samples: Int { load.samples }

    /// Whether the next sample cannot alert yet: no view says anything of the first ones.
    var isLearning: Bool { load.samples < LoadDetector.warmUp }

    /// The usual time between two samples, in seconds; 0 while it is unknown.
    var usualStep: Double { load.interval.seconds }

    /// What the views said of a sample, for those who explain it.
    struct Findings {
        let scores: ViewScores
        /// What the three views by size say where no other sample must agree.
        let alone: LoadDetector.Alone
        let jumpScore: Double
        let expectedOfJump: Double
        let relation: RelationView.Outcome
        /// The usual mean of an hour, and how far from it an hour's mean reaches the threshold.
        let levelBand: Band
        let opinion: AlertJudge.Opinion
        /// The daily view is heard from so far from the hour's mean on.
        let leastHourOffset: Double
        /// The first value, to which all bands are relative.
        let origin: Double
    }

    /// Judges one sample, learns it, and fills the verdict's part that it decides.
    @inline(__always)
    package mutating func judge(_ sample: Sample, _ verdict: inout Verdict, threshold: Double) {
        _ = look(at: sample, &verdict, threshold: threshold)
    }

    /// The same, and tells what the views said. Where nobody takes that, it costs nothing.
    @inline(__always)
    mutating func look(
        at sample: Sample, _ verdict: inout Verdict, threshold: Double
    ) -> Findings {
        let samples = load.samples
        let judged = load.update(
            timestamp: sample.timestamp, value: sample.rps, threshold: threshold)
        let interval = load.interval
        let steadied = steady.judge(
            SteadyView.Input(
                x: judged.x, predictions: judged.predictions, hourResidual: judged.hourResidual,
                epsilon: judged.epsilon, weight: judged.weight),
            samples: samples,
            isCalm: policy.isCalm(perMinute: interval.samplesPerMinute))
        let (jump, jumpBand) = confirmed(steadied, x: judged.x, threshold: threshold)
        var scores = ViewScores()
        scores.spike = judged.scores.spike
        scores.flat = judged.scores.flat
        if !steadied.isUsualHere {
            scores.jump = jump
        } else if jump >= threshold {
            policy.remember(jump, at: sample.timestamp)
        }
        let hourOffset = (judged.x - judged.hourMean).magnitude
        let leastOffset = AdaptiveDetector.leastHourSigmas * steadied.sigma
        if hourOffset >= leastOffset { scores.daily = judged.scores.daily }
        if judged.shift >= AdaptiveDetector.leastShiftSigmas * steadied.sigma {
            scores.level = judged.scores.level
        }
        let related = relation.judge(sample, samples: samples, weight: judged.weight)
        scores.cpu = related.score
        scores.gap = gap.judge(judged.step, samples: samples, weight: judged.weight)
        let isNews = news.judge(
            fast: scores.spike, slow: scores.slow, threshold: threshold,
            perMinute: interval.samplesPerMinute)
        policy.step(judged.x, sigma: steadied.sigma, interval: interval)
        let opinion = weigh(judged, steadied, samples: samples)
        if opinion.isCandidate {
            scores.judged = policy.judgedScore(
                opinion, threshold: threshold, perMinute: interval.samplesPerMinute)
            scores.judgedReason = AlertJudge.reason(
                spikeScore: scores.spike, steadySigmas: steadied.sigmas)
        }
        (verdict.score, verdict.alert, verdict.reason) = (scores.highest, false, .none)
        show(judged.spikeBand, &verdict)
        let findings = Findings(
            scores: scores, alone: judged.alone, jumpScore: steadied.score,
            expectedOfJump: steadied.prediction, relation: related,
            levelBand: Bands.level(judged, threshold: threshold),
            opinion: opinion, leastHourOffset: leastOffset, origin: load.origin)
        guard verdict.score >= threshold else { return findings }
        let candidate = IncidentPolicy.Candidate(
            scores: scores, isNews: isNews, x: judged.x, expected: steadied.prediction,
            sigma: steadied.sigma, timestamp: sample.timestamp, threshold: threshold,
            perMinute: interval.samplesPerMinute, opinion: opinion)
        let bands = Bands(
            judged, steadied, jump: jumpBand, leastHourOffset: leastOffset, threshold: threshold)
        decide(candidate, bands: bands, cpu: related, &verdict)
        return findings
    }

    /// What counts of the steady view: where samples come often, the next ones must agree.
    @inline(__always)
    private mutating func confirmed(
        _ steadied: SteadyView.Outcome, x: Double, threshold: Double
    ) -> (score: Double, band: Band) {
        var band = Band(
            expected: steadied.prediction,
            half: steadied.half * (threshold / ScoreScale.threshold))
        guard load.interval.isAtMost(AdaptiveDetector.confirmedSeconds) else {
            return (steadied.score, band)
        }
        let score = jumpConfirmation.judge(
            steadied.score, x: x, threshold: threshold, band: &band)
        return (score, band)
    }

    /// What the judge says of a sample.
    @inline(__always)
    private mutating func weigh(
        _ judged: LoadDetector.Judgment, _ steadied: SteadyView.Outcome, samples: Int
    ) -> AlertJudge.Opinion {
        let usesProfile = judged.isProfiled && judged.age >= BumpView.profileAge
        judge.bump.learn(
            judged.x, profile: usesProfile ? judged.profile : 0,
            isProfiled: usesProfile,
            samples: samples, weight: judged.weight, epsilon: judged.epsilon)
        return judge.judge(
            AlertJudge.Evidence(
                spikeSigmas: judged.spikeSigmas, steadySigmas: steadied.sigmas,
                spikeScore: judged.scores.spike, levelScore: judged.scores.level,
                tail: Double(steady.tail), perMinute: load.interval.samplesPerMinute,
                seconds: load.interval.seconds, samples: samples))
    }

    /// Some view is over the threshold: names it, shows its band, and decides whether it is an
    /// alert.
    @inline(never)
    private mutating func decide(
        _ sample: IncidentPolicy.Candidate, bands: Bands, cpu: RelationView.Outcome,
        _ verdict: inout Verdict
    ) {
        let alerting = policy.judge(sample)
        verdict.alert = alerting != .none
        verdict.reason = verdict.alert ? alerting : sample.scores.reason(verdict.score)
        guard verdict.reason != .cpu else {
            verdict.expected = cpu.expected
            (verdict.lower, verdict.upper) = cpu.bounds(threshold: sample.threshold)
            return
        }
        show(
            bands.band(verdict.reason, sample.scores, threshold: sample.threshold), &verdict)
    }

    @inline(__always)
    private func show(_ band: Band, _ verdict: inout Verdict) {
        let expected = band.expected + load.origin
        verdict.expected = expected
        verdict.lower = expected - band.half
        verdict.upper = expected + band.half
    }

    /// Whether samples without cpu came.
    var hasGaps: Bool { relation.hasGaps }

    mutating func visitGaps<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try relation.visitGaps(&visitor)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try load.visit(&visitor)
        try steady.visit(&visitor)
        try relation.visit(&visitor)
        try gap.visit(&visitor)
        try jumpConfirmation.visit(&visitor)
        try judge.visit(&visitor)
        try news.visit(&visitor)
        try policy.visit(&visitor)
    }
}

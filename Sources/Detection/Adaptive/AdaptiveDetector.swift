/// Says of every sample how unlike its series it is, and whether somebody should look.
///
/// The reference detector's four views of the load, with three beside them: `jump` (everyday noise),
/// `cpu` (its relation to the load) and `gap` (missing samples); and over them all a policy that knows
/// the end of an incident and a daily habit when it sees one. O(1) a sample, at most 1 KB, no training.
package struct AdaptiveDetector {
    /// The daily view is heard where the value is so many everyday sigmas from the hour's mean: in a
    /// series of independent noise it would otherwise call every 4-sigma sample strange.
    private static let leastHourSigmas = 5.0
    /// So with the level view: everyday sigmas that the mean of 30 samples has moved.
    private static let leastShiftSigmas = 0.5

    // In this order the least is lost between them.
    private var steady = SteadyView()
    private var gap = GapView()
    private var load = LoadDetector()
    private var relation = RelationView()
    private var policy = IncidentPolicy()

    package init() {}

    /// Samples judged so far.
    var samples: Int { load.samples }

    /// Judges one sample, learns it, and fills the verdict's part that it decides.
    @inline(__always)
    package mutating func judge(_ sample: Sample, _ verdict: inout Verdict, threshold: Double) {
        let samples = load.samples
        let judged = load.update(
            timestamp: sample.timestamp, value: sample.rps, threshold: threshold)
        let steadied = steady.judge(judged, samples: samples, isCalm: policy.isCalm)
        var scores = ViewScores()
        scores.spike = judged.scores.spike
        scores.flat = judged.scores.flat
        if !steadied.isUsualHere {
            scores.jump = steadied.score
        } else if steadied.score >= threshold {
            policy.remember(steadied.score, at: sample.timestamp)
        }
        let hourOffset = (judged.x - judged.hourMean).magnitude
        if hourOffset >= AdaptiveDetector.leastHourSigmas * steadied.sigma {
            scores.daily = judged.scores.daily
        }
        if judged.shift >= AdaptiveDetector.leastShiftSigmas * steadied.sigma {
            scores.level = judged.scores.level
        }
        scores.cpu = relation.judge(
            rps: sample.rps, cpu: sample.cpu, samples: samples, weight: judged.weight)
        scores.gap = gap.judge(judged.step, samples: samples, weight: judged.weight)
        policy.step(judged.x, sigma: steadied.sigma)
        let highest = scores.highest
        let expected = judged.prediction + load.origin
        verdict.score = highest
        verdict.expected = expected
        verdict.lower = expected - judged.band
        verdict.upper = expected + judged.band
        verdict.alert = false
        verdict.reason = .none
        guard highest >= threshold else { return }
        verdict.reason = scores.reason(highest)
        verdict.alert = policy.judge(
            scores, isNews: judged.alert, threshold: threshold, x: judged.x, steadied,
            timestamp: sample.timestamp)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try load.visit(&visitor)
        try steady.visit(&visitor)
        try relation.visit(&visitor)
        try gap.visit(&visitor)
        try policy.visit(&visitor)
    }
}

/// Says of every sample how unlike its series it is, and whether somebody should look.
///
/// The reference detector's four views of the load, with three beside them: `jump` (everyday noise),
/// `cpu` (its relation to the load) and `gap` (missing samples); and over them all a policy that knows
/// the end of an incident and a daily habit when it sees one. O(1) a sample, at most 1 KB, no training.
package struct AdaptiveDetector {
    /// The steady view is heard from this score of the spike view on: below it the hour of the day
    /// explains the error.
    private static let leastSpike = 4.5
    /// The daily view is heard where the value is so many everyday sigmas from the hour's mean: in a
    /// series of independent noise it would otherwise call every 4-sigma sample strange.
    private static let leastHourSigmas = 5.0

    // The widest first: so the least is lost between them.
    private var steady = SteadyView()
    private var load = LoadDetector()
    private var relation = RelationView()
    private var gap = GapView()
    private var policy = IncidentPolicy()

    package init() {}

    package struct Outcome {
        package var score = 0.0
        package var alert = false
        package var reason = Reason.none
        package var expected = 0.0
        package var lower = 0.0
        package var upper = 0.0
    }

    /// Judges one sample and learns it.
    @inline(__always)
    package mutating func update(_ sample: Sample, threshold: Double) -> Outcome {
        let samples = load.samples
        let judged = load.update(
            timestamp: sample.timestamp, value: sample.rps, threshold: threshold)
        let steadied = steady.judge(judged, samples: samples, isCalm: policy.isCalm)
        var scores = ViewScores()
        scores.spike = judged.scores.spike
        scores.level = judged.scores.level
        scores.flat = judged.scores.flat
        if judged.scores.spike >= AdaptiveDetector.leastSpike { scores.jump = steadied.score }
        let hourOffset = (judged.x - judged.hourMean).magnitude
        if hourOffset >= AdaptiveDetector.leastHourSigmas * steadied.sigma {
            scores.daily = judged.scores.daily
        }
        scores.cpu = relation.judge(
            rps: sample.rps, cpu: sample.cpu, samples: samples, weight: judged.weight)
        scores.gap = gap.judge(steps: judged.steps, samples: samples, weight: judged.weight)
        let alert = policy.judge(
            scores, isNews: judged.alert, threshold: threshold, x: judged.x, steadied,
            timestamp: sample.timestamp)
        let expected = judged.prediction + load.origin
        return Outcome(
            score: scores.highest, alert: alert, reason: scores.reason, expected: expected,
            lower: expected - judged.band, upper: expected + judged.band)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try load.visit(&visitor)
        try steady.visit(&visitor)
        try relation.visit(&visitor)
        try gap.visit(&visitor)
        try policy.visit(&visitor)
    }
}

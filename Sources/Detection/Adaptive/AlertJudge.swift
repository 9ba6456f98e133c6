internal import Numerics

/// Would somebody who runs the service call this an incident? A logistic score over six numbers.
///
/// The coefficients were learnt by ridge regression from series that their operators labelled;
/// docs/detection.md says from which, how, and what it is worth on series that it never saw. It
/// only looks at samples that are rather far off, and only where they come less often than every
/// half minute, because it has seen no others.
struct AlertJudge {
    /// What the judge says of one sample.
    struct Opinion {
        /// Log odds; 0 is where the judge would alert by itself.
        let logit: Double
        /// Whether the sample is far enough off to be looked at.
        let isCandidate: Bool
        /// Whether the spike and the steady view must be silent.
        let isVeto: Bool
        /// Whether samples come as often as in the series that most was learnt from.
        let isFamiliar: Bool

        /// On the scale of the views: 8 for a logit of 0.
        var score: Double { ScoreScale.threshold + AlertJudge.scorePerLogit * logit }
    }

    /// What the judge looks at, each as the views have it.
    struct Evidence {
        /// Error of the best prediction in sigmas: by all of the past, and by the everyday ones.
        let spikeSigmas: Double
        let steadySigmas: Double
        /// Scores of the spike and of the level view.
        let spikeScore: Double
        let levelScore: Double
        /// How heavy the tails are.
        let tail: Double
        /// Samples in a minute, at least 1, and the usual step in seconds.
        let perMinute: Double
        let seconds: Double
        /// Samples before this one.
        let samples: Int
    }

    private static let scorePerLogit = 2.0
    /// Below these log odds the views that measure by size are silent, and so they are of what is
    /// not looked at. Only in familiar series, whose samples come at least so often: of others too
    /// few were labelled.
    private static let veto = -4.0
    private static let familiarSeconds = 90.0
    /// From here on a sample is looked at; also the bounds of its band when the judge alerts.
    static let leastSteadySigmas = 4.0
    static let leastSpikeScore = 6.0
    private static let leastSamples = 300
    private static let leastSeconds = 30.0
    /// A sample of so many everyday sigmas ends the quiet.
    private static let loudSigmas = 5.0

    private static let bumpRarityWeight = 0.7
    private static let spikeWeight = 1.48
    private static let quietWeight = -0.22
    private static let tailWeight = -0.87
    private static let levelWeight = 0.6
    private static let bumpSizeWeight = 0.29
    private static let intercept = -11.71
    // No number counts for more than those it was learnt from.
    private static let logarithmLimit = 3.7
    private static let tailFloor = -7.5
    private static let bumpLimit = 8.0

    var bump = BumpView()
    /// Samples since one was loud; it stops at its limit.
    private var quiet: UInt32 = 0

    /// A sample passes; it is looked at where it is far enough off.
    @inline(__always)
    mutating func judge(_ evidence: Evidence) -> Opinion {
        let isHeard =
            evidence.samples >= AlertJudge.leastSamples
            && evidence.seconds > AlertJudge.leastSeconds
        let isCandidate =
            isHeard
            && (evidence.steadySigmas >= AlertJudge.leastSteadySigmas
                || evidence.spikeScore >= AlertJudge.leastSpikeScore)
        let logit = isCandidate ? weigh(evidence) : -.infinity
        let isLoud = evidence.steadySigmas > AlertJudge.loudSigmas
        quiet = isLoud ? 0 : quiet &+ (quiet < .max ? 1 : 0)
        let isFamiliar = isHeard && evidence.seconds <= AlertJudge.familiarSeconds
        return Opinion(
            logit: logit, isCandidate: isCandidate,
            isVeto: isFamiliar && !(logit >= AlertJudge.veto), isFamiliar: isFamiliar)
    }

    @inline(never)
    private func weigh(_ evidence: Evidence) -> Double {
        let quietMinutes = Double(quiet) / evidence.perMinute
        let tail = larger(
            AlertJudge.tailFloor, naturalLogarithm(larger(evidence.tail, 1e-6)))
        return AlertJudge.bumpRarityWeight * AlertJudge.compressed(bump.rarity)
            + AlertJudge.spikeWeight * AlertJudge.compressed(evidence.spikeSigmas)
            + AlertJudge.quietWeight * naturalLogarithm(1 + quietMinutes)
            + AlertJudge.tailWeight * tail
            + AlertJudge.levelWeight * AlertJudge.compressed(evidence.levelScore)
            + AlertJudge.bumpSizeWeight * smaller(AlertJudge.bumpLimit, bump.size)
            + AlertJudge.intercept
    }

    /// The view that saw more of a sample.
    static func reason(spikeScore: Double, steadySigmas: Double) -> Reason {
        let isSpike = spikeScore * leastSteadySigmas >= steadySigmas * leastSpikeScore
        return isSpike ? .spike : .jump
    }

    private static func compressed(_ x: Double) -> Double {
        smaller(logarithmLimit, naturalLogarithm(1 + x))
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try bump.visit(&visitor)
        try visitor.visit(&quiet, in: 0...UInt32.max)
    }
}

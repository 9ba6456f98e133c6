/// What a view expected, and how far from it a value reaches the threshold; in the value's unit and
/// relative to the series' first value.
struct Band {
    var expected: Double
    var half: Double
}

/// The bands of all views for one sample: where each would begin to score the threshold.
struct Bands {
    private let spike: Band
    private let jump: Band
    private let daily: Band
    private let level: Band
    /// From where on the judge looks at a sample.
    private let judgedSpike: Band
    private let judgedJump: Band

    @inline(__always)
    init(
        _ value: LoadDetector.Judgment, _ steady: SteadyView.Outcome, jump: Band,
        leastHourOffset: Double, threshold: Double
    ) {
        spike = value.spikeBand
        self.jump = jump
        daily = Band(
            expected: value.dailyBand.expected,
            half: larger(value.dailyBand.half, leastHourOffset))
        level = Bands.level(value, threshold: threshold)
        judgedSpike = Band(
            expected: spike.expected,
            half: spike.half * (AlertJudge.leastSpikeScore / threshold))
        judgedJump = Band(
            expected: steady.prediction, half: AlertJudge.leastSteadySigmas * steady.measure)
    }

    /// Where the mean of an hour reaches the threshold; its half is 0 while that is not known.
    @inline(__always)
    static func level(_ value: LoadDetector.Judgment, threshold: Double) -> Band {
        let score = value.scores.level
        return Band(
            expected: value.levelMean,
            half: score > 0 ? value.shift * (threshold / score) : 0)
    }

    /// The band of the view that is named. One that is below the threshold itself was named by the
    /// judge; the views that expect no value show the spike view's.
    func band(_ reason: Reason, _ scores: ViewScores, threshold: Double) -> Band {
        switch reason {
        case .spike: scores.spike >= threshold ? spike : judgedSpike
        case .jump: scores.jump >= threshold ? jump : judgedJump
        case .daily: daily
        case .level: level
        case .none, .flat, .cpu, .gap: spike
        }
    }
}

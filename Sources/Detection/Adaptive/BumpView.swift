/// How far, and for how long, the series has been off its usual course; a witness of `AlertJudge`.
///
/// The course is a slow mean about the daily profile. Offsets from it are measured in their usual
/// size, and their short mean beside its own usual size: an offset that lasts shows in it, noise
/// does not.
struct BumpView {
    /// Weight of an offset in the short mean, and the most sigmas that it counts for.
    private static let shortRate: Float = 0.4
    private static let clip: Float = 15
    /// Least weight of a sample in the course; it moves by at most so many sigmas, until so many
    /// samples in a row were far off: then it is no incident but the new course.
    private static let courseRate: Float = 0.0333
    private static let stride: Float = 2
    private static let farSigmas: Float = 3
    private static let patience: UInt8 = 60
    /// Samples of memory of the usual offset, and of the usual size of the short mean; neither
    /// learns more than so many times itself at once.
    private static let offsetMemory: Float = 400
    private static let shortMemory: Float = 2000
    private static let learningClip: Float = 3
    private static let leastShort: Float = 0.05
    /// Standard deviations in a mean absolute error that is clipped so, for a normal distribution.
    private static let sigmasPerUsual: Float = 1.26
    /// The short mean's usual size is taken for at least this many sigmas.
    private static let shortFloor: Float = 0.3
    /// Seconds until the daily profile is believed.
    static let profileAge = 86_400.0
    /// Of numbers beyond it, which no load comes near, the view learns nothing.
    private static let limit = 1e18

    private var course: Float = 0
    private var usualOffset: Float = 0
    private var short: Float = 0
    private var usualShort: Float = 0
    private var run: UInt8 = 0
    private var followsProfile = false

    /// Size of the short mean, in sigmas of the offsets.
    var size: Double { Double(short.magnitude) }
    /// The same beside what is usual for it.
    var rarity: Double {
        size / Double(larger(BumpView.sigmasPerUsual * usualShort, BumpView.shortFloor))
    }

    /// What a sample teaches.
    /// - Parameters:
    ///   - x: the value, relative to the first one.
    ///   - profile: what the daily profile says of the value; 0 while that is not known.
    ///   - weight: 1 / n, this sample included.
    ///   - epsilon: what counts as rounding noise.
    @inline(never)
    mutating func learn(
        _ x: Double, profile: Double, isProfiled: Bool, samples: Int, weight: Double,
        epsilon: Double
    ) {
        guard larger(x.magnitude, profile.magnitude) < BumpView.limit else { return }
        if isProfiled != followsProfile { followProfile(isProfiled, Float(profile)) }
        if samples == 0 { course = Float(x) }
        let weight = Float(weight)
        let offset = Float(x - profile) - course
        let least = Float(epsilon)
        let sigma = larger(BumpView.sigmasPerUsual * usualOffset, least)
        let sigmas = larger(-BumpView.clip, smaller(BumpView.clip, offset / sigma))
        short += BumpView.shortRate * (sigmas - short)
        run = offset.magnitude > BumpView.farSigmas * sigma ? run &+ 1 : 0
        var learnt = (offset: offset.magnitude, short: short.magnitude, step: offset)
        if samples >= LoadDetector.warmUp {
            let clip = BumpView.learningClip
            learnt.offset = smaller(learnt.offset, clip * larger(usualOffset, least))
            learnt.short = smaller(learnt.short, clip * larger(usualShort, BumpView.leastShort))
            if run <= BumpView.patience {
                let stride = BumpView.stride * sigma
                learnt.step = larger(-stride, smaller(stride, offset))
            } else {
                run = BumpView.patience
            }
        }
        usualOffset +=
            larger(1 / BumpView.offsetMemory, weight) * (learnt.offset - usualOffset)
        usualShort += larger(1 / BumpView.shortMemory, weight) * (learnt.short - usualShort)
        course += larger(BumpView.courseRate, weight) * learnt.step
    }

    /// The profile is believed from now on: the course counts from it.
    @inline(never)
    private mutating func followProfile(_ isKnown: Bool, _ profile: Float) {
        guard isKnown else { return }
        followsProfile = true
        course -= profile
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&course)
        try visitor.visit(&usualOffset)
        try visitor.visit(&short)
        try visitor.visit(&usualShort)
        try visitor.visit(&run, in: 0...BumpView.patience)
        try visitor.visit(&followsProfile)
    }
}

/// Four cheap predictors; the one whose long mean squared error is least speaks for all.
struct Predictors {
    private static let fastRate = 0.3
    private static let slowRate = 0.05
    /// Another predictor replaces the last value only when its error is below this share of it.
    private static let hysteresis = 0.98

    private(set) var last = 0.0
    private var fast = 0.0
    private var slow = 0.0
    /// Long mean squared errors of the last value, the two means and the daily profile.
    private var lastError = 0.0
    private var fastError = 0.0
    private var slowError = 0.0
    private var profileError = 0.0

    /// The prediction for `x`, made without it; the errors of all four are learnt from it.
    /// - Parameter profile: what the daily profile predicts; the last value while it knows nothing.
    @inline(__always)
    mutating func predict(_ x: Double, profile: Double, rate: Double) -> Double {
        let quick = Pair(lastError, fastError)
        let calm = Pair(slowError, profileError)
        var prediction = last
        var bar = quick.x * Predictors.hysteresis
        if quick.y < bar { (prediction, bar) = (fast, quick.y) }
        if calm.x < bar { (prediction, bar) = (slow, calm.x) }
        if calm.y < bar { prediction = profile }
        let quickOffsets = Pair(repeating: x) - Pair(last, fast)
        let calmOffsets = Pair(repeating: x) - Pair(slow, profile)
        let newQuick = quick + (quickOffsets * quickOffsets - quick) * rate
        let newCalm = calm + (calmOffsets * calmOffsets - calm) * rate
        (lastError, fastError) = (newQuick.x, newQuick.y)
        (slowError, profileError) = (newCalm.x, newCalm.y)
        return prediction
    }

    @inline(__always)
    mutating func learn(_ x: Double) {
        fast += Predictors.fastRate * (x - fast)
        slow += Predictors.slowRate * (x - slow)
        last = x
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&last)
        try visitor.visit(&fast)
        try visitor.visit(&slow)
        try visitor.visit(&lastError)
        try visitor.visit(&fastError)
        try visitor.visit(&slowError)
        try visitor.visit(&profileError)
    }
}

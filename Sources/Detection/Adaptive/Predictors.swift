/// Four cheap predictors; the one whose long mean squared error is least speaks for all.
struct Predictors {
    private static let fastRate = 0.3
    private static let slowRate = 0.05
    /// Another predictor replaces the last value only when its error is below this share of it.
    private static let hysteresis = 0.98

    private(set) var last = 0.0
    private var fast = 0.0
    private var slow = 0.0
    /// Long mean squared error of: last value, fast mean, slow mean, daily profile.
    private(set) var errors = InlineArray<4, Double>(repeating: 0)

    /// The prediction for `x`, made without it; the errors of all four are learnt from it.
    /// - Parameter profile: what the daily profile predicts; the last value while it knows nothing.
    @inline(__always)
    mutating func predict(_ x: Double, profile: Double, rate: Double) -> Double {
        let candidates: InlineArray<4, Double> = [last, fast, slow, profile]
        var best = 0
        for index in 1..<4 {
            let bar = errors[best] * (best > 0 ? 1 : Predictors.hysteresis)
            if errors[index] < bar { best = index }
        }
        for index in 0..<4 {
            let error = x - candidates[index]
            errors[index] += rate * (error * error - errors[index])
        }
        return candidates[best]
    }

    mutating func learn(_ x: Double) {
        fast += Predictors.fastRate * (x - fast)
        slow += Predictors.slowRate * (x - slow)
        last = x
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&last)
        try visitor.visit(&fast)
        try visitor.visit(&slow)
        for index in 0..<4 { try visitor.visit(&errors[index]) }
    }
}

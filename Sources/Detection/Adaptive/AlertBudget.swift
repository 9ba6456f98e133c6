/// What a day of one series may cost those who are woken: some alerts are free, and each more
/// raises the bar for the next.
struct AlertBudget {
    /// Alerts are forgotten with this time constant.
    private static let memorySeconds = 2 * 86_400.0
    /// The most that one sample makes forget, as a share.
    private static let fastestRate = 0.02
    private static let freeAlerts = 8.0
    /// Each alert beyond the free ones raises the bar by this share, up to so many times.
    private static let raise = 0.25
    private static let highest = 4.0

    /// Alerts lately.
    private var recent: Float = 0

    /// A sample passes. `seconds` is the usual step, 0 while unknown.
    @inline(__always)
    mutating func pass(seconds: Double) {
        let rate = smaller(
            AlertBudget.fastestRate, seconds * (1 / AlertBudget.memorySeconds))
        recent -= recent * Float(rate)
    }

    mutating func spend() { recent += 1 }

    /// How many times the threshold a score must reach.
    var bar: Double {
        let beyond = larger(0, Double(recent) - AlertBudget.freeAlerts)
        return smaller(AlertBudget.highest, 1 + AlertBudget.raise * beyond)
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&recent)
        guard recent >= 0 else { throw .implausible }
    }
}

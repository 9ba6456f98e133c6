/// Falls that always land at the same place, after which the series climbs again by itself: a
/// counter that starts again, and no news.
///
/// An outage falls to the same place too, but its end is a rise as large as its fall; so a rise
/// forgets all falls.
struct RestartHabit {
    /// Falls seen before the next one is a habit.
    private static let fallsNeeded: UInt8 = 2
    /// Everyday sigmas, and share of the fall, within which two falls land at the same place.
    private static let sigmas = 4.0
    private static let share = 0.1
    /// A rise of more than this share of the fall is its end.
    private static let riseShare = 0.5

    private var landing: Float = 0
    private var depth: Float = 0
    private var falls: UInt8 = 0

    /// Takes an incident in: the value, and the one that was expected.
    /// - Returns: whether it is a habit.
    mutating func note(_ x: Double, expected: Double, sigma: Double) -> Bool {
        guard x < expected else {
            if x - expected > RestartHabit.riseShare * Double(depth) { falls = 0 }
            return false
        }
        let fall = expected - x
        let tolerance = max(RestartHabit.sigmas * sigma, RestartHabit.share * fall)
        let isLike = falls > 0 && (x - Double(landing)).magnitude <= tolerance
        // A shallower fall is a dip on the way; the habit is of the deep ones.
        if !isLike, falls > 0, fall < RestartHabit.riseShare * Double(depth) { return false }
        let isHabit = isLike && falls >= RestartHabit.fallsNeeded
        if !isLike { falls = 0 }
        falls = min(falls, RestartHabit.fallsNeeded) + 1
        landing = Float(max(-1e30, min(1e30, x)))
        depth = Float(min(1e30, fall))
        return isHabit
    }

    /// The series is back where it was before the fall.
    mutating func forget() { falls = 0 }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&landing)
        try visitor.visit(&depth)
        try visitor.visit(&falls, in: 0...RestartHabit.fallsNeeded + 1)
    }
}

/// Incidents that come at the same time of the day, day after day: a job, and no news.
///
/// It remembers when the last incidents were and how large. One that had a like on three of the
/// last four days is a habit of the series.
struct DailyHabit {
    private static let places = 6
    private static let days = 4
    private static let precedentsNeeded = 3
    private static let toleranceMinutes = 30
    private static let dayMinutes = 1440
    /// It may be so many times as large as its precedent.
    private static let growth = 2.0
    /// Within so many minutes it is still the same incident.
    private static let sameMinutes: UInt16 = 30
    private static let unitsPerScore = 2.0
    /// Scores beyond it count as it.
    private static let scoreLimit = 127.0

    /// The newest first. Unix minutes, modulo 2^16: 45 days, far more than is looked back.
    private var minutes = InlineArray<6, UInt16>(repeating: 0)
    /// Scores in halves; 0 where nothing is remembered yet.
    private var sizes = InlineArray<6, UInt8>(repeating: 0)

    /// Takes an incident in. `timestamp` is in Unix seconds.
    /// - Returns: whether it is a habit.
    mutating func note(_ score: Double, at timestamp: Double) -> Bool {
        let now = DailyHabit.minute(timestamp)
        let score = smaller(score, DailyHabit.scoreLimit)
        var precedents = 0
        for place in 0..<DailyHabit.places
        where isPrecedent(place, now) && score < DailyHabit.growth * size(place) {
            precedents += 1
        }
        let units = UInt8(score * DailyHabit.unitsPerScore)
        if sizes[0] > 0, now &- minutes[0] <= DailyHabit.sameMinutes {
            sizes[0] = max(sizes[0], units)
        } else {
            push(now, units)
        }
        return precedents >= DailyHabit.precedentsNeeded
    }

    /// Puts an incident first and lets the oldest go.
    private mutating func push(_ minute: UInt16, _ size: UInt8) {
        for place in (1..<DailyHabit.places).reversed() {
            minutes[place] = minutes[place - 1]
            sizes[place] = sizes[place - 1]
        }
        minutes[0] = minute
        sizes[0] = size
    }

    private static func minute(_ timestamp: Double) -> UInt16 {
        guard timestamp.magnitude < 1e15 else { return 0 }
        return UInt16(truncatingIfNeeded: Int((timestamp / 60).rounded(.down)))
    }

    private func size(_ place: Int) -> Double { Double(sizes[place]) / DailyHabit.unitsPerScore }

    /// Whether a remembered incident was about a whole number of days ago, and not too many.
    private func isPrecedent(_ place: Int, _ now: UInt16) -> Bool {
        let age = Int(now &- minutes[place])
        let days = (age + DailyHabit.dayMinutes / 2) / DailyHabit.dayMinutes
        let offset = (age - days * DailyHabit.dayMinutes).magnitude
        return days >= 1 && days <= DailyHabit.days && offset <= DailyHabit.toleranceMinutes
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        for place in 0..<DailyHabit.places {
            try visitor.visit(&minutes[place], in: 0...UInt16.max)
            try visitor.visit(&sizes[place], in: 0...UInt8.max)
        }
    }
}

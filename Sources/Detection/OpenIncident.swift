/// How an incident ended.
package enum IncidentEnding: UInt8, Sendable, CaseIterable {
    /// It has not.
    case none
    /// The values lay inside the band that the first alert left.
    case calm
    /// The values lay as close to the rolling average as that band is wide: a new level was learnt.
    case learnt
    /// It was open for a day.
    case longest
    /// The series sent nothing for an hour.
    case silence

    /// A series that sends nothing for so long, in milliseconds, has no incident any more.
    package static let longestSilence = 3_600_000

    /// The word on the wire; empty for `none`.
    package var word: StaticString {
        switch self {
        case .none: ""
        case .calm: "calm"
        case .learnt: "learnt"
        case .longest: "longest"
        case .silence: "silence"
        }
    }
}

/// An incident of a series that goes on: it began with an alert, and ends when the series is calm.
///
/// The series is calm when for ten sampling intervals, and for at least a minute of its own time,
/// each value lay inside the band of the first alert, or was as close to the rolling average as
/// that band is wide. Views without a band of their own for single values (`level`, `cpu`, `gap`,
/// `flat`) are calm while no view reaches the threshold.
struct OpenIncident {
    private static let calmIntervals = 10
    private static let calmSeconds = 60.0
    private static let longestSeconds = 86_400.0

    /// The sample with the first alert.
    private(set) var sequence = 0
    private var startedAt = 0.0
    private var lower = 0.0
    private var upper = 0.0
    private var hasBand = false
    /// The time of the last sample, in Unix seconds, and when it came, in Unix milliseconds.
    private var lastTime = 0.0
    private var lastArrival = 0
    /// Values in a row that were calm, and the time from the first of them to the last.
    private var calmValues = 0
    private var calmTime = 0.0
    /// One of them lay outside the band.
    private var isLearnt = false

    init() {}

    init(_ verdict: Verdict, time: Double, arrival: SampleArrival) {
        sequence = verdict.sequence
        startedAt = time
        lower = verdict.lower
        upper = verdict.upper
        switch verdict.reason {
        case .spike, .jump, .daily: hasBand = true
        case .none, .level, .flat, .cpu, .gap: hasBand = false
        }
        lastTime = time
        lastArrival = arrival.milliseconds
    }

    /// Whether the series had been silent for too long when its next sample came.
    func isOver(at arrival: SampleArrival) -> Bool {
        arrival.milliseconds - lastArrival > IncidentEnding.longestSilence
    }

    /// Takes the next sample.
    /// - Parameter time: of the series, in Unix seconds.
    /// - Returns: how the incident ends with this sample; `none` when it goes on.
    mutating func take(
        _ verdict: Verdict, value: Double, time: Double, arrival: SampleArrival,
        threshold: Double
    ) -> IncidentEnding {
        let seconds = larger(0, time - lastTime)
        lastTime = larger(time, lastTime)
        lastArrival = arrival.milliseconds
        let isInside = hasBand ? lower <= value && value <= upper : verdict.score < threshold
        let isNear =
            hasBand && (value - verdict.rollingAverage).magnitude <= (upper - lower) / 2
        if verdict.alert || !(isInside || isNear) {
            calmValues = 0
            calmTime = 0
            isLearnt = false
        } else {
            if calmValues > 0 { calmTime += seconds }
            calmValues += 1
            if !isInside { isLearnt = true }
            if calmValues > OpenIncident.calmIntervals, calmTime >= OpenIncident.calmSeconds {
                return isLearnt ? .learnt : .calm
            }
        }
        return time - startedAt >= OpenIncident.longestSeconds ? .longest : .none
    }

    mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor) throws(StateError) {
        try visitor.visit(&sequence, in: 1...Int.max / 2)
        try visitor.visit(&startedAt)
        try visitor.visit(&lower)
        try visitor.visit(&upper)
        try visitor.visit(&hasBand)
        try visitor.visit(&lastTime)
        try visitor.visit(&lastArrival, in: 0...Int.max / 4)
        try visitor.visit(&calmValues, in: 0...Int.max / 4)
        try visitor.visit(&calmTime)
        try visitor.visit(&isLearnt)
    }
}

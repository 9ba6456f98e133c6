/// One measurement. All fields are finite.
package struct Sample: Equatable, Sendable {
    /// Unix time in seconds.
    package var timestamp: Double
    /// Percent, from 0 on; many-core hosts exceed 100. `notMeasured` where there is none.
    package var cpu: Double
    /// Requests per second, or the value of another metric, which may be negative.
    package var rps: Double

    /// The cpu of a sample without one. A number, so that two such samples are equal.
    package static let notMeasured = -1.0
    package var hasCPU: Bool {
        @inline(__always) get { cpu >= 0 }
    }

    /// Whether a fold may be given it.
    package var isPlausible: Bool {
        timestamp.isFinite && rps.isFinite && cpu.isFinite
            && (cpu >= 0 || cpu == Sample.notMeasured)
    }

    package init(timestamp: Double, cpu: Double, rps: Double) {
        self.timestamp = timestamp
        self.cpu = cpu
        self.rps = rps
    }
}

/// Which view of the series gave the score.
package enum Reason: UInt8, Sendable, CaseIterable {
    case none, spike, daily, level, flat, jump, cpu, gap

    /// The word on the wire; empty for `none`.
    package var word: StaticString {
        switch self {
        case .none: ""
        case .spike: "spike"
        case .daily: "daily"
        case .level: "level"
        case .flat: "flat"
        case .jump: "jump"
        case .cpu: "cpu"
        case .gap: "gap"
        }
    }
}

extension Reason {
    /// What the bounds of a verdict with this reason are for.
    package enum Measure: Sendable {
        case load, cpu, nothing
    }

    /// With no reason they are the spike view's.
    package var measure: Measure {
        switch self {
        case .none, .spike, .jump, .level, .daily: .load
        case .cpu: .cpu
        case .flat, .gap: .nothing
        }
    }
}

/// What the service says of one sample the moment it is accepted. Every number is finite.
package struct Verdict: Equatable, Sendable {
    /// The sample's place in its series: 1, 2, 3 … without a gap.
    package var sequence: Int
    package var timestamp: Double
    /// Mean of the window's rps, this sample included.
    package var rollingAverage: Double
    /// Population standard deviation of the window's rps, this sample included.
    package var standardDeviation: Double
    /// The sample's rps against the window before it, in its standard deviations.
    package var zScore: Double
    /// The sample's cpu against the measured ones of the window before it; 0 where it has none.
    package var cpuZScore: Double
    /// The adaptive detector's score; 8 is the shipped threshold of every view.
    package var score: Double
    /// What the view named by `reason` expected before the sample was seen; the spike view where
    /// none is named, or one that expects nothing (`gap`, `flat`). Of `level` it is the usual mean,
    /// of `cpu` the cpu that this load needs, in percent.
    package var expected: Double
    /// Between these bounds that view stays below the threshold; a mean of an hour for `level`.
    /// Where one sample is not enough, these are the bounds of the second.
    package var lower: Double
    package var upper: Double
    /// Whether the sample's cpu was measured.
    package var hasCPU: Bool
    /// Whether the z-score is over its threshold, and whether somebody should look.
    package var isAnomaly: Bool
    package var alert: Bool
    /// The view that reached the threshold; `none` when none did.
    package var reason: Reason
    /// The series is too young for an alert.
    package var isLearning: Bool
    /// How the incident that the sample belongs to ends with it; `none` when it goes on.
    package var ending: IncidentEnding
    /// The first sample of the incident that this one belongs to; 0 for none.
    package var incident: Int
    /// The entry of the log with which the series' life began; 0 without an incident.
    package var life: UInt64

    package init() {
        sequence = 0
        timestamp = 0
        rollingAverage = 0
        standardDeviation = 0
        zScore = 0
        hasCPU = true
        isAnomaly = false
        cpuZScore = 0
        score = 0
        expected = 0
        lower = 0
        upper = 0
        alert = false
        reason = .none
        isLearning = false
        ending = .none
        incident = 0
        life = 0
    }

    /// Whether the incident that the sample belongs to is another one after it. Most samples belong
    /// to none, which is seen first.
    @inlinable package var changesIncident: Bool {
        @inline(__always) get { incident > 0 && (alert || ending.rawValue > 0) }
    }

    /// The sample belongs to no incident.
    package mutating func forgetIncident() {
        incident = 0
        life = 0
        ending = .none
    }
}

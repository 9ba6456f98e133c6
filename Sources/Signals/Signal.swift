/// How a healthy series moves, in requests per second.
///
/// Every signal is a course that could be known and noise that could not. The noise's standard
/// deviation is the signal's own: what the best forecaster, who knows how the signal is made, would
/// still be wrong by at the next sample. Anomalies are measured in it.
package enum Signal: String, Sendable, CaseIterable {
    case constant, daily, weekly, trending, bursty, randomWalk, heavyTailed, counts, nearConstant
    /// What an alarm without memory wakes people up for: jobs at the top of each hour and once a
    /// night, a counter that starts again, noise that grows fourfold, a sample each second.
    case hourlyJob, nightlyJob, sawtooth, growing, perSecond
    /// What real services show: tails without an end, single high samples several times a day that
    /// mean nothing, and a load that is 0 most of the time.
    case wildTailed, spiky, nearZero

    /// The nine that anybody would call ordinary.
    package static let ordinary: [Signal] = [
        .constant, .daily, .weekly, .trending, .bursty, .randomWalk, .heavyTailed, .counts,
        .nearConstant,
    ]

    /// With those that are easily mistaken for something wrong.
    package static let treacherous: [Signal] =
        ordinary + [.hourlyJob, .nightlyJob, .sawtooth, .growing, .perSecond]

    /// 2026-01-05, a Monday, so that a week begins with its working days.
    package static let startTimestamp = 1_767_571_200.0

    /// Seconds between two samples, unless a suite says otherwise: five minutes, as monitoring
    /// commonly keeps them, or one second.
    package var stepSeconds: Double { self == .perSecond ? 1 : 300 }

    /// The load about which the signal moves, in requests per second.
    package var level: Double {
        switch self {
        case .counts: 12
        case .nearZero: 20
        default: 400
        }
    }

    /// Whether the signal repeats itself day by day, so that a rhythm can break.
    package var isRhythmic: Bool { self == .daily || self == .weekly }

    /// Standard deviation of the signal's own noise, in requests per second, at a share of the way
    /// through the series.
    package func noise(at share: Double) -> Double {
        switch self {
        case .bursty: Course.burstyNoise
        case .randomWalk: Course.walkNoise
        // A Poisson count varies as much as its mean.
        case .counts: level.squareRoot()
        case .nearConstant: 0.05
        case .nearZero: Course.nearZeroNoise
        case .growing: 5 + 15 * share
        default: 10
        }
    }

    /// Three decimals: what a monitoring agent sends, and the same text everywhere.
    package static func rounded(_ value: Double) -> Double {
        (value * 1000).rounded() / 1000
    }
}

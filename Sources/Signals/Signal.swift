package import Numerics

/// How a healthy series moves. All are in requests per second, five minutes apart.
package enum Signal: String, Sendable, CaseIterable {
    case constant, daily, weekly, trending, bursty, randomWalk

    /// Seconds between two samples: five minutes, as monitoring commonly keeps them.
    package static let stepSeconds = 300.0
    /// 2026-01-05, a Monday, so that a week begins with its working days.
    package static let startTimestamp = 1_767_571_200.0

    /// Standard deviation of the noise of a signal around its course, in rps.
    package static let noise = 10.0

    /// A healthy series of `count` samples.
    package func samples(count: Int, _ random: inout SeededRandom) -> [SignalSample] {
        var state = CourseState()
        return (0..<count).map { index in
            let course = course(index, &state, &random)
            let rps = max(0, course + Signal.noise * random.gaussian())
            // Work per request is steady, and so is the machine's own share.
            let cpu = max(0, 5 + rps * 0.05 + 0.5 * random.gaussian())
            return SignalSample(
                timestamp: Signal.startTimestamp + Double(index) * Signal.stepSeconds,
                rps: Signal.rounded(rps), cpu: Signal.rounded(cpu))
        }
    }

    /// Three decimals: what a monitoring agent sends, and the same text everywhere.
    package static func rounded(_ value: Double) -> Double {
        (value * 1000).rounded() / 1000
    }

    private struct CourseState {
        var burst = 0.0
        var walk = 0.0
    }

    private func course(
        _ index: Int, _ state: inout CourseState, _ random: inout SeededRandom
    ) -> Double {
        let day = Double(index) * Signal.stepSeconds / 86_400
        let rhythm = sine(2 * Double.pi * (day - 0.25))
        switch self {
        case .constant: return 400
        case .daily: return 400 + 150 * rhythm
        case .weekly:
            let isWeekend = Int(day) % 7 >= 5
            return 400 + (isWeekend ? 50 : 150) * rhythm - (isWeekend ? 80 : 0)
        case .trending: return 300 + 4 * day
        case .bursty:
            // Bursts of a quarter of an hour's decay that belong to this signal.
            state.burst *= 0.6
            if random.unit() < 0.02 { state.burst += 20 + 20 * random.unit() }
            return 400 + state.burst
        case .randomWalk:
            state.walk = 0.999 * state.walk + 2 * random.gaussian()
            return 500 + state.walk
        }
    }
}

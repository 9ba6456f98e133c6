/// One axis of a chart: what it measures, and how values lie along it.
package struct Axis: Sendable {
    package enum Scale: Sendable {
        case linear
        /// Powers of ten at equal distances; values must be positive, others lie at the lower end.
        case logarithmic
        /// For shares below 1: 90 %, 99 %, 99.9 % at equal distances.
        case share
    }

    package let title: String
    package let scale: Scale

    package init(_ title: String, _ scale: Scale = .linear) {
        self.title = title
        self.scale = scale
    }
}

/// An axis with a range: from values to places between 0 and 1.
struct ScaledAxis {
    let axis: Axis
    /// Both in the scale's own terms: powers of ten where it is not linear.
    private let low: Double
    private let high: Double

    private static let tickGoal = 6.0
    private static let logarithmLimit = -6.0

    /// The range holds all the values; a linear one begins at 0.
    init(_ axis: Axis, over values: [Double]) {
        self.axis = axis
        let scaled = values.filter(\.isFinite).map { ScaledAxis.scaled($0, axis.scale) }
            .filter { $0 > ScaledAxis.logarithmLimit || axis.scale == .linear }
        let least = scaled.min() ?? 0
        let most = scaled.max() ?? 1
        switch axis.scale {
        case .linear:
            low = min(0, least)
            let step = ScaledAxis.step(max(most - low, 1e-9))
            high = low + (max(most - low, step) / step).rounded(.up) * step
        case .logarithmic:
            // A power of ten's logarithm may miss its whole number by the last digit.
            low = (least + 1e-9).rounded(.down)
            high = max(low + 1, (most - 1e-9).rounded(.up))
        case .share:
            low = 0
            high = max(1, most.rounded(.up))
        }
    }

    private static func scaled(_ value: Double, _ scale: Axis.Scale) -> Double {
        switch scale {
        case .linear: value
        case .logarithmic: value > 0 ? decimalLogarithm(value) : logarithmLimit
        case .share: -decimalLogarithm(max(1e-9, 1 - value))
        }
    }

    /// Where a value lies, 0 to 1.
    func place(_ value: Double) -> Double {
        let scaled = ScaledAxis.scaled(value, axis.scale)
        return max(0, min(1, (scaled - low) / (high - low)))
    }

    /// 1, 2 or 5 times a power of ten, so that there are some six steps.
    private static func step(_ range: Double) -> Double {
        var power = 1.0
        while power * 10 <= range / tickGoal { power *= 10 }
        while power > range / tickGoal { power /= 10 }
        return [1.0, 2, 5, 10].map { $0 * power }.first { range / $0 <= tickGoal } ?? power * 10
    }

    /// Where lines and numbers stand.
    var ticks: [(place: Double, label: String)] {
        switch axis.scale {
        case .linear:
            let step = ScaledAxis.step(high - low)
            let count = Int(((high - low) / step).rounded())
            return (0...max(1, count)).map {
                let value = low + Double($0) * step
                return (place(value), value.shortText)
            }
        case .logarithmic:
            return (Int(low)...Int(high)).map {
                let value = powerOfTen($0)
                return (place(value), value.shortText)
            }
        case .share:
            return (0...Int(high)).map {
                let share = 1 - powerOfTen(-$0)
                return (Double($0) / high, $0 == 0 ? "0 %" : share.percentText)
            }
        }
    }
}

extension Axis.Scale: Equatable {}

private func powerOfTen(_ exponent: Int) -> Double { Double("1e\(exponent)") ?? 1 }

/// log₁₀ to some ten digits, which is more than a pixel: Report knows no numerics.
///
/// The exponent in base 2 is exact; of the significand m in [1, 2) the series
/// ln m = 2 Σ s^(2i+1)/(2i+1), s = (m − 1)/(m + 1) ≤ ⅓, is cut where terms fall below 1e-11.
func decimalLogarithm(_ value: Double) -> Double {
    guard value > 0, value.isFinite else { return -.infinity }
    let m = value.significand
    let s = (m - 1) / (m + 1)
    var term = s
    var sum = 0.0
    for i in 0..<12 {
        sum += term / Double(2 * i + 1)
        term *= s * s
    }
    let ln2 = 0.693_147_180_559_945_3
    let ln10 = 2.302_585_092_994_045_7
    return (2 * sum + Double(value.exponent) * ln2) / ln10
}

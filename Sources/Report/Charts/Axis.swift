internal import Numerics

/// One axis of a chart: what it measures, and how values lie along it.
package struct Axis: Sendable {
    package enum Scale: Equatable, Sendable {
        /// From 0 to the largest value.
        case linear
        /// Over a range that is known before.
        case fixed(ClosedRange<Double>)
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
    /// A line across the plot, with its label.
    struct Tick {
        let place: Double
        let label: String
    }

    private let scale: Axis.Scale
    /// Both in the scale's own terms: powers of ten where it is not linear.
    private let low: Double
    private let high: Double

    private static let tickGoal = 6.0
    private static let logarithmLimit = -6.0
    /// With so few powers of ten, 2 and 5 times each have a label too.
    private static let fewPowers = 2

    /// The range holds all the values.
    init(_ axis: Axis, over values: [Double]) {
        scale = axis.scale
        switch axis.scale {
        case .linear:
            let finite = values.filter(\.isFinite)
            let least = min(0, finite.min() ?? 0)
            let most = finite.max() ?? 1
            let step = ScaledAxis.step(max(most - least, 1e-9))
            low = least < 0 ? (least / step).rounded(.down) * step : 0
            high = low + max(1, ((most - low) / step).rounded(.up)) * step
        case .fixed(let range):
            low = range.lowerBound
            high = max(range.upperBound, range.lowerBound + 1e-9 + abs(range.lowerBound) * 1e-9)
        case .logarithmic:
            let powers = values.filter { $0.isFinite && $0 > 0 }.map(decimalLogarithm)
                .filter { $0 > ScaledAxis.logarithmLimit }
            // A power of ten's logarithm may miss its whole number by the last digit.
            low = ((powers.min() ?? 0) + 1e-9).rounded(.down)
            high = max(low + 1, ((powers.max() ?? 1) - 1e-9).rounded(.up))
        case .share:
            low = 0
            high = max(1, (values.filter(\.isFinite).map(ScaledAxis.nines).max() ?? 1).rounded(.up))
        }
    }

    /// 1 for 90 %, 2 for 99 %; 100 % itself stands where nine nines do.
    private static func nines(_ share: Double) -> Double {
        -decimalLogarithm(max(1e-9, 1 - share))
    }

    /// Where a value lies, 0 to 1.
    func place(_ value: Double) -> Double {
        let scaled =
            switch scale {
            case .linear, .fixed: value
            case .logarithmic: value > 0 ? decimalLogarithm(value) : low
            case .share: ScaledAxis.nines(value)
            }
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
    var ticks: [Tick] {
        switch scale {
        case .linear, .fixed:
            let step = ScaledAxis.step(high - low)
            let first = (low / step - 1e-9).rounded(.up)
            let last = (high / step + 1e-9).rounded(.down)
            guard last >= first, last - first < 100 else { return [] }
            return (Int(first)...Int(last)).map { tick(Double($0) * step) }
        case .logarithmic:
            let powers = Int(low)...Int(high)
            let factors = powers.count - 1 <= ScaledAxis.fewPowers ? [1.0, 2, 5] : [1.0]
            return powers.flatMap { power in factors.map { $0 * powerOfTen(power) } }
                .filter { $0 <= powerOfTen(Int(high)) * (1 + 1e-9) }.map(tick)
        case .share:
            return (0...Int(high)).map {
                let share = 1 - powerOfTen(-$0)
                return Tick(
                    place: Double($0) / high, label: $0 == 0 ? "0 %" : share.percentText)
            }
        }
    }

    /// Where fine lines without numbers stand: 2 to 9 times each power of ten.
    var fineTicks: [Double] {
        guard case .logarithmic = scale else { return [] }
        return (Int(low)..<Int(high)).flatMap { power in
            (2...9).map { place(Double($0) * powerOfTen(power)) }
        }
    }

    private func tick(_ value: Double) -> Tick {
        Tick(place: place(value), label: value.tickText)
    }
}

extension Double {
    /// A number at an axis: short, with k and M for thousands and millions.
    var tickText: String {
        if magnitude >= 1e9 { return (self / 1e9).shortText + "G" }
        if magnitude >= 1e6 { return (self / 1e6).shortText + "M" }
        if magnitude >= 1e4 { return (self / 1e3).shortText + "k" }
        return shortText
    }
}

private func powerOfTen(_ exponent: Int) -> Double { Double("1e\(exponent)") ?? 1 }

func decimalLogarithm(_ value: Double) -> Double {
    naturalLogarithm(value) / 2.302_585_092_994_045_7
}

/// What the Numenta Anomaly Benchmark's published scoring pays for: the application profiles of
/// Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms" (2015), table 1.
package struct NABProfile: Equatable, Sendable {
    /// As the benchmark spells it.
    package let name: String
    /// Paid for a window found at its very start.
    package let truePositive: Double
    /// Taken for a detection far outside all windows.
    package let falsePositive: Double
    /// Taken for a window that nobody found.
    package let falseNegative: Double

    package static let standard = NABProfile(
        name: "standard", truePositive: 1, falsePositive: 0.11, falseNegative: 1)
    package static let rewardLowFP = NABProfile(
        name: "reward_low_FP", truePositive: 1, falsePositive: 0.22, falseNegative: 1)
    package static let rewardLowFN = NABProfile(
        name: "reward_low_FN", truePositive: 1, falsePositive: 0.11, falseNegative: 2)

    package static let all = [standard, rewardLowFP, rewardLowFN]
}

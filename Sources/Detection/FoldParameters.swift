/// What an operator may set of the judging. Replicas that share series must agree on all of it: a
/// checkpoint of other parameters is refused.
package struct FoldParameters: Equatable, Sendable {
    package static let windowSizes = 2...10_000

    /// Samples in the rolling window.
    package var windowSize = 50
    /// Standard deviations from which `is_anomaly` is true.
    package var zThreshold = 2.0
    /// Samples that must come before the first possible anomaly.
    package var minimumSamples = 10
    /// Score from which a sample may alert; all views are scaled so that 8 is the tested value.
    package var alertThreshold = 8.0

    package init() {}
}

/// Values beyond this count as this in the statistics: its square, summed over the largest window,
/// still is a finite double. No load comes near it.
let statisticsLimit = 1e150

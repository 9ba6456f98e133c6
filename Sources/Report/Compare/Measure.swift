/// Something that two sides of a comparison are measured by.
package struct Measure: Equatable, Sendable {
    /// How a difference is expressed.
    package enum Scale: Equatable, Sendable {
        /// As a share of the value before: for durations and rates, which are above 0.
        case ratio
        /// As it is: for shares, which may be 0. The margin is its own.
        case difference(margin: Double)
    }

    /// As results and thresholds name it.
    package let name: String
    package let moreIsBetter: Bool
    package let scale: Scale
    /// Its part of the doubt, beside those of the others. What varies least from run to run decides
    /// most, so it gets most.
    let weight: Double

    private init(
        _ name: String, moreIsBetter: Bool = false, scale: Scale = .ratio, weight: Double = 1
    ) {
        self.name = name
        self.moreIsBetter = moreIsBetter
        self.scale = scale
        self.weight = weight
    }

    /// What is compared. The list is short on purpose: each further measure widens the intervals of
    /// all, and the worst requests of a run say little of a change.
    package static let all = [
        Measure("latency_ms.p50", weight: 3), Measure("latency_ms.p95"),
        Measure("latency_ms.p99"), Measure("server_cpu_us", weight: 3),
        Measure("achieved_rps", moreIsBetter: true),
        Measure("error_rate", scale: .difference(margin: 0.001)),
        Measure("max_rps", moreIsBetter: true),
        Measure(
            "accuracy.alert.event_precision", moreIsBetter: true,
            scale: .difference(margin: 0.005)),
        Measure(
            "accuracy.alert.event_recall_early", moreIsBetter: true,
            scale: .difference(margin: 0.005)),
    ]
}

internal import Report
internal import Telemetry

/// Which sends an objective about latency looks at.
struct Lateness: Equatable {
    /// The percentile as a share; nil for the mean.
    private let share: Double?
    /// The sends in words, such as `1 of 20 sends was`.
    let words: String

    /// What is looked at where no objective asks about latency.
    static let standard = Lateness(share: 0.95)

    private init(share: Double?) {
        self.share = share
        words =
            share.map {
                $0 == 1 ? "one send was" : "1 of \((1 / (1 - $0)).rounded().shortText) sends was"
            } ?? "sends were on average"
    }

    /// Nil where the threshold is about something else.
    init?(_ threshold: Threshold) {
        let shares = ["p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999, "max": 1]
        guard let name = threshold.name.split(separator: ".").last,
            threshold.name.hasPrefix("latency_ms.") || threshold.name.hasPrefix("service_time_ms.")
        else { return nil }
        if name == "mean" {
            self.init(share: nil)
        } else if let share = shares[String(name)] {
            self.init(share: share)
        } else {
            return nil
        }
    }

    /// How late those sends were.
    func milliseconds(_ lag: Histogram) -> Double {
        (share.map { Double(lag.quantile($0)) } ?? lag.mean) / 1e6
    }
}

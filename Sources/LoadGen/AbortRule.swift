internal import Bytes
package import Options
internal import Report

/// When a run is hopeless and ends itself, such as `errors > 50% for 5s`: a measure of the
/// intervals, a bound that is passed, and for how long without a break.
package struct AbortRule: Equatable, Sendable {
    package enum Measure: String, CaseIterable, Sendable {
        /// Share of the requests that failed; where none came to an end, whether connections fail.
        case errors
        case p50, p95, p99, max
    }

    private static let form =
        "MEASURE > BOUND for TIME, such as 'errors > 50% for 5s'; MEASURE is "
        + Measure.allCases.map(\.rawValue).joined(separator: ", ")
    private static let lengths = 0.25...3600.0

    private let text: String
    private let measure: Measure
    private let threshold: Threshold
    private let seconds: Double
    /// Since when the bound is passed; nil while it is not.
    private var since: Double?

    /// Reads the rules of `--abort-on`, by commas.
    package static func list(_ options: inout Options) throws(OptionError) -> [AbortRule] {
        guard let text = options.text("--abort-on") else { return [] }
        var rules: [AbortRule] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let rule = AbortRule(String(part)) else {
                throw OptionError("--abort-on: \"\(part)\" is not allowed; allowed is \(form)")
            }
            rules.append(rule)
        }
        return rules
    }

    package init?(_ text: String) {
        guard let word = text.firstRange(of: " for "),
            let threshold = try? Threshold(String(text[..<word.lowerBound])),
            threshold.comparison == .above || threshold.comparison == .atLeast,
            let time = Duration.parse(text[word.upperBound...].filter { $0 != " " })?.seconds,
            AbortRule.lengths.contains(time)
        else { return nil }
        let name = text.drop { $0 == " " }.prefix { $0.isLetter || $0.isNumber }
        guard let measure = Measure(rawValue: String(name)) else { return nil }
        self.text = threshold.text + " for " + Duration.text(.seconds(time))
        self.measure = measure
        self.threshold = threshold
        seconds = time
    }

    /// Looks at the next interval.
    /// - Returns: why the run ends; nil while it goes on.
    mutating func note(_ row: Timeline.Row, until end: Double) -> String? {
        let value = value(of: row)
        let isPassed =
            threshold.comparison == .above ? value > threshold.bound : value >= threshold.bound
        guard isPassed else {
            since = nil
            return nil
        }
        let begin = since ?? row.time
        since = begin
        return end - begin >= seconds ? text : nil
    }

    private func value(of row: Timeline.Row) -> Double {
        switch measure {
        case .errors:
            if row.ended > 0 { return Double(row.failed) / Double(row.ended) }
            return row.connectFailures > 0 ? 1 : 0
        // NaN, where nothing was answered, passes no bound.
        case .p50: return row.p50
        case .p95: return row.p95
        case .p99: return row.p99
        case .max: return row.max
        }
    }
}

/// Why a text is no threshold.
package struct ThresholdError: Error, Equatable, CustomStringConvertible {
    package let text: String
    package let problem: String
    package var description: String { "threshold \"\(text)\": \(problem)" }
}

/// A claim about a measurement that holds or falls short.
///
///     threshold  = name comparison number unit
///     name       = what the report calls it: `latency_ms.p95`, `alert.default.precision`;
///                  `p95` stands for `latency_ms.p95` (so do mean, p50, p90, p99, p999, max),
///                  `p99.9` for `p999`, and `errors` for the share of requests that failed; so they
///                  do behind a report's name, as in `service.p95`
///     comparison = "<" | "<=" | ">" | ">=" | "=="
///     unit       = "" | "us" | "ms" | "s" | "%"       times become milliseconds, percent a share
package struct Threshold: Equatable, Sendable {
    package enum Comparison: String, Sendable, CaseIterable {
        // The longer ones first: a text is tried against them in this order.
        case atMost = "<="
        case atLeast = ">="
        case equal = "=="
        case below = "<"
        case above = ">"
    }

    /// Whether the measured value must stay below the bound.
    package var isUpperBound: Bool { comparison == .below || comparison == .atMost }

    /// No exponent beyond this gives a finite double other than 0.
    private static let exponentLimit = 400

    package let text: String
    package let name: String
    package let comparison: Comparison
    package let bound: Double

    /// What came of comparing a threshold with a report.
    package enum Outcome: Equatable, Sendable {
        case held(Double)
        case fellShort(Double)
        /// The report doesn't have it: nothing was shown, so nothing holds.
        case missing
    }

    package init(_ text: String) throws(ThresholdError) {
        let trimmed = Threshold.trimmed(text[...])
        guard
            let comparison = Comparison.allCases.first(where: { trimmed.contains($0.rawValue) })
        else {
            throw ThresholdError(text: trimmed, problem: "no comparison (<, <=, >, >=, ==)")
        }
        let parts = trimmed.split(
            separator: comparison.rawValue, maxSplits: 1, omittingEmptySubsequences: false)
        let name = Threshold.trimmed(parts[0])
        guard !name.isEmpty else { throw ThresholdError(text: trimmed, problem: "no name") }
        guard !name.utf8.contains(where: { "<>=".utf8.contains($0) }) else {
            throw ThresholdError(text: trimmed, problem: "more than one comparison")
        }
        guard let bound = Threshold.bound(Threshold.trimmed(parts[1])) else {
            throw ThresholdError(
                text: trimmed, problem: "the bound must be a number with us, ms, s, % or nothing")
        }
        self.text = trimmed
        self.name = Threshold.fullName(name)
        self.comparison = comparison
        self.bound = bound
    }

    /// Parses thresholds separated by commas or line breaks; `#` begins a comment.
    package static func parseAll(_ text: String) throws(ThresholdError) -> [Threshold] {
        var thresholds: [Threshold] = []
        // By what is a newline: CR LF is one character and equals no "\n".
        for line in text.split(whereSeparator: \.isNewline) {
            let code = line.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)[0]
            for part in code.split(separator: ",") where !trimmed(part).isEmpty {
                thresholds.append(try Threshold(String(part)))
            }
        }
        return thresholds
    }

    /// Names of percentiles and of the mean, short for those of the latency.
    private static let latencyNames: Set<String> = [
        "mean", "p50", "p90", "p95", "p99", "p999", "max",
    ]

    private static func fullName(_ written: String) -> String {
        // The point of p99.9 is no border between names.
        let name =
            written == "p99.9" || written.hasSuffix(".p99.9")
            ? written.dropLast(2) + "9" : written
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard let last = parts.last else { return name }
        // Actions and steps of a run have latencies of their own.
        let isPart = parts.dropLast().contains { $0 == "actions" || $0 == "steps" }
        guard parts.count <= 2 || isPart else { return name }
        let around = parts.dropLast().map { "\($0)." }.joined()
        // `latency_ms.p95` is whole already.
        guard !around.hasSuffix("_ms."), !around.hasSuffix("_us.") else { return name }
        if latencyNames.contains(String(last)) { return "\(around)latency_ms.\(last)" }
        return last == "errors" && !isPart ? "\(around)error_rate" : name
    }

    private static func bound(_ text: String) -> Double? {
        let units = [("us", -3), ("ms", 0), ("s", 3), ("%", -2)]
        for (unit, power) in units where text.hasSuffix(unit) {
            return number(trimmed(text.dropLast(unit.count)), timesTenTo: power)
        }
        return number(text, timesTenTo: 0)
    }

    /// A decimal number with its point moved before it is rounded: 95 % must be the double that a
    /// report means by 0.95, and 95 * 0.01 is another.
    private static func number(_ text: String, timesTenTo power: Int) -> Double? {
        let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) {
            $0 == "e" || $0 == "E"
        }
        // Double's own parser would take hexadecimal and "inf" too.
        guard let digits = parts.first,
            digits.utf8.allSatisfy({ "+-.0123456789".utf8.contains($0) })
        else { return nil }
        guard let exponent = Int(parts.count > 1 ? parts[1] : "0"),
            exponent.magnitude <= exponentLimit,
            let value = Double("\(digits)e\(exponent + power)"), value.isFinite
        else { return nil }
        return value
    }

    private static func trimmed(_ text: Substring) -> String {
        let blanks: Set<Character> = [" ", "\t", "\r"]
        return String(
            text.drop { blanks.contains($0) }.reversed().drop { blanks.contains($0) }.reversed())
    }

    package func judge(_ measurements: Measurements) -> Outcome {
        guard let value = measurements[name] else { return .missing }
        let holds =
            switch comparison {
            case .below: value < bound
            case .atMost: value <= bound
            case .above: value > bound
            case .atLeast: value >= bound
            case .equal: value == bound
            }
        return holds ? .held(value) : .fellShort(value)
    }

    /// The threshold with what was measured, and by how much it fell short.
    package func detail(_ outcome: Outcome) -> String {
        switch outcome {
        case .held(let value): "\(text)   (\(value.shortText))"
        case .fellShort(let value):
            "\(text)   (\(value.shortText), off by \(abs(value - bound).shortText))"
        case .missing: "\(text)   (the report has no \(name))"
        }
    }
}

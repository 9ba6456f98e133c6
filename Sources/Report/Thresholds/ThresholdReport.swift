/// Thresholds held against what was measured. Gates, objectives of a run, searches and scores are
/// all judged here.
package struct ThresholdReport: JSONRecord, Equatable, Sendable {
    /// One threshold, and what came of it.
    package struct Line: JSONRecord, Equatable, Sendable {
        package enum Outcome: String, CaseIterable, JSONRepresentable, Sendable {
            case held
            case fellShort = "fell_short"
            /// Nothing was measured by that name, so nothing holds.
            case missing
        }

        package var text = ""
        package var outcome = Outcome.missing
        package var measured: Double?
        /// The threshold with what was measured, and by how much it fell short.
        package var detail = ""

        package init() {}

        package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
            throws(Visitor.Failure)
        {
            try fields.field("threshold", &text)
            try fields.field("outcome", &outcome)
            try fields.field("measured", &measured)
            try fields.field("detail", &detail)
        }
    }

    package private(set) var lines: [Line] = []

    package init() {}

    package init(_ thresholds: [Threshold], _ measurements: Measurements) {
        lines = thresholds.map { threshold in
            let outcome = threshold.judge(measurements)
            var line = Line()
            line.text = threshold.text
            line.detail = threshold.detail(outcome)
            switch outcome {
            case .held(let value): (line.outcome, line.measured) = (.held, value)
            case .fellShort(let value): (line.outcome, line.measured) = (.fellShort, value)
            case .missing: line.outcome = .missing
            }
            return line
        }
    }

    package var allHeld: Bool { short.isEmpty }
    /// The lines that did not hold.
    package var short: [Line] { lines.filter { $0.outcome != .held } }

    /// `all 5 thresholds held`, or how many did not.
    package var summary: String {
        allHeld
            ? "all \(lines.count) thresholds held"
            : "\(short.count) of \(lines.count) thresholds fell short"
    }

    package mutating func visit<Visitor: FieldVisitor>(_ fields: inout Visitor)
        throws(Visitor.Failure)
    {
        var held = allHeld
        try fields.field("held", &held)
        try fields.field("thresholds", &lines)
    }
}

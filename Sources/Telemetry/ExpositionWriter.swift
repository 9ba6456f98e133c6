package import Bytes

/// The kinds of metric families.
package enum MetricKind: Sendable {
    case counter, gauge, histogram, info
}

/// Writes metrics as Prometheus text 0.0.4 or OpenMetrics 1.0.0.
///
/// The formats differ in details that scrapers insist on: in OpenMetrics the family name of a
/// counter has no `_total` and that of an info no `_info`, and the text ends with `# EOF`.
package struct ExpositionWriter: ~Copyable {
    package enum Format: Sendable {
        case prometheusText, openMetrics
    }

    private let format: Format
    private var family = ""

    package init(_ format: Format) {
        self.format = format
    }

    /// Begins a family: writes its help and type lines. `name` is the full name of its samples.
    package mutating func family(
        _ name: String, _ kind: MetricKind, help: String, into output: inout ByteBuffer
    ) {
        family = name
        var header = name
        if format == .openMetrics {
            for suffix in ["_total", "_info"] where name.hasSuffix(suffix) && suffixCounts(kind) {
                header = String(name.dropLast(suffix.count))
            }
        }
        let help = ExpositionWriter.escaped(help, quotes: format == .openMetrics)
        output.append(text: "# HELP \(header) \(help)\n# TYPE \(header) \(typeName(kind))\n")
    }

    private func suffixCounts(_ kind: MetricKind) -> Bool { kind == .counter || kind == .info }

    private func typeName(_ kind: MetricKind) -> String {
        switch kind {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        case .info: format == .openMetrics ? "info" : "gauge"
        }
    }

    /// Writes a family of one sample without labels.
    package mutating func single(
        _ name: String, _ kind: MetricKind, help: String, value: Double,
        into output: inout ByteBuffer
    ) {
        family(name, kind, help: help, into: &output)
        sample(value, into: &output)
    }

    /// Writes one sample of the current family. `labels` is written as it is, in the form
    /// `name="value",…`; the caller escapes the values with `escaped`.
    package mutating func sample(
        _ value: Double, labels: String = "", suffix: String = "", into output: inout ByteBuffer
    ) {
        output.append(text: family)
        output.append(text: suffix)
        if !labels.isEmpty { output.append(text: "{\(labels)}") }
        output.append(" ")
        output.append(number: value)
        output.append("\n")
    }

    /// Writes the cumulative buckets, the sum and the count of a histogram.
    /// - Parameter counts: one count per bucket, not cumulative; the last one is above all bounds.
    package mutating func histogram(
        upperBounds: [Double], counts: [Int], sum: Double, into output: inout ByteBuffer
    ) {
        precondition(counts.count == upperBounds.count + 1, "one count per bound and one above")
        var total = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < upperBounds.count ? boundText(upperBounds[index]) : "+Inf"
            sample(Double(total), labels: "le=\"\(bound)\"", suffix: "_bucket", into: &output)
        }
        sample(sum, suffix: "_sum", into: &output)
        sample(Double(total), suffix: "_count", into: &output)
    }

    /// Writes a family of durations: the sum of what several have counted.
    package mutating func durations(
        _ name: String, help: String, _ buckets: [DurationBuckets], into output: inout ByteBuffer
    ) {
        let bounds = DurationBuckets.upperBounds
        family(name, .histogram, help: help, into: &output)
        histogram(
            upperBounds: bounds,
            counts: (0...bounds.count).map { bucket in
                buckets.reduce(0) { $0 + $1.count(inBucket: bucket) }
            },
            sum: buckets.reduce(0) { $0 + $1.sumSeconds }, into: &output)
    }

    /// OpenMetrics writes bounds as floats: `1.0`, not `1`.
    private func boundText(_ bound: Double) -> String {
        format == .openMetrics || bound != bound.rounded() ? "\(bound)" : "\(Int(bound))"
    }

    /// Ends the text.
    package func finish(into output: inout ByteBuffer) {
        if format == .openMetrics { output.append("# EOF\n") }
    }

    /// A label's value with backslashes, quotes and line feeds escaped.
    package static func escaped(_ value: String) -> String { escaped(value, quotes: true) }

    /// Works on Unicode scalars, as the formats do. On characters, a quote with a combining mark
    /// would not be a quote, and CR LF would not be a line feed. Help texts escape quotes in
    /// OpenMetrics only.
    private static func escaped(_ value: String, quotes: Bool) -> String {
        var text = String.UnicodeScalarView()
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text.append(contentsOf: "\\\\".unicodeScalars)
            case "\"" where quotes: text.append(contentsOf: "\\\"".unicodeScalars)
            case "\n": text.append(contentsOf: "\\n".unicodeScalars)
            default: text.append(scalar)
            }
        }
        return String(text)
    }
}

package import Bytes

/// The kinds of metric families that are written here.
package enum MetricKind: Sendable {
    case counter, gauge, histogram, info
}

/// Writes metrics as Prometheus text 0.0.4 or OpenMetrics 1.0.0.
///
/// The two differ in small ways that break scrapers: in OpenMetrics a counter's family has no
/// `_total`, an info family no `_info`, and the text ends with `# EOF`.
package struct ExpositionWriter: ~Copyable {
    package enum Format: Sendable {
        case prometheusText, openMetrics
    }

    private let format: Format
    private var family = ""

    package init(_ format: Format) {
        self.format = format
    }

    /// Begins a family: its help and type lines. `name` is the full name of its samples.
    package mutating func family(
        _ name: String, _ kind: MetricKind, _ help: String, into output: inout ByteBuffer
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

    /// A family of one sample without labels.
    package mutating func single(
        _ name: String, _ kind: MetricKind, _ help: String, _ value: Double,
        into output: inout ByteBuffer
    ) {
        family(name, kind, help, into: &output)
        sample(value, into: &output)
    }

    /// One sample of the current family. `labels` is written as it is: `name="value",…`, its values
    /// escaped by `escaped`.
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

    /// A histogram's cumulative buckets, sum and count, from counts per bucket; the last count is
    /// of what lay above all bounds.
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

    /// OpenMetrics writes bounds as floats: `1.0`, not `1`.
    private func boundText(_ bound: Double) -> String {
        format == .openMetrics || bound != bound.rounded() ? "\(bound)" : "\(Int(bound))"
    }

    package func finish(into output: inout ByteBuffer) {
        if format == .openMetrics { output.append("# EOF\n") }
    }

    /// A label's value with its backslashes, quotes and line feeds escaped.
    package static func escaped(_ value: String) -> String { escaped(value, quotes: true) }

    /// It goes by scalars, as the formats do: as characters, a quote with a combining mark is no
    /// quote, and CR LF is no line feed. A help text's quotes are escaped in OpenMetrics alone.
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

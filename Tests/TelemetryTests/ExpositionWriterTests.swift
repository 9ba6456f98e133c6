import Bytes
import Foundation
import Numerics
import Telemetry
import Testing

private func written(
    _ format: ExpositionWriter.Format,
    _ body: (inout ExpositionWriter, inout ByteBuffer) -> Void
) -> String {
    var writer = ExpositionWriter(format)
    var output = ByteBuffer(limit: 1 << 18)
    body(&writer, &output)
    writer.finish(into: &output)
    return String(output.readable)
}

/// A scrape with all kinds of metrics and difficult texts.
private func scrape(_ format: ExpositionWriter.Format) -> String {
    written(format) { writer, output in
        writer.family("things_total", .counter, help: "Things \\ and\nmore.", into: &output)
        for value in [
            "plain", "a\"b", "a\\b", "a\nb", "a\r\nb", "", "é😀", "\"\u{301}", "\\\u{301}",
        ] {
            let label = "kind=\"\(ExpositionWriter.escaped(value))\""
            writer.sample(3, labels: label, into: &output)
        }
        writer.family("level", .gauge, help: "A level.", into: &output)
        writer.sample(-1.5e-300, into: &output)
        writer.family("wait_seconds", .histogram, help: "Waits.", into: &output)
        writer.histogram(
            upperBounds: DurationBuckets.upperBounds, counts: Array(1...13), sum: 9.25,
            into: &output)
        writer.family("build_info", .info, help: "Build.", into: &output)
        writer.sample(1, labels: "version=\"1\"", into: &output)
    }
}

/// Decodes a label's escapes as the formats define them; nil if a quote or line feed is not
/// escaped.
private func unescaped(_ text: String) -> String? {
    var plain = String.UnicodeScalarView()
    var isEscape = false
    for scalar in text.unicodeScalars {
        switch (isEscape, scalar) {
        case (true, "n"): plain.append("\n")
        case (true, "\\"), (true, "\""): plain.append(scalar)
        case (true, _), (false, "\""), (false, "\n"): return nil
        case (false, "\\"):
            isEscape = true
            continue
        case (false, _): plain.append(scalar)
        }
        isEscape = false
    }
    return isEscape ? nil : String(plain)
}

@Suite struct ExpositionWriterTests {
    @Test("any label value reads back, also with combining characters")
    func escapesLabels() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let parts: [Unicode.Scalar] = [
            "\"", "\\", "\n", "\r", "a", "é", "\u{301}", "n", "\u{200D}",
        ]
        for _ in 0..<5000 {
            var value = String.UnicodeScalarView()
            for _ in 0..<random.below(8) { value.append(parts[random.below(parts.count)]) }
            let read = unescaped(ExpositionWriter.escaped(String(value)))
            #expect(
                read.map { Array($0.unicodeScalars) } == Array(value),
                "seed \(seed): \(Array(value))")
        }
    }

    @Test("a help text with line breaks and backslashes stays on its line")
    func escapesHelp() {
        let cases: [(ExpositionWriter.Format, String)] = [
            (.prometheusText, "\""), (.openMetrics, "\\\""),
        ]
        for (format, quote) in cases {
            let text = written(format) { writer, output in
                writer.family("level", .gauge, help: "a\\b\nc\r\n\"d", into: &output)
            }
            let help = "a\\\\b\\nc\r\\n\(quote)d"
            #expect(text.hasPrefix("# HELP level \(help)\n# TYPE level gauge\n"))
        }
    }

    @Test("a histogram's buckets add up to its count")
    func accumulates() {
        let text = written(.prometheusText) { writer, output in
            writer.family("wait_seconds", .histogram, help: "Waits.", into: &output)
            writer.histogram(upperBounds: [0.25, 1], counts: [4, 0, 2], sum: 7.5, into: &output)
        }
        #expect(
            text == """
                # HELP wait_seconds Waits.
                # TYPE wait_seconds histogram
                wait_seconds_bucket{le="0.25"} 4
                wait_seconds_bucket{le="1"} 4
                wait_seconds_bucket{le="+Inf"} 6
                wait_seconds_sum 7.5
                wait_seconds_count 6

                """)
    }

    @Test("only the families of counters and infos lose their suffix, and only in OpenMetrics")
    func namesFamilies() {
        let kinds: [(String, MetricKind, String, String)] = [
            ("a_total", .counter, "a", "counter"), ("a_info", .info, "a", "info"),
            ("a_total", .gauge, "a_total", "gauge"), ("a_info", .gauge, "a_info", "gauge"),
            ("a_total_seconds", .counter, "a_total_seconds", "counter"),
            ("a_info_total", .counter, "a_info", "counter"),
            ("a_total_info", .info, "a_total", "info"),
        ]
        for (name, kind, header, type) in kinds {
            let open = written(.openMetrics) { $0.family(name, kind, help: "A.", into: &$1) }
            #expect(open == "# HELP \(header) A.\n# TYPE \(header) \(type)\n# EOF\n")
            let plain = written(.prometheusText) { $0.family(name, kind, help: "A.", into: &$1) }
            let plainType = type == "info" ? "gauge" : type
            #expect(plain == "# HELP \(name) A.\n# TYPE \(name) \(plainType)\n")
        }
    }

    @Test("promtool accepts a scrape with every kind and difficult texts")
    func passesPromtool() throws {
        let paths = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let tool = paths.map { "\($0)/promtool" }.first(
            where: FileManager.default.isExecutableFile(atPath:))
        let path = try #require(tool, "promtool is missing: apt install prometheus (scripts/setup)")
        let promtool = Process()
        promtool.executableURL = URL(fileURLWithPath: path)
        promtool.arguments = ["check", "metrics"]
        let (input, output) = (Pipe(), Pipe())
        promtool.standardInput = input
        promtool.standardError = output
        try promtool.run()
        input.fileHandleForWriting.write(Data(scrape(.prometheusText).utf8))
        try input.fileHandleForWriting.close()
        let said = try output.fileHandleForReading.readToEnd() ?? Data()
        promtool.waitUntilExit()
        #expect(promtool.terminationStatus == 0, "\(String(decoding: said, as: UTF8.self))")
    }
}

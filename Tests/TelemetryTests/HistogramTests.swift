import Bytes
import Foundation
import Numerics
import Telemetry
import Testing

@Suite struct HistogramTests {
    @Test("quantiles equal a sorted array's to three digits")
    func agreesWithSorting() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<20 {
            var histogram = Histogram()
            var values: [Int] = []
            let scale = Double(1 << (5 + random.below(28)))
            for _ in 0..<5000 {
                let value = Int(scale * random.unit() * random.unit())
                values.append(value)
                histogram.record(value)
            }
            values.sort()
            for share in [0.0, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1] {
                let rank = max(1, Int((share * Double(values.count)).rounded(.up)))
                let exact = values[rank - 1]
                let read = histogram.quantile(share)
                #expect(read >= exact, "seed \(seed), share \(share)")
                #expect(Double(read - exact) <= Double(exact) / 1000, "seed \(seed), \(share)")
            }
            #expect(histogram.maximum == values.last)
            #expect(histogram.count == 5000)
        }
    }

    @Test("merging two histograms is the histogram of all values")
    func merges() {
        var random = SeededRandom(seed: 3)
        var (left, right, both) = (Histogram(), Histogram(), Histogram())
        for index in 0..<10_000 {
            let value = random.below(1 << 40)
            if index % 3 == 0 { left.record(value) } else { right.record(value) }
            both.record(value)
        }
        left.merge(right)
        #expect(left == both)
        #expect(both.quantile(1) < both.maximum, "values above 60 s share the last bucket")
    }
}

@Suite struct ExpositionTests {
    private func exposition(_ format: ExpositionWriter.Format) -> String {
        var writer = ExpositionWriter(format)
        var output = ByteBuffer(limit: 1 << 16)
        writer.family("things_total", .counter, help: "Things.", into: &output)
        writer.sample(3, labels: "kind=\"\(ExpositionWriter.escaped("a\"b\\c\n"))\"", into: &output)
        writer.family("level", .gauge, help: "A level.", into: &output)
        writer.sample(-1.5, into: &output)
        writer.family("wait_seconds", .histogram, help: "Waits.", into: &output)
        writer.histogram(upperBounds: [0.5, 1], counts: [1, 2, 3], sum: 9.25, into: &output)
        writer.family("build_info", .info, help: "Build.", into: &output)
        writer.sample(1, labels: "version=\"1\"", into: &output)
        writer.finish(into: &output)
        return String(output.readable)
    }

    @Test("Prometheus text is what promtool accepts")
    func passesPromtool() throws {
        let text = exposition(.prometheusText)
        #expect(
            text.contains("# TYPE things_total counter\nthings_total{kind=\"a\\\"b\\\\c\\n\"} 3\n"))
        #expect(text.contains("wait_seconds_bucket{le=\"+Inf\"} 6\n"))
        #expect(text.contains("wait_seconds_bucket{le=\"1\"} 3\n"))
        let promtool = Process()
        promtool.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        promtool.arguments = ["promtool", "check", "metrics"]
        let input = Pipe()
        promtool.standardInput = input
        try promtool.run()
        input.fileHandleForWriting.write(Data(text.utf8))
        try input.fileHandleForWriting.close()
        promtool.waitUntilExit()
        #expect(promtool.terminationStatus == 0)
    }

    @Test("OpenMetrics names families without suffixes and ends")
    func writesOpenMetrics() {
        let text = exposition(.openMetrics)
        #expect(text.contains("# TYPE things counter\nthings_total{"))
        #expect(text.contains("# TYPE build info\nbuild_info{"))
        #expect(text.contains("le=\"1.0\""))
        #expect(text.hasSuffix("# EOF\n"))
    }
}

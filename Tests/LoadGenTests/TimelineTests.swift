import Options
import Report
import Telemetry
import Testing

@testable import LoadGen

@Suite struct TimelineTests {
    private func plan(_ arguments: [String]) throws -> Plan {
        var options = try Options(
            ["--target", "http://a:1", "--threads", "2"] + arguments, switches: ["--allow-late"])
        return try Plan(&options)
    }

    private func interval(_ number: Int, latencies: [Int], failed: Int = 0) -> Interval {
        var interval = Interval(latencyLimit: 60_000_000_000)
        interval.number = number
        interval.sent = latencies.count + failed
        interval.answered = latencies.count
        interval.failed = failed
        for latency in latencies { interval.latency.record(latency * 1_000_000) }
        return interval
    }

    @Test("a row is there when all threads have passed it, and has the percentiles of all")
    func mergesThreads() throws {
        var timeline = Timeline(
            try plan(["--rate", "100", "--duration", "4s"]), intervalSeconds: 1)
        let first = Array(repeating: 1, count: 95)
        let early = timeline.add(interval(0, latencies: first), thread: 0)
        let next = timeline.add(interval(1, latencies: [1]), thread: 0)
        #expect(!early && !next && timeline.rows.isEmpty)
        let second = Array(repeating: 30, count: 5)
        let last = timeline.add(interval(0, latencies: second, failed: 2), thread: 1)
        #expect(last)
        let row = try #require(timeline.rows.first)
        #expect(timeline.rows.count == 1)
        #expect(row.time == 0 && row.asked == 100 && row.sent == 102 && row.answered == 100)
        #expect(row.failed == 2)
        #expect(abs(row.p50 - 1) < 0.001 && abs(row.p95 - 1) < 0.001)
        #expect(abs(row.p99 - 30) < 0.03 && row.max == 30)
        timeline.close()
        #expect(timeline.rows.map(\.time) == [0, 1])
    }

    @Test("the warm-up comes before 0, and what comes after the end counts as the end's")
    func keepsBorders() throws {
        var timeline = Timeline(
            try plan(["--ramp", "0..100/2s", "--warmup", "1s"]), intervalSeconds: 1)
        for thread in 0..<2 {
            for number in [-1, 0, 1, 7] {
                _ = timeline.add(interval(number, latencies: [2]), thread: thread)
            }
        }
        timeline.close()
        #expect(timeline.rows.map(\.time) == [-1, 0, 1])
        #expect(timeline.rows.map(\.asked) == [0, 25, 75])
        #expect(timeline.rows.map(\.answered) == [2, 2, 4])
    }

    @Test("what came long after the plan's end makes the last row no faster than it was")
    func stretchesLastRow() throws {
        var timeline = Timeline(try plan(["--rate", "10", "--duration", "2s"]), intervalSeconds: 1)
        for thread in 0..<2 {
            let late = Array(repeating: 4000, count: 20)
            _ = timeline.add(interval(0, latencies: []), thread: thread)
            _ = timeline.add(interval(1, latencies: late), thread: thread)
        }
        timeline.close()
        #expect(timeline.rows.last?.answered == 40)
        // Until 5 s after the beginning, which is 4 s after the last row's.
        #expect(timeline.ended(at: 5).rows.map(\.answered) == [0, 10])
        #expect(timeline.ended(at: 1.9).rows.map(\.answered) == [0, 40])
    }

    @Test("the live line tells what was asked and reached, latencies, errors and their course")
    func showsLine() throws {
        var timeline = Timeline(try plan(["--rate", "4", "--duration", "9s"]), intervalSeconds: 1)
        for number in 0..<3 {
            for thread in 0..<2 {
                let slow = interval(number, latencies: [1 << number, 1 << number], failed: thread)
                _ = timeline.add(slow, thread: thread)
            }
        }
        let line = LiveView.line(timeline)
        #expect(line.hasPrefix("3 of 9 s, 3 errors, 4/s of 4/s, p95 4 p50 4"), "\(line)")
        // On the narrowest of terminals the errors are still there, and red.
        #expect(line.prefix(20).contains("3 errors"))
        let red = LiveView.line(timeline, Palette(isOn: true))
        #expect(red.contains("\u{1B}[31m3 errors\u{1B}[0m"))
        #expect(line.hasSuffix("▃▅█") || line.hasSuffix("▂▄█"), "\(line)")
        let csv = OutputFiles.csv(timeline.columns)
        #expect(csv.split(separator: "\n").last == "2,4,5,4,1,4,4,4,4,0", "\(csv)")
        #expect(!line.contains("retries"))
        var again = interval(3, latencies: [1])
        again.retries = 7
        for thread in 0..<2 { _ = timeline.add(again, thread: thread) }
        #expect(LiveView.line(timeline).hasPrefix("4 of 9 s, 3 errors, 14 retries, "))
    }

    @Test("an interval in which nothing was answered has no latency, and says so")
    func leavesGaps() throws {
        var timeline = Timeline(try plan(["--rate", "4", "--duration", "9s"]), intervalSeconds: 1)
        for thread in 0..<2 {
            _ = timeline.add(interval(0, latencies: [], failed: 2), thread: thread)
        }
        #expect(timeline.rows.first?.p95.isNaN == true)
        let line = LiveView.line(timeline)
        #expect(line.hasPrefix("1 of 9 s, 4 errors, 0/s of 4/s, nothing answered"), "\(line)")
        #expect(OutputFiles.csv(timeline.columns).hasSuffix("\n0,4,4,0,4,,,,,0\n"))
    }
}

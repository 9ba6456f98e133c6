internal import System
internal import Numerics
internal import Telemetry

/// Measures the cost of recording a latency, and shows that memory does not grow with the number of
/// values, because a load test may run for days.
enum HistogramBenchmark {
    private static let count = 100_000_000

    static func run() {
        var random = SeededRandom(seed: 7)
        var histogram = Histogram()
        // Latencies from 10 µs to 0.33 s; each of the 16 powers of two is equally likely.
        func record(_ count: Int) {
            for _ in 0..<count {
                let bits = random.next()
                histogram.record(10_000 << Int(bits & 0xF) + Int(bits >> 40 & 0x3FFF))
            }
        }
        record(count / 100)
        let before = ProcessUsage.read().residentBytes
        let clock = ContinuousClock()
        let start = clock.now
        record(count)
        let took = start.duration(to: clock.now)
        let grown = ProcessUsage.read().residentBytes - before
        let nanoseconds =
            (Double(took.components.seconds) * 1e9 + Double(took.components.attoseconds) * 1e-9)
            / Double(count)
        precondition(histogram.count == UInt64(count + count / 100), "every value is recorded")
        print("histogram: \((nanoseconds * 10).rounded() / 10) ns per value")
        print("histogram: \(grown / 1024) KiB more memory after \(count) values")
    }
}

internal import Telemetry

/// The run over time, one row for each interval; the percentiles are those of all threads together.
struct Timeline: Sendable {
    /// One finished interval.
    struct Row: Sendable {
        /// Seconds from the end of the warm-up to the interval's start.
        let time: Double
        /// Rates per second.
        let asked: Double
        fileprivate(set) var sent: Double
        fileprivate(set) var answered: Double
        /// Requests that came to some end, and those of them that failed.
        let ended: Int
        let failed: Int
        /// Requests that were sent again.
        var retries = 0
        /// Connections that could not be made.
        let connectFailures: Int
        /// Latencies in milliseconds: 50 %, 95 %, 99 % and the largest; NaN where nothing was
        /// answered.
        let p50: Double
        let p95: Double
        let p99: Double
        let max: Double
    }

    let intervalSeconds: Double
    /// Length of the measured time that was planned.
    let seconds: Double
    private let curve: RateCurve?
    private let threads: Int
    private let lastNumber: Int
    /// Intervals that not all threads have finished, by number.
    private var open: [Int: Interval] = [:]
    /// The interval each thread finished last.
    private var finished: [Int]
    private(set) var rows: [Row] = []

    init(_ plan: Plan, intervalSeconds: Double) {
        self.intervalSeconds = intervalSeconds
        seconds = plan.load.seconds
        if case .open(let curve) = plan.load { self.curve = curve } else { curve = nil }
        threads = plan.threads
        lastNumber = Int((plan.load.seconds / intervalSeconds).rounded(.up)) - 1
        finished = Array(repeating: Int.min, count: plan.threads)
    }

    /// Takes in what a thread saw.
    /// - Returns: whether there are new rows.
    mutating func add(_ interval: Interval, thread: Int) -> Bool {
        let number = min(interval.number, lastNumber)
        finished[thread] = max(finished[thread], number)
        if open[number] == nil { open[number] = interval } else { open[number]?.merge(interval) }
        // What comes after the end still belongs to the last row: `close` makes it.
        return closeFinished(upTo: min(finished.min() ?? Int.min, lastNumber - 1))
    }

    /// The same where answers came until then, in seconds from the end of the warm-up. The last row
    /// holds all that came after the plan's end, so its rates are those of a longer time.
    func ended(at end: Double) -> Timeline {
        guard let last = rows.last, end > last.time + intervalSeconds else { return self }
        let share = intervalSeconds / (end - last.time)
        var timeline = self
        timeline.rows[rows.count - 1].sent *= share
        timeline.rows[rows.count - 1].answered *= share
        return timeline
    }

    /// Makes rows of what is left: all threads are done.
    mutating func close() { _ = closeFinished(upTo: Int.max) }

    private mutating func closeFinished(upTo last: Int) -> Bool {
        let before = rows.count
        for number in open.keys.sorted() where number <= last {
            if let interval = open.removeValue(forKey: number) { append(number, interval) }
        }
        return rows.count > before
    }

    private mutating func append(_ number: Int, _ interval: Interval) {
        let time = Double(number) * intervalSeconds
        let end = time + intervalSeconds
        let asked: Double? = curve.map {
            time < 0
                ? $0.rate(at: 0) : ($0.total(by: end) - $0.total(by: time)) / intervalSeconds
        }
        let isSilent = interval.latency.count == 0
        func milliseconds(_ share: Double) -> Double {
            isSilent ? .nan : Double(interval.latency.quantile(share)) / 1e6
        }
        let sent = Double(interval.sent) / intervalSeconds
        rows.append(
            Row(
                time: time, asked: asked ?? sent, sent: sent,
                answered: Double(interval.answered) / intervalSeconds, ended: interval.ended,
                failed: interval.failed, retries: interval.retries,
                connectFailures: interval.connectFailures,
                p50: milliseconds(0.5), p95: milliseconds(0.95), p99: milliseconds(0.99),
                max: isSilent ? .nan : Double(interval.latency.maximum) / 1e6))
    }
}

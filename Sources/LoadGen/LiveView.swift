internal import Bytes
internal import System
internal import Report

/// What is going on, while it is: one line that is rewritten on a terminal, plain lines elsewhere.
struct LiveView {
    /// Without a terminal a line comes every so many seconds.
    private static let plainSeconds = 5.0
    private static let sparkLength = 24

    private let isTerminal = StandardStreams.outputIsTerminal
    /// What stands in front of every line, such as a step of a search.
    var prefix = ""
    private var shownUntil = -Double.infinity
    private var hasLine = false

    /// Shows the newest row.
    mutating func show(_ timeline: Timeline) {
        guard let row = timeline.rows.last else { return }
        if row.time < shownUntil { shownUntil = -Double.infinity }
        let interval = isTerminal ? 0 : LiveView.plainSeconds
        guard row.time + timeline.intervalSeconds >= max(shownUntil, 0) + interval || isTerminal
        else { return }
        shownUntil = row.time + timeline.intervalSeconds
        let text = prefix + LiveView.line(timeline)
        // Without wrapping: a line that is cut can be rewritten, one that goes on below cannot.
        StandardStreams.writeOutput(
            isTerminal ? "\r\u{1B}[K\u{1B}[?7l\(text)\u{1B}[?7h" : text + "\n")
        hasLine = isTerminal
    }

    /// Wipes the line, so that what follows stands where it was.
    mutating func finish() {
        if hasLine { StandardStreams.writeOutput("\r\u{1B}[K") }
        hasLine = false
        shownUntil = -Double.infinity
    }

    /// The newest row in words, and the latest p95 as a picture.
    static func line(_ timeline: Timeline) -> String {
        guard let row = timeline.rows.last else { return "" }
        let time = row.time < 0 ? "warm-up" : "\((row.time + timeline.intervalSeconds).shortText) s"
        let failed = timeline.rows.reduce(0) { $0 + $1.failed }
        let recent = timeline.rows.suffix(sparkLength).map(\.p95)
        let latency =
            row.p50.isFinite
            ? "p50 \(row.p50.shortText) p95 \(row.p95.shortText) p99 \(row.p99.shortText) ms"
            : "nothing answered"
        return "\(time): asked \(Int(row.asked.rounded()))/s, reached "
            + "\(Int(row.answered.rounded()))/s, \(latency), \(failed) errors  "
            + sparkline(recent)
    }
}

internal import Bytes
internal import Report

/// What is going on, while it is: one line that is rewritten on a terminal, plain lines elsewhere.
struct LiveView {
    /// Without a terminal a line comes every so many seconds.
    private static let plainSeconds = 5.0
    private static let sparkLength = 24

    private let console: Console
    /// What stands in front of every line, such as a step of a search.
    var prefix = ""
    private var shownUntil = -Double.infinity
    private var hasLine = false

    init(_ console: Console) { self.console = console }

    /// Shows the newest row.
    mutating func show(_ timeline: Timeline) {
        guard let row = timeline.rows.last else { return }
        if row.time < shownUntil { shownUntil = -Double.infinity }
        let pause = console.isTerminal ? 0 : LiveView.plainSeconds
        let end = row.time + timeline.intervalSeconds
        guard console.isTerminal || end >= max(shownUntil, 0) + pause else { return }
        shownUntil = end
        let text = prefix + LiveView.line(timeline, console.palette)
        // Without wrapping: a line that is cut can be rewritten, one that goes on below cannot.
        console.write(
            console.isTerminal ? "\r\u{1B}[K\u{1B}[?7l\(text)\u{1B}[?7h" : text + "\n")
        hasLine = console.isTerminal
    }

    /// Wipes the line, so that what follows stands where it was.
    mutating func finish() {
        if hasLine { console.write("\r\u{1B}[K") }
        hasLine = false
        shownUntil = -Double.infinity
    }

    /// The newest row in words, and the latest p95 as a picture. What matters most comes first,
    /// since a narrow terminal cuts the line's end.
    static func line(_ timeline: Timeline, _ palette: Palette = Palette(isOn: false)) -> String {
        guard let row = timeline.rows.last else { return "" }
        let elapsed = (row.time + timeline.intervalSeconds).shortText
        let time = row.time < 0 ? "warm-up" : "\(elapsed) of \(timeline.seconds.shortText) s"
        let failed = timeline.rows.reduce(0) { $0 + $1.failed }
        let errors = failed > 0 ? palette.red("\(failed) errors") : "0 errors"
        let retried = timeline.rows.reduce(0) { $0 + $1.retries }
        let retries = retried > 0 ? ", " + palette.red("\(retried) retries") : ""
        let rate = "\(Int(row.answered.rounded()))/s of \(Int(row.asked.rounded()))/s"
        let latency =
            row.p95.isFinite
            ? "p95 \(row.p95.shortText) p50 \(row.p50.shortText) p99 \(row.p99.shortText) ms"
            : "nothing answered"
        let recent = timeline.rows.suffix(sparkLength).map(\.p95)
        return "\(time), \(errors)\(retries), \(rate), \(latency)  \(sparkline(recent))"
    }
}

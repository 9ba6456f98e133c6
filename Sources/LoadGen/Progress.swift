internal import Bytes
internal import EventLoop
internal import Report
internal import Telemetry

/// What is going on, while it is: one line that is rewritten on a terminal, plain lines elsewhere.
struct Progress {
    private static let terminalInterval = TimeSpan.milliseconds(250)
    private static let plainInterval = TimeSpan.seconds(5)

    private let plan: Plan
    private let lives: [CounterTable]
    private let start: Instant

    init(_ plan: Plan, _ lives: [CounterTable], _ start: Instant) {
        self.plan = plan
        self.lives = lives
        self.start = start
    }

    /// Shows progress until `isOver` says so.
    func show(until isOver: () -> Bool) {
        let isTerminal = StandardStreams.outputIsTerminal
        let interval = isTerminal ? Progress.terminalInterval : Progress.plainInterval
        var last = (time: Clock.now(), answered: 0)
        while !isOver() {
            Clock.sleep(.milliseconds(20))
            let now = Clock.now()
            guard now - last.time >= interval else { continue }
            let answered = total(.answered)
            let rate = Double(answered - last.answered) / (now - last.time).seconds
            let line =
                "\(Int((now - start).seconds)) s: \(Int(rate)) answers/s"
                + (plan.rate.map { " of \($0.shortText) asked" } ?? "")
                + ", \(answered) answered, \(total(.failed)) failed"
            StandardStreams.writeOutput(isTerminal ? "\r\u{1B}[K\(line)" : line + "\n")
            last = (now, answered)
        }
        if isTerminal { StandardStreams.writeOutput("\r\u{1B}[K") }
    }

    private func total(_ live: Live) -> Int {
        lives.reduce(0) { $0 + $1[live.rawValue] }
    }
}

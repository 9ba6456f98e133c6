package import Signals

/// How often a judgment found the incidents, and how soon.
///
/// An event counts as found when a flag falls anywhere inside it, and as found early when one falls
/// within its first samples. A flag outside all events is a false alarm; several inside one event
/// are one finding. (Point-adjusted scores, in which one hit colours a whole event, are not
/// computed: a judge that guesses wins them.)
package struct EventScore: Equatable, Sendable {
    /// Samples from an event's start within which finding it is early.
    package static let earlySamples = 8

    package private(set) var events = 0
    package private(set) var found = 0
    package private(set) var foundEarly = 0
    package private(set) var flags = 0
    package private(set) var falseAlarms = 0
    package private(set) var samples = 0
    /// Days that the series took, all together.
    package private(set) var days = 0.0
    /// Samples from an event's start to its first flag, one per event that was found.
    package private(set) var delays: [Int] = []

    package init() {}

    /// Adds a series: its events and, per sample, whether it was flagged; and the days that it
    /// took, where somebody asks for false alarms a day.
    package mutating func add(_ events: [AnomalyEvent], flagged: [Bool], days: Double = 0) {
        var isInside = [Bool](repeating: false, count: flagged.count)
        samples += flagged.count
        self.days += days
        for event in events {
            let range = max(0, event.start)..<max(0, min(flagged.count, event.end))
            guard !range.isEmpty else { continue }
            self.events += 1
            for index in range { isInside[index] = true }
            // An early finding of a short event may come just after it.
            let early =
                range
                .lowerBound..<min(
                    flagged.count, max(range.upperBound, range.lowerBound + EventScore.earlySamples)
                )
            for index in early where flagged[index] { isInside[index] = true }
            if let first = early.first(where: { flagged[$0] }) {
                let delay = first - range.lowerBound
                found += range.contains(first) ? 1 : 0
                foundEarly += delay < EventScore.earlySamples ? 1 : 0
                delays.append(delay)
            }
        }
        for index in flagged.indices where flagged[index] {
            flags += 1
            if !isInside[index] { falseAlarms += 1 }
        }
    }

    /// Share of the findings that were of an event; false alarms are counted one by one.
    package var precision: Double { ratio(findings, findings + falseAlarms) }
    /// Share of the events found anywhere inside.
    package var recall: Double { ratio(found, events) }
    /// Share of the events found within `earlySamples` of their start.
    package var earlyRecall: Double { ratio(foundEarly, events) }
    package var f1: Double { harmonicMean(precision, earlyRecall) }
    package var flagsPer10k: Double { 10_000 * ratio(flags, samples) }
    /// False alarms of one series in a day; 0 where no days were counted.
    package var falseAlarmsPerDay: Double { days > 0 ? Double(falseAlarms) / days : 0 }

    /// Events that a flag met, inside or just after a short one.
    private var findings: Int { delays.count }

    /// The middle delay; 0 when nothing was found.
    package var medianDelay: Int {
        delays.isEmpty ? 0 : delays.sorted()[(delays.count - 1) / 2]
    }
}

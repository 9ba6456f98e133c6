/// One measurement of a generated or recorded series.
package struct SignalSample: Equatable, Sendable {
    /// Unix seconds.
    package var timestamp: Double
    package var rps: Double
    package var cpu: Double

    package init(timestamp: Double, rps: Double, cpu: Double) {
        self.timestamp = timestamp
        self.rps = rps
        self.cpu = cpu
    }
}

/// What was done to a series, or what somebody found in it.
package enum AnomalyKind: String, Sendable, CaseIterable {
    /// For a moment the load is higher, or lower, by the stated size.
    case spike, dip
    /// For a while it is.
    case levelShift
    /// The same, for as long as the incidents that operators label.
    case bump
    /// It leaves step by step, and is off by the stated size at the end.
    case slowDrift
    /// Its noise is the stated number of times its own.
    case varianceBurst
    /// The same value again and again.
    case flatLine
    /// Samples are missing; the first one after the gap is labelled.
    case droppedSamples
    /// The daily course stands still.
    case brokenRhythm
    /// cpu is higher by the stated number of its own sigmas while the load is as ever.
    case decoupling
    /// Labelled by others, who do not say what kind it is.
    case labelled
}

/// A stretch of samples that somebody should look at.
package struct AnomalyEvent: Equatable, Sendable {
    /// First sample of the event, and the first after it.
    package let start: Int
    package let end: Int
    package let kind: AnomalyKind
    /// In standard deviations of the signal's own noise; 0 where the kind has no size.
    package let sigmas: Double

    package init(start: Int, end: Int, kind: AnomalyKind, sigmas: Double = 0) {
        self.start = start
        self.end = end
        self.kind = kind
        self.sigmas = sigmas
    }
}

/// A series and, kept apart from it, what is known to be wrong with it. Whoever judges samples is
/// shown only the samples.
package struct LabelledSeries: Equatable, Sendable {
    package let name: String
    package var samples: [SignalSample]
    package var events: [AnomalyEvent]

    package init(name: String, samples: [SignalSample], events: [AnomalyEvent]) {
        self.name = name
        self.samples = samples
        self.events = events
    }

    /// Its values are no load, because some are negative: they are sent as `value`, without cpu.
    package var isOtherMetric: Bool { samples.contains { $0.rps < 0 } }

    /// Time from the first sample to the last, in days; 0 for fewer than two.
    package var days: Double {
        guard let first = samples.first, let last = samples.last else { return 0 }
        return max(0, last.timestamp - first.timestamp) / 86_400
    }

    /// For every sample whether it lies in an event.
    package var labels: [Bool] {
        var labels = [Bool](repeating: false, count: samples.count)
        for event in events {
            for index in max(0, event.start)..<min(samples.count, event.end) {
                labels[index] = true
            }
        }
        return labels
    }
}

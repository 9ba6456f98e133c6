package import Numerics

/// Puts anomalies of known kind, place and size into healthy series.
package struct Injector: Sendable {
    /// Kinds by their weight: a kind named twice comes twice as often.
    package let kinds: [AnomalyKind]
    /// Share of all samples that lie in an event.
    package let prevalence: Double
    /// Sizes, in standard deviations of the signal's own noise.
    package let sigmas: ClosedRange<Double>
    /// The first samples stay healthy: nobody can judge a series he has never seen.
    package static let quietStart = 600
    /// Healthy samples between two events, so that each is an incident of its own.
    package static let quietGap = 150
    private static let attemptLimit = 10_000

    /// The same two of this injector.
    package let quietStart: Int
    package let quietGap: Int

    package init(
        kinds: [AnomalyKind], prevalence: Double, sigmas: ClosedRange<Double>,
        quietStart: Int = Injector.quietStart, quietGap: Int = Injector.quietGap
    ) {
        self.kinds = kinds
        self.prevalence = prevalence
        self.sigmas = sigmas
        self.quietStart = quietStart
        self.quietGap = quietGap
    }

    /// Injects events until the prevalence is reached or no room is left.
    package func inject(
        into healthy: HealthySeries, name: String, _ random: inout SeededRandom
    ) -> LabelledSeries {
        var distortion = Distortion(healthy)
        var budget = Int((prevalence * Double(healthy.samples.count)).rounded())
        for _ in 0..<Injector.attemptLimit where budget >= Injector.lengths(filler).lowerBound {
            let event = draw(healthy, budget, &random)
            guard isFree(event, distortion.events), distortion.isPossible(event) else { continue }
            distortion.apply(event, goesUp: random.below(2) == 0)
            // A gap is one label, however many samples it took away.
            budget -= event.kind == .droppedSamples ? 1 : event.end - event.start
        }
        return distortion.series(name: name)
    }

    /// The kind on which the rest of the budget is spent: a spike, or the shortest that there is.
    private var filler: AnomalyKind {
        kinds.min { order($0) < order($1) } ?? .spike
    }

    private func order(_ kind: AnomalyKind) -> Int {
        kind == .spike ? 0 : Injector.lengths(kind).lowerBound
    }

    /// An event of any kind and place; what is left of the budget, when it is too little for the
    /// kind, is spent on the filler.
    private func draw(_ healthy: HealthySeries, _ budget: Int, _ random: inout SeededRandom)
        -> AnomalyEvent
    {
        var kind = kinds[random.below(kinds.count)]
        if kind == .brokenRhythm, !healthy.signal.isRhythmic { kind = .levelShift }
        if kind != .droppedSamples, Injector.lengths(kind).lowerBound > budget { kind = filler }
        let lengths = Injector.lengths(kind)
        var length = lengths.lowerBound + random.below(lengths.count)
        if kind != .droppedSamples { length = min(length, budget) }
        let room = healthy.samples.count - quietStart - length - 1
        precondition(room > 0, "a series is longer than its quiet start")
        let start = quietStart + random.below(room)
        let size = sigmas.lowerBound + random.unit() * (sigmas.upperBound - sigmas.lowerBound)
        return AnomalyEvent(
            start: start, end: start + length, kind: kind, sigmas: kind.hasSize ? size : 0)
    }

    /// Samples that an event of a kind takes, or takes away.
    private static func lengths(_ kind: AnomalyKind) -> ClosedRange<Int> {
        switch kind {
        case .spike, .dip, .labelled: 1...3
        case .levelShift: 12...24
        case .bump: 8...60
        case .varianceBurst, .decoupling: 8...16
        case .slowDrift, .flatLine, .brokenRhythm: 36...60
        case .droppedSamples: 6...24
        }
    }

    private func isFree(_ event: AnomalyEvent, _ others: [AnomalyEvent]) -> Bool {
        others.allSatisfy {
            event.start > $0.end + quietGap || event.end < $0.start - quietGap
        }
    }
}

extension AnomalyKind {
    /// Whether a number of sigmas says how large an event of this kind is.
    package var hasSize: Bool {
        switch self {
        case .spike, .dip, .levelShift, .bump, .slowDrift, .varianceBurst, .decoupling: true
        case .flatLine, .droppedSamples, .brokenRhythm, .labelled: false
        }
    }
}

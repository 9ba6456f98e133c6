package import Numerics

/// Puts anomalies of known kind, place and size into healthy series.
package struct Injector {
    /// Share of all samples that lie in an event.
    package let prevalence: Double
    /// Sizes, in standard deviations of the signal's own noise.
    package let sigmas: ClosedRange<Double>
    /// The first samples stay healthy: nobody can judge a series he has never seen.
    package static let quietStart = 600
    /// Healthy samples between two events, so that each is an incident of its own.
    package static let quietGap = 150

    package init(prevalence: Double, sigmas: ClosedRange<Double>) {
        self.prevalence = prevalence
        self.sigmas = sigmas
    }

    /// Injects events until the prevalence is reached or no room is left.
    package func inject(into series: inout LabelledSeries, _ random: inout SeededRandom) {
        var budget = Int((prevalence * Double(series.samples.count)).rounded())
        var attempts = 0
        while budget > 0, attempts < 10_000 {
            attempts += 1
            let kind = drawKind(&random)
            let length = min(budget, drawLength(kind, &random))
            let last = series.samples.count - length - 1
            guard last > Injector.quietStart else { return }
            let start = Injector.quietStart + random.below(last - Injector.quietStart)
            guard isFree(start, length, series) else { continue }
            let size = sigmas.lowerBound + random.unit() * (sigmas.upperBound - sigmas.lowerBound)
            let event = AnomalyEvent(start: start, end: start + length, kind: kind, sigmas: size)
            apply(event, to: &series, &random)
            budget -= length
        }
        series.events.sort { $0.start < $1.start }
    }

    private func drawKind(_ random: inout SeededRandom) -> AnomalyKind {
        switch random.below(10) {
        case 0..<5: .spike
        case 5..<7: .dip
        default: .levelShift
        }
    }

    private func drawLength(_ kind: AnomalyKind, _ random: inout SeededRandom) -> Int {
        switch kind {
        case .spike, .dip, .labelled: 1 + random.below(3)
        case .levelShift: 12 + random.below(13)
        }
    }

    private func isFree(_ start: Int, _ length: Int, _ series: LabelledSeries) -> Bool {
        series.events.allSatisfy {
            start > $0.end + Injector.quietGap || start + length < $0.start - Injector.quietGap
        }
    }

    private func apply(
        _ event: AnomalyEvent, to series: inout LabelledSeries, _ random: inout SeededRandom
    ) {
        let up = event.kind == .spike || event.kind == .levelShift && random.below(2) == 0
        let offset = event.sigmas * Signal.noise * (up ? 1 : -1)
        for index in event.start..<event.end {
            let rps = max(0, series.samples[index].rps + offset)
            series.samples[index].cpu = Signal.rounded(
                max(0, series.samples[index].cpu + (rps - series.samples[index].rps) * 0.05))
            series.samples[index].rps = Signal.rounded(rps)
        }
        series.events.append(event)
    }
}

import Detection

@testable import SeriesLog

/// What a log's entries come to, folded one after the other by the plainest code: the truth that
/// replicas are held against. A copy stays as it is when the original goes on.
struct Reference {
    struct Series {
        /// Since the series began.
        var samples: [Sample] = []
        private var arrivals: [SampleArrival] = []
        var lastEntry: UInt64 = 0
        var lastArrival = 0
        fileprivate var state = FoldState()

        mutating func fold(
            _ sample: Sample, _ parameters: FoldParameters, at arrival: SampleArrival
        ) -> Verdict {
            let state = current(parameters)
            samples.append(sample)
            arrivals.append(arrival)
            state.count += 1
            return state.fold.fold(sample, parameters, at: arrival)
        }

        /// The fold of all samples.
        private mutating func current(_ parameters: FoldParameters) -> FoldState {
            if state.count != samples.count || samples.isEmpty {
                // A copy of the past: the state belongs to what came after it.
                state = FoldState(parameters)
                for (sample, arrival) in zip(samples, arrivals) {
                    _ = state.fold.fold(sample, parameters, at: arrival)
                }
                state.count = samples.count
            }
            return state
        }

        mutating func summary(_ parameters: FoldParameters) -> SeriesSummary {
            current(parameters).fold.summary
        }

        mutating func encoded(_ parameters: FoldParameters) -> [UInt8] {
            current(parameters).fold.encode(parameters)
        }
    }

    final class FoldState {
        var fold: SeriesFold
        var count = 0

        init(_ parameters: FoldParameters = FoldParameters()) { fold = SeriesFold(parameters) }
    }

    /// What became of a part of an entry.
    struct Part {
        let isCounted: Bool
        let samples: [(sample: Sample, verdict: Verdict)]
    }

    let parameters: FoldParameters
    let timeToLive: Int
    let keyLimit: Int
    private(set) var clock = 0
    private(set) var keys: [UInt64] = []
    private(set) var ends = 0
    var series: [[UInt8]: Series] = [:]
    var fleet = Series()

    init(_ settings: LogSettings) {
        parameters = settings.parameters
        timeToLive = settings.timeToLive
        keyLimit = settings.keyLimit
    }

    /// Whether a device has samples, the last of them within its time to live.
    func isLive(_ name: [UInt8], now: Int) -> Bool {
        series[name].map { max(clock, now) - $0.lastArrival <= timeToLive } ?? false
    }

    mutating func take(_ bytes: [UInt8], number: UInt64) -> [Part] {
        var turn = DecodedTurn()
        guard (try? turn.decode(bytes.span)) != nil else { return [] }
        clock = max(clock, turn.head.arrival)
        var parts: [Part] = []
        for part in turn.parts {
            if part.kind == .end {
                takeEnd(bytes, Int(turn.items[part.items.lowerBound]))
                parts.append(Part(isCounted: true, samples: []))
                continue
            }
            var isCounted = true
            if part.kind == .keyedSamples {
                isCounted = !keys.contains(part.key)
                if isCounted { keys.append(part.key) }
                if keys.count > keyLimit { keys.removeFirst() }
            }
            var samples: [(sample: Sample, verdict: Verdict)] = []
            for item in part.items {
                let offset = Int(turn.items[item])
                let sample = bytes.span.sample(at: offset)
                let name = Array(bytes[bytes.span.nameRange(ofSampleAt: offset)])
                let verdict =
                    isCounted
                    ? fold(
                        sample, of: name, isDeviceOnly: bytes.span.isDeviceOnly(at: offset),
                        number: number) : Verdict()
                samples.append((sample, verdict))
            }
            parts.append(Part(isCounted: isCounted, samples: samples))
        }
        return parts
    }

    private mutating func fold(
        _ sample: Sample, of name: [UInt8], isDeviceOnly: Bool, number: UInt64
    ) -> Verdict {
        let arrival = SampleArrival(entry: number, milliseconds: clock)
        let verdict =
            isDeviceOnly ? Verdict() : fleet.fold(sample, parameters, at: arrival)
        guard !name.isEmpty else { return verdict }
        var known = series.removeValue(forKey: name) ?? Series()
        if known.lastEntry > 0, clock - known.lastArrival > timeToLive { known = Series() }
        known.lastEntry = number
        known.lastArrival = clock
        let own = known.fold(sample, parameters, at: arrival)
        series[name] = known
        return own
    }

    private mutating func takeEnd(_ bytes: [UInt8], _ offset: Int) {
        let asOf = bytes.span.word(at: offset)
        let name = Array(bytes[bytes.span.nameRange(ofEndAt: offset)])
        guard let known = series[name], known.lastEntry <= asOf else { return }
        series[name] = nil
        ends += 1
    }
}

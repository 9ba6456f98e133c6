/// A healthy series on its way to a labelled one.
struct Distortion {
    private let healthy: HealthySeries
    private var samples: [SignalSample]
    /// Events by the places of the healthy series.
    private(set) var events: [AnomalyEvent] = []

    init(_ healthy: HealthySeries) {
        self.healthy = healthy
        samples = healthy.samples
    }

    /// Whether the load has room below it for an event that takes load away: a rate is not
    /// negative, and a dip that is cut off at 0 would not have its stated size.
    func isPossible(_ event: AnomalyEvent) -> Bool {
        guard event.kind == .dip else { return true }
        return hasRoomBelow(event)
    }

    private func hasRoomBelow(_ event: AnomalyEvent) -> Bool {
        (event.start..<event.end).allSatisfy {
            samples[$0].rps >= event.sigmas * healthy.noise($0)
        }
    }

    /// - Parameter goesUp: the direction of an event that may have either; where there is no room
    ///   below it is up.
    mutating func apply(_ event: AnomalyEvent, goesUp: Bool) {
        events.append(event)
        let up = event.kind == .spike || event.kind != .dip && (goesUp || !hasRoomBelow(event))
        for index in event.start..<event.end {
            let noise = healthy.noise(index) * event.sigmas * (up ? 1 : -1)
            let rps = samples[index].rps
            switch event.kind {
            case .spike, .dip, .levelShift, .bump: move(index, to: rps + noise)
            case .slowDrift:
                let way = Double(index - event.start + 1) / Double(event.end - event.start)
                move(index, to: rps + noise * way)
            case .varianceBurst:
                let course = healthy.course[index]
                move(index, to: course + event.sigmas * (rps - course))
            case .flatLine: samples[index] = repeated(index, of: event.start - 1)
            case .brokenRhythm:
                move(index, to: rps - healthy.course[index] + healthy.course[event.start])
            case .decoupling:
                samples[index].cpu = Signal.rounded(
                    samples[index].cpu + event.sigmas * HealthySeries.cpuNoise)
            case .droppedSamples, .labelled: break
            }
        }
    }

    /// Sets the load of a sample, and lets cpu follow as it always does.
    private mutating func move(_ index: Int, to rps: Double) {
        let bounded = max(0, rps)
        let change = (bounded - samples[index].rps) * healthy.cpuPerRequest
        samples[index].cpu = Signal.rounded(max(0, samples[index].cpu + change))
        samples[index].rps = Signal.rounded(bounded)
    }

    private func repeated(_ index: Int, of source: Int) -> SignalSample {
        SignalSample(
            timestamp: samples[index].timestamp, rps: samples[source].rps, cpu: samples[source].cpu)
    }

    /// The series without the samples that were dropped, and its events by the places that are
    /// left.
    func series(name: String) -> LabelledSeries {
        var isDropped = [Bool](repeating: false, count: samples.count)
        for event in events where event.kind == .droppedSamples {
            for index in event.start..<event.end { isDropped[index] = true }
        }
        var place: [Int] = []
        var kept: [SignalSample] = []
        for index in samples.indices {
            place.append(kept.count)
            if !isDropped[index] { kept.append(samples[index]) }
        }
        let moved = events.map { event in
            let start = place[event.start]
            let length = event.kind == .droppedSamples ? 1 : event.end - event.start
            return AnomalyEvent(
                start: start, end: start + length, kind: event.kind, sigmas: event.sigmas)
        }
        return LabelledSeries(
            name: name, samples: kept, events: moved.sorted { $0.start < $1.start })
    }
}

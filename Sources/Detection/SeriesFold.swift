/// All that is remembered of a series, and the step from one sample to the next.
///
/// A fold is a pure function of the samples before it: whoever folds the same samples in the same
/// order says the same verdicts, bit for bit, today and from a checkpoint.
package struct SeriesFold: ~Copyable {
    private var judge: WindowJudge
    private var detector = AdaptiveDetector()
    private var last = Verdict()
    /// Samples that alerted; it stops at its limit.
    private var alerts: UInt32 = 0
    /// The last one that was measured; 0 before that.
    private var lastCPU = 0.0
    private var lastRPS = 0.0
    private var anomalies = 0
    /// The time of the last sample, in Unix seconds, as the detector knows it.
    private var time = 0.0
    /// The incident that goes on; it has memory of its own, because few series have one.
    private var incident: OwnedBox<OpenIncident>?
    /// The entry of the log with the first sample; 0 before that.
    private var life: UInt64 = 0

    package init(_ parameters: FoldParameters) {
        judge = WindowJudge(parameters)
    }

    /// Samples folded so far.
    package var count: Int { last.sequence }

    /// Takes the next sample in and says what it is. `parameters` are those the fold was made with.
    package mutating func fold(
        _ sample: Sample, _ parameters: FoldParameters, at arrival: SampleArrival = .unknown
    ) -> Verdict {
        if life == 0 { life = arrival.entry }
        last.isLearning = detector.isLearning
        judge.judge(sample, into: &last, samplesBefore: detector.samples, parameters)
        let timely = timely(sample, at: arrival)
        time = timely.timestamp
        detector.judge(timely, &last, threshold: parameters.alertThreshold)
        if last.alert || last.incident > 0 { follow(sample, parameters, at: arrival) }
        last.timestamp = sample.timestamp
        if sample.hasCPU { lastCPU = sample.cpu }
        lastRPS = sample.rps
        if last.isAnomaly { anomalies += 1 }
        if last.alert, alerts < .max { alerts += 1 }
        return last
    }

    /// Takes the next sample in as `fold` does, and says why it is judged so.
    package mutating func explain(
        _ sample: Sample, _ parameters: FoldParameters, at arrival: SampleArrival
    ) -> Explanation {
        let before = detector
        let timely = timely(sample, at: arrival)
        let verdict = fold(sample, parameters, at: arrival)
        return Explanation(timely, verdict, sent: sample, before: before, parameters: parameters)
    }

    @inline(__always)
    private mutating func timely(_ sample: Sample, at arrival: SampleArrival) -> Sample {
        var timely = sample
        if sample.timestamp > arrival.latest { timely.timestamp = usualTime(of: arrival) }
        return timely
    }

    /// The clock of who sent the sample is wrong: for the detector the usual time has passed, so
    /// that neither this sample nor the next one is an odd one.
    @inline(never)
    private mutating func usualTime(of arrival: SampleArrival) -> Double {
        detector.samples == 0
            ? Double(arrival.milliseconds) / 1000 : time + detector.usualStep
    }

    /// The sample alerts, or the one before it belonged to an incident.
    @inline(never)
    private mutating func follow(
        _ sample: Sample, _ parameters: FoldParameters, at arrival: SampleArrival
    ) {
        if last.ending != .none || incident?.value.isOver(at: arrival) ?? false { endIncident() }
        last.ending = .none
        if incident != nil {
            last.ending =
                incident?.value.take(
                    last, value: sample.rps, time: time, arrival: arrival,
                    threshold: parameters.alertThreshold) ?? .none
        } else {
            last.incident = last.alert ? last.sequence : 0
            last.life = last.alert ? life : 0
            guard last.alert else { return }
            // Exchanged, not assigned: an optimized build (Swift 6.3) would not free the old one.
            var opened: OwnedBox<OpenIncident>? = OwnedBox(
                OpenIncident(last, time: time, arrival: arrival))
            swap(&incident, &opened)
        }
    }

    private mutating func endIncident() {
        var ended: OwnedBox<OpenIncident>?
        swap(&incident, &ended)
        last.incident = 0
        last.life = 0
    }

    /// How much there has been. It can be set, so that a series whose past cannot be folded any
    /// more (other parameters, say) goes on counting where it was.
    package var totals: SeriesTotals {
        get { SeriesTotals(samples: last.sequence, anomalies: anomalies, alerts: Int(alerts)) }
        set {
            last.sequence = newValue.samples
            anomalies = newValue.anomalies
            alerts = UInt32(clamping: newValue.alerts)
        }
    }

    /// What the series looks like now; all zero before the first sample.
    package var summary: SeriesSummary {
        SeriesSummary(
            windowCount: Int(judge.window.count), mean: judge.window.rpsMean,
            standardDeviation: judge.window.rpsDeviation, cpuMean: judge.window.cpuMean,
            cpuStandardDeviation: judge.window.cpuDeviation,
            lastSample: Sample(timestamp: last.timestamp, cpu: lastCPU, rps: lastRPS),
            lastVerdict: last, anomalies: anomalies, alerts: Int(alerts))
    }
}

/// Samples of a series, and how many of them were anomalies and alerted.
package struct SeriesTotals: Equatable, Sendable {
    package var samples: Int
    package var anomalies: Int
    package var alerts: Int

    package init(samples: Int, anomalies: Int, alerts: Int) {
        self.samples = samples
        self.anomalies = anomalies
        self.alerts = alerts
    }
}

/// A series at a glance.
package struct SeriesSummary: Equatable, Sendable {
    /// Samples in the window.
    package var windowCount = 0
    package var mean = 0.0
    package var standardDeviation = 0.0
    package var cpuMean = 0.0
    package var cpuStandardDeviation = 0.0
    package var lastSample = Sample(timestamp: 0, cpu: 0, rps: 0)
    /// The verdict on the last sample; its `sequence` counts all samples of the series.
    package var lastVerdict = Verdict()
    /// Samples of the series that were anomalies, and that alerted.
    package var anomalies = 0
    package var alerts = 0

    package static let empty = SeriesSummary()
}

// MARK: Checkpoints

extension SeriesFold {
    /// Changes with every change of how samples are judged, and of what is said of them. Even; the
    /// odd one after it is the layout of a fold that has seen samples without cpu.
    package static let version = 8
    /// Those of builds before are read too, and go on bit for bit: 6 did not tell the bounds of the
    /// cpu, and 4 did not follow incidents.
    private static let readVersions = 4...version + 1
    private static let firstWithIncidents = 6

    /// The fold as bytes, from which `init(decoding:_:)` continues bit for bit.
    package mutating func encode(_ parameters: FoldParameters) -> [UInt8] {
        var writer = StateWriter()
        // Writing only reads the fields and cannot fail: every number in range is its own image.
        try? visit(&writer, parameters)
        return writer.bytes
    }

    /// - Throws: when the bytes are no checkpoint of a fold with these parameters.
    package init(decoding bytes: Span<UInt8>, _ parameters: FoldParameters) throws(StateError) {
        self.init(parameters)
        var reader = StateReader(bytes)
        try visit(&reader, parameters)
        try reader.expectEnd()
    }

    private mutating func visit<Visitor: StateVisitor>(
        _ visitor: inout Visitor, _ parameters: FoldParameters
    ) throws(StateError) {
        var version = detector.hasGaps ? SeriesFold.version + 1 : SeriesFold.version
        try visitor.visit(&version)
        guard SeriesFold.readVersions.contains(version) else { throw .unknownVersion }
        let hasGaps = !version.isMultiple(of: 2)
        try check(Double(parameters.windowSize), &visitor)
        try check(parameters.zThreshold, &visitor)
        try check(Double(parameters.minimumSamples), &visitor)
        try check(parameters.alertThreshold, &visitor)
        try judge.window.visit(&visitor)
        try detector.visit(&visitor)
        try last.visit(&visitor)
        if hasGaps {
            try detector.visitGaps(&visitor)
            try visitor.visit(&last.hasCPU)
        }
        try visitor.visit(&lastCPU)
        try visitor.visit(&lastRPS)
        try visitor.visit(&anomalies, in: 0...Int.max / 2)
        try visitor.visit(&alerts, in: 0...UInt32.max)
        if version < SeriesFold.firstWithIncidents {
            time = last.timestamp
        } else {
            try visitIncident(&visitor)
        }
    }

    private mutating func visitIncident<Visitor: StateVisitor>(
        _ visitor: inout Visitor
    ) throws(StateError) {
        try visitor.visit(&time)
        var first = Int(truncatingIfNeeded: life)
        try visitor.visit(&first, in: 0...Int.max)
        life = UInt64(first)
        try last.visitIncident(&visitor)
        last.life = last.incident > 0 ? life : 0
        guard last.incident > 0 else { return }
        if incident == nil {
            var empty: OwnedBox<OpenIncident>? = OwnedBox(OpenIncident())
            swap(&incident, &empty)
        }
        try incident?.value.visit(&visitor)
    }

    private func check<Visitor: StateVisitor>(_ expected: Double, _ visitor: inout Visitor)
        throws(StateError)
    {
        var value = expected
        try visitor.visit(&value)
        guard value == expected else { throw .otherParameters }
    }
}

extension Verdict {
    fileprivate mutating func visit<Visitor: StateVisitor>(_ visitor: inout Visitor)
        throws(StateError)
    {
        try visitor.visit(&sequence, in: 0...Int.max / 2)
        try visitor.visit(&timestamp)
        try visitor.visit(&rollingAverage)
        try visitor.visit(&standardDeviation)
        try visitor.visit(&zScore)
        try visitor.visit(&isAnomaly)
        try visitor.visit(&cpuZScore)
        try visitor.visit(&score)
        try visitor.visit(&expected)
        try visitor.visit(&lower)
        try visitor.visit(&upper)
        try visitor.visit(&alert)
        var code = reason.rawValue
        try visitor.visit(&code, in: 0...UInt8(Reason.allCases.count - 1))
        reason = Reason(rawValue: code) ?? .none
    }

    fileprivate mutating func visitIncident<Visitor: StateVisitor>(
        _ visitor: inout Visitor
    ) throws(StateError) {
        try visitor.visit(&incident, in: 0...Int.max / 2)
        try visitor.visit(&isLearning)
        var code = ending.rawValue
        try visitor.visit(&code, in: 0...UInt8(IncidentEnding.allCases.count - 1))
        ending = IncidentEnding(rawValue: code) ?? .none
    }
}

/// Why a sample was judged as it was: what each view said of it, and how far it would have had to
/// be otherwise.
package struct Explanation: Sendable, Equatable {
    /// What one view said.
    package struct View: Sendable, Equatable {
        package enum State: Sendable {
            /// Below the threshold.
            case quiet
            /// It reached the threshold, and another sample must agree before it counts.
            case waiting
            /// It reached the threshold.
            case over
        }

        /// nil is the judge that weighs what the views saw together.
        package let reason: Reason?
        package let score: Double
        package let state: State
        /// What it expected, and the bounds within which it stays below the threshold: of what
        /// `Reason.measure` says. nil for a view that expects nothing, or knows too little yet.
        package let range: Range?
    }

    package struct Range: Sendable, Equatable {
        package let expected: Double
        package let lower: Double
        package let upper: Double
    }

    package let sample: Sample
    package let verdict: Verdict
    package let views: [View]
    /// The nearest value that would not have alerted, between the one that did and what was
    /// expected: of cpu, where that is the verdict's reason, else of rps. nil for no alert, and
    /// where there is none.
    package let quietValue: Double?
    package let parameters: FoldParameters

    /// - Parameters:
    ///   - timely: the sample as the detector sees it, whose timestamp may differ.
    ///   - before: the detector before the sample.
    init(
        _ timely: Sample, _ verdict: Verdict, sent sample: Sample, before: AdaptiveDetector,
        parameters: FoldParameters
    ) {
        self.sample = sample
        self.verdict = verdict
        self.parameters = parameters
        let question = ExplainedSample(
            sample: timely, verdict: verdict, before: before,
            threshold: parameters.alertThreshold)
        views = question.views()
        quietValue = question.quietValue()
    }
}

/// A sample with the detector before it, which can be asked about other samples in its place.
private struct ExplainedSample {
    let sample: Sample
    let verdict: Verdict
    let before: AdaptiveDetector
    let threshold: Double

    /// A view by size that is still quiet so many of the spike view's bands away has no bounds.
    private static let farBands = 1e4
    /// Steps of a bisection at most; after about as many two doubles are next to each other.
    private static let steps = 100

    private func ask(_ other: Sample) -> (findings: AdaptiveDetector.Findings, isAlert: Bool) {
        var detector = before
        var verdict = Verdict()
        let findings = detector.look(at: other, &verdict, threshold: threshold)
        return (findings, verdict.alert)
    }

    // MARK: Views

    func views() -> [Explanation.View] {
        let found = ask(sample).findings
        let spike = found.alone.spikeBand
        let scores = found.scores
        var views = [
            view(
                .spike, scores.spike, alone: found.alone.spikeScore,
                range: before.isLearning ? nil : load(spike, found)),
            view(.jump, scores.jump, alone: found.jumpScore, range: jump(found)),
            view(.daily, scores.daily, alone: found.alone.dailyScore, range: daily(found)),
            view(.level, scores.level, alone: scores.level, range: load(found.levelBand, found)),
            view(.cpu, scores.cpu, alone: scores.cpu, range: cpu(found.relation)),
            view(.flat, scores.flat, alone: scores.flat, range: nil),
            view(.gap, scores.gap, alone: scores.gap, range: nil),
        ]
        if found.opinion.isCandidate {
            let score = larger(0, found.opinion.score)
            views.append(
                Explanation.View(
                    reason: nil, score: score, state: score >= threshold ? .over : .quiet,
                    range: nil))
        }
        return views
    }

    /// - Parameters:
    ///   - score: what counted.
    ///   - alone: what it would be if no other sample had to agree.
    private func view(
        _ reason: Reason, _ score: Double, alone: Double, range: Explanation.Range?
    ) -> Explanation.View {
        let state: Explanation.View.State =
            score >= threshold ? .over : score > 0 && alone >= threshold ? .waiting : .quiet
        // What the verdict tells is the view's own, after another sample has agreed.
        let isTold = reason == verdict.reason && reason.measure != .nothing
        let told = Explanation.Range(
            expected: verdict.expected, lower: verdict.lower, upper: verdict.upper)
        return Explanation.View(
            reason: reason, score: score, state: state, range: isTold ? told : range)
    }

    private func load(
        _ band: Band, _ found: AdaptiveDetector.Findings
    ) -> Explanation.Range? {
        guard band.half > 0 else { return nil }
        let expected = band.expected + found.origin
        return Explanation.Range(
            expected: expected, lower: expected - band.half, upper: expected + band.half)
    }

    private func jump(_ found: AdaptiveDetector.Findings) -> Explanation.Range? {
        bounds(about: found.expectedOfJump, found) { $0.jumpScore }
    }

    /// The daily view is not heard of values that are near the hour's mean by everyday noise.
    private func daily(_ found: AdaptiveDetector.Findings) -> Explanation.Range? {
        let least = found.leastHourOffset
        let expected = found.alone.dailyBand.expected
        return bounds(about: expected, found) { $0.alone.dailyScore }.map { range in
            Explanation.Range(
                expected: range.expected, lower: smaller(range.lower, range.expected - least),
                upper: larger(range.upper, range.expected + least))
        }
    }

    /// Where a score reaches the threshold, found by asking: what the view measures by depends on
    /// the value itself.
    /// - Parameter expected: relative to the first value.
    private func bounds(
        about expected: Double, _ found: AdaptiveDetector.Findings,
        _ score: (AdaptiveDetector.Findings) -> Double
    ) -> Explanation.Range? {
        let expected = expected + found.origin
        let far = ExplainedSample.farBands * found.alone.spikeBand.half
        func isOver(_ value: Double) -> Bool {
            var other = sample
            other.rps = value
            return score(ask(other).findings) >= threshold
        }
        guard !isOver(expected), isOver(expected + far), isOver(expected - far) else { return nil }
        return Explanation.Range(
            expected: expected, lower: quietEnd(from: expected - far, to: expected, isOver),
            upper: quietEnd(from: expected + far, to: expected, isOver))
    }

    private func cpu(_ outcome: RelationView.Outcome) -> Explanation.Range? {
        guard outcome.sigma > 0 else { return nil }
        let bounds = outcome.bounds(threshold: threshold)
        return Explanation.Range(
            expected: outcome.expected, lower: bounds.lower, upper: bounds.upper)
    }

    // MARK: The nearest quiet value

    func quietValue() -> Double? {
        guard verdict.alert else { return nil }
        switch verdict.reason.measure {
        case .load: return boundary(from: sample.rps) { $0.rps = $1 }
        case .cpu: return boundary(from: sample.cpu) { $0.cpu = $1 }
        case .nothing: return nil
        }
    }

    private func boundary(
        from value: Double, _ set: (inout Sample, Double) -> Void
    ) -> Double? {
        func alerts(_ value: Double) -> Bool {
            var other = sample
            set(&other, value)
            return ask(other).isAlert
        }
        var expected = verdict.expected
        if verdict.reason.measure == .cpu { expected = larger(0, expected) }
        return alerts(expected) ? nil : quietEnd(from: value, to: expected, alerts)
    }

    /// Halves the way from a loud value to a quiet one until the doubles on both sides of a
    /// boundary are neighbours.
    /// - Returns: the quiet one of them.
    private func quietEnd(
        from loud: Double, to quiet: Double, _ isLoud: (Double) -> Bool
    ) -> Double {
        var (loud, quiet) = (loud, quiet)
        for _ in 0..<ExplainedSample.steps {
            let middle = loud + (quiet - loud) / 2
            if middle == loud || middle == quiet { break }
            if isLoud(middle) { loud = middle } else { quiet = middle }
        }
        return quiet
    }
}

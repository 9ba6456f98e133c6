package import Signals

/// The Numenta Anomaly Benchmark's score of a detector over a corpus of series.
///
/// A sample is detected when its score reaches the threshold. Every window pays for its earliest
/// detection or costs for being missed; every detection outside costs. The sum is normalised: 0 is
/// a detector that never fires, 100 one that fires once at the start of each window.
package struct NABScore: Sendable {
    private struct Detection {
        let score: Double
        let worth: Double
        /// The window's place in the corpus; nil outside.
        let window: Int?
    }

    /// Samples that some threshold detects; a score of 0 is never a detection.
    private var detections: [Detection] = []
    /// Windows of the corpus that can be found.
    package private(set) var windows = 0

    package init() {}

    /// Adds a series, its windows, and per sample the detector's score: at least 0, higher for what
    /// is less normal.
    package mutating func add(_ events: [AnomalyEvent], scores: [Double]) {
        let timeline = NABTimeline(events, count: scores.count)
        for index in timeline.probation..<max(timeline.probation, scores.count)
        where scores[index] > 0 {
            let point = timeline.points[index]
            let place = point.window.flatMap { timeline.windows.firstIndex(of: $0) }
            detections.append(
                Detection(
                    score: scores[index], worth: point.worth, window: place.map { windows + $0 }))
        }
        windows += timeline.windows.count
    }

    /// A threshold and what the detector scores with it.
    package struct Result: Equatable, Sendable {
        package let threshold: Double
        /// Normalised: 0 for silence, 100 for perfection; no lower bound.
        package let score: Double
    }

    /// The score when all samples from `threshold` up are detections; 0 for a corpus without
    /// windows.
    package func score(_ profile: NABProfile, threshold: Double) -> Double {
        var sum = Sum(windows, profile)
        for detection in detections where detection.score >= threshold { sum.add(detection) }
        return sum.normalised
    }

    /// The threshold that is best for this corpus, in hindsight; of equal ones the highest.
    /// Infinity, which detects nothing, when nothing scores above 0.
    package func best(_ profile: NABProfile) -> Result {
        var sum = Sum(windows, profile)
        var best = Result(threshold: .infinity, score: sum.normalised)
        let ordered = detections.sorted { $0.score > $1.score }
        for (index, detection) in ordered.enumerated() {
            sum.add(detection)
            let isLastOfItsScore =
                index + 1 == ordered.count || ordered[index + 1].score < detection.score
            if isLastOfItsScore, sum.normalised > best.score {
                best = Result(threshold: detection.score, score: sum.normalised)
            }
        }
        return best
    }

    /// The raw sum while detections are added to it.
    private struct Sum {
        private let profile: NABProfile
        /// Each window's best worth so far; nil while missed.
        private var found: [Double?]
        private var raw: Double

        init(_ windows: Int, _ profile: NABProfile) {
            self.profile = profile
            found = [Double?](repeating: nil, count: windows)
            raw = -profile.falseNegative * Double(windows)
        }

        mutating func add(_ detection: Detection) {
            guard let window = detection.window else {
                raw += detection.worth * profile.falsePositive
                return
            }
            let worth = detection.worth * profile.truePositive
            let before = found[window] ?? -profile.falseNegative
            guard worth > before else { return }
            raw += worth - before
            found[window] = worth
        }

        /// 100 (raw - null) / (perfect - null): silence misses every window, perfection is paid in
        /// full for each.
        var normalised: Double {
            guard !found.isEmpty else { return 0 }
            let null = -profile.falseNegative * Double(found.count)
            let perfect = profile.truePositive * Double(found.count)
            return 100 * (raw - null) / (perfect - null)
        }
    }
}

package import Signals

/// How well a score finds the incidents, threshold by threshold.
package struct EventSweep: Sendable {
    private struct Series {
        let events: [AnomalyEvent]
        /// Samples that some threshold could flag, in order, and their scores.
        let candidates: [(index: Int, score: Double)]
        let count: Int
    }

    /// A threshold and the findings from it up.
    package struct Point: Sendable {
        package let threshold: Double
        package let score: EventScore
    }

    /// Samples after a flag in which no other is raised: one for an incident, not one for each of
    /// its samples. 0 for a source that already does so.
    private let rest: Int
    private var series: [Series] = []

    package init(rest: Int) {
        self.rest = rest
    }

    /// Adds a series by its events and, per sample, its score: 0 for what no threshold may flag.
    package mutating func add(_ events: [AnomalyEvent], scores: [Double]) {
        var candidates: [(index: Int, score: Double)] = []
        for (index, score) in scores.enumerated() where score > 0 {
            candidates.append((index, score))
        }
        series.append(Series(events: events, candidates: candidates, count: scores.count))
    }

    package func point(_ threshold: Double) -> Point {
        var score = EventScore()
        for one in series {
            var flagged = [Bool](repeating: false, count: one.count)
            var last = -rest - 1
            for candidate in one.candidates
            where candidate.score >= threshold && candidate.index - last > rest {
                flagged[candidate.index] = true
                last = candidate.index
            }
            score.add(one.events, flagged: flagged)
        }
        return Point(threshold: threshold, score: score)
    }

    /// Points at `count` thresholds between the lowest and the highest score, each 1/count of the
    /// scores apart, from the lowest up.
    package func curve(count: Int) -> [Point] {
        let scores = series.flatMap { $0.candidates.map(\.score) }.sorted()
        guard let highest = scores.last, count > 1 else { return [] }
        var points: [Point] = []
        for step in 0..<count {
            let threshold = step + 1 == count ? highest : scores[scores.count * step / count]
            if points.last?.threshold != threshold { points.append(point(threshold)) }
        }
        return points
    }

    /// The best event F1 among thresholds spaced evenly by their ratio: hindsight, which no
    /// detector that runs has.
    package func best(from low: Double, to high: Double, ratio: Double) -> Point {
        var best = point(low)
        var threshold = low * ratio
        while threshold <= high {
            let next = point(threshold)
            if next.score.f1 > best.score.f1 { best = next }
            threshold *= ratio
        }
        return best
    }
}

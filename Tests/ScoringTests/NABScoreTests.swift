import Signals
import Testing

@testable import Scoring

/// A series of 100 samples (15 of them probation) with two windows of 10.
private let windows = [
    AnomalyEvent(start: 20, end: 30, kind: .labelled),
    AnomalyEvent(start: 60, end: 70, kind: .labelled),
]

private func scores(_ detections: [Int: Double], count: Int = 100) -> [Double] {
    (0..<count).map { detections[$0] ?? 0 }
}

private func corpus(_ detections: [Int: Double]) -> NABScore {
    var corpus = NABScore()
    corpus.add(windows, scores: scores(detections))
    return corpus
}

private func isClose(_ value: Double, _ expected: Double) -> Bool {
    abs(value - expected) < 1e-9
}

@Suite struct NABTimelineTests {
    @Test("probation is 15 % of a series, never more than 750 samples")
    func countsProbation() {
        #expect(NABTimeline.probation(100) == 15)
        #expect(NABTimeline.probation(1127) == 169)
        #expect(NABTimeline.probation(5000) == 750)
        #expect(NABTimeline.probation(22_695) == 750)
        #expect(NABTimeline.probation(0) == 0)
    }

    @Test("worth falls from the window's first sample to its last, by hand")
    func weighsInside() {
        let points = NABTimeline(windows, count: 100).points
        #expect(points[20].worth == 1)
        // (2 / (1 + e^-2.5) - 1) / (2 / (1 + e^-5) - 1)
        #expect(isClose(points[25].worth, 0.859_792_566_909_784))
        // (2 / (1 + e^-0.5) - 1) / (2 / (1 + e^-5) - 1)
        #expect(isClose(points[29].worth, 0.248_241_549_775_430))
        #expect(points[20].window == 0)
        #expect(points[69].window == 1)
    }

    @Test("a detection costs all before the first window, little just after one, by hand")
    func weighsOutside() {
        let points = NABTimeline(windows, count: 100).points
        #expect(points[19] == NABTimeline.Point(worth: -1, window: nil))
        // 2 / (1 + e^(5/9)) - 1 and 2 / (1 + e^(50/9)) - 1
        #expect(isClose(points[30].worth, -0.270_847_118_516_721))
        #expect(isClose(points[39].worth, -0.992_297_935_288_140))
        // Past three window lengths.
        #expect(points[58].worth == -1)
        #expect(points[58].window == nil)
    }

    @Test("a window of one sample has no length to measure distance by")
    func survivesSingleSampleWindows() {
        let timeline = NABTimeline([AnomalyEvent(start: 50, end: 51, kind: .labelled)], count: 99)
        #expect(timeline.points[50].worth == 1)
        #expect(timeline.points[51].worth == -1)
    }
}

@Suite struct NABScoreTests {
    @Test(
        "one hand-computed case under the three profiles",
        arguments: [
            (NABProfile.standard, 92.999_984_596_824), (.rewardLowFP, 89.505_155_020_903),
            (.rewardLowFN, 95.333_323_064_549),
        ])
    func scoresByHand(_ profile: NABProfile, _ expected: Double) {
        // Far before all windows, mid-window, just after it, and the second window at once.
        let found = corpus([17: 9, 25: 9, 30: 9, 60: 9])
        #expect(isClose(found.score(profile, threshold: 8), expected))
    }

    @Test("a window counts once, by its earliest detection")
    func countsWindowsOnce() {
        let once = corpus([20: 9]).score(.standard, threshold: 8)
        #expect(corpus([20: 9, 21: 9, 29: 9]).score(.standard, threshold: 8) == once)
        #expect(isClose(once, 50))
        #expect(isClose(corpus([20: 9]).score(.rewardLowFN, threshold: 8), 50))
    }

    @Test("silence is 0 and perfection is 100, whatever the profile", arguments: NABProfile.all)
    func normalises(_ profile: NABProfile) {
        #expect(corpus([:]).score(profile, threshold: 8) == 0)
        #expect(isClose(corpus([20: 9, 60: 9]).score(profile, threshold: 8), 100))
        #expect(corpus([17: 9]).score(profile, threshold: 8) < 0)
    }

    @Test("nothing in probation counts, neither detections nor windows that end in it")
    func ignoresProbation() {
        #expect(corpus([0: 9, 14: 9]).score(.standard, threshold: 8) == 0)
        var young = NABScore()
        young.add(
            [AnomalyEvent(start: 2, end: 15, kind: .labelled)] + windows,
            scores: scores([3: 9, 20: 9]))
        #expect(young.windows == 2)
        #expect(isClose(young.score(.standard, threshold: 8), 50))
    }

    @Test("the best threshold is named, and tells apart what the shipped one does not")
    func findsBestThreshold() {
        // Two true detections at 20 and 12, a false one at 15 and one at 9.
        let found = corpus([20: 20, 60: 12, 45: 15, 90: 9])
        let best = found.best(.standard)
        #expect(best.threshold == 12)
        #expect(best.score > found.score(.standard, threshold: 8))
        #expect(best.score == found.score(.standard, threshold: 12))
        // A late finding at the price of many false ones is not worth it.
        let crowd = corpus([20: 20, 69: 9, 50: 9, 51: 9, 52: 9, 53: 9, 54: 9, 55: 9])
        #expect(crowd.best(.rewardLowFP).threshold == 20)
        #expect(corpus([:]).best(.standard).threshold == .infinity)
    }

    @Test("series without windows only cost")
    func addsCleanSeries() {
        var both = corpus([20: 9, 60: 9])
        both.add([], scores: scores([50: 9]))
        #expect(both.windows == 2)
        // One full false detection of 0.11 against a span of 4 between null and perfect.
        #expect(isClose(both.score(.standard, threshold: 8), 100 - 100 * 0.11 / 4))
    }
}

import Numerics
import Testing

@testable import Detection

@Suite struct ConfirmationTests {
    private func judged(_ samples: [(score: Double, x: Double)]) -> [Double] {
        var confirmation = Confirmation()
        return samples.map { sample in
            var band = Band(expected: 100, half: 10)
            return confirmation.judge(sample.score, x: sample.x, threshold: 8, band: &band)
        }
    }

    @Test("a score counts when one of the next two samples keeps more than half of the distance")
    func needsASecondSample() {
        #expect(judged([(12, 200), (3, 151)]) == [7, 12])
        #expect(judged([(12, 200), (3, 110), (3, 160)]) == [7, 3, 12])
        #expect(judged([(12, 200), (3, 110), (3, 110), (3, 160)]) == [7, 3, 3, 3])
        #expect(judged([(12, 200), (3, 149), (3, 100)]) == [7, 3, 3])
    }

    @Test("the other direction confirms nothing, and the higher of two scores counts")
    func knowsDirections() {
        #expect(judged([(12, 200), (12, 0), (3, 100)]) == [7, 7, 3])
        #expect(judged([(12, 200), (30, 400)]) == [7, 30])
        #expect(judged([(3, 100), (7.9, 130)]) == [3, 7.9])
    }

    @Test("the band of a confirmation is half of the first distance about what was expected")
    func showsItsBand() {
        var confirmation = Confirmation()
        var band = Band(expected: 100, half: 10)
        _ = confirmation.judge(12, x: 200, threshold: 8, band: &band)
        #expect(band.half == 10)
        _ = confirmation.judge(3, x: 180, threshold: 8, band: &band)
        #expect(band.expected == 100)
        #expect(band.half == 50)
    }
}

@Suite struct AlertBudgetTests {
    @Test("eight alerts are free, each more raises the bar by a quarter, up to fourfold")
    func raisesTheBar() {
        var budget = AlertBudget()
        var bars: [Double] = []
        for _ in 0..<24 {
            bars.append(budget.bar)
            budget.spend()
        }
        #expect(bars[0...8].allSatisfy { $0 == 1 })
        #expect(bars[9] == 1.25)
        #expect(bars[12] == 2)
        #expect(bars[23] == 4)
    }

    @Test("alerts are forgotten by time, not by samples", arguments: [1.0, 10, 60, 300])
    func forgetsByTime(_ seconds: Double) {
        var budget = AlertBudget()
        for _ in 0..<16 { budget.spend() }
        for _ in 0..<Int(2 * 86_400 / seconds) { budget.pass(seconds: seconds) }
        // 16 / e is below the free ones.
        #expect(budget.bar == 1)
        for _ in 0..<4 { budget.spend() }
        #expect(abs(budget.bar - (1 + 0.25 * (16 * exponential(-1) + 4 - 8))) < 0.02)
    }
}

@Suite struct SamplingIntervalTests {
    @Test("a minute has at least one sample, and as many as come", arguments: [1.0, 10, 60, 300])
    func countsAMinute(_ seconds: Double) {
        var interval = SamplingInterval()
        #expect(interval.samplesPerMinute == 1)
        for index in 0..<20 { _ = interval.note(Double(index) * seconds, isFirst: index == 0) }
        #expect(interval.samplesPerMinute == max(1, 60 / seconds))
        #expect(interval.isAtMost(seconds))
        #expect(!interval.isAtMost(seconds / 2))
    }

    @Test("time that stands still or goes back teaches nothing")
    func ignoresDisorder() {
        var interval = SamplingInterval()
        for time in [100.0, 110, 105, 105, 1, 11] { _ = interval.note(time, isFirst: time == 100) }
        #expect(interval.seconds == 10)
    }
}

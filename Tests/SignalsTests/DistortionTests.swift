import Numerics
import Testing

@testable import Signals

@Suite struct DistortionTests {
    private func healthy(_ signal: Signal = .constant) -> HealthySeries {
        var random = SeededRandom(seed: 9)
        return HealthySeries(signal, count: 1000, &random)
    }

    private func sick(
        _ healthy: HealthySeries, _ kind: AnomalyKind, _ range: Range<Int>, _ sigmas: Double = 0,
        goesUp: Bool = true
    ) -> LabelledSeries {
        var distortion = Distortion(healthy)
        distortion.apply(
            AnomalyEvent(
                start: range.lowerBound, end: range.upperBound, kind: kind, sigmas: sigmas),
            goesUp: goesUp)
        return distortion.series(name: "x")
    }

    @Test(
        "a spike, a dip and a shift move their samples by their size, cpu with them, and no others",
        arguments: [
            (AnomalyKind.spike, 50.0), (.dip, -50), (.levelShift, 50), (.bump, 50),
        ])
    func movesByItsSize(_ kind: AnomalyKind, _ change: Double) {
        let before = healthy()
        let after = sick(before, kind, 700..<703, 5)
        for index in before.samples.indices {
            let isInside = (700..<703).contains(index)
            let rps = after.samples[index].rps - before.samples[index].rps
            let cpu = after.samples[index].cpu - before.samples[index].cpu
            #expect(abs(rps - (isInside ? change : 0)) < 0.01, "\(index)")
            #expect(abs(cpu - (isInside ? change * 0.05 : 0)) < 0.01, "\(index)")
        }
    }

    @Test("a drift leaves step by step and reaches its size")
    func drifts() {
        let before = healthy()
        let after = sick(before, .slowDrift, 700..<740, 4, goesUp: false)
        for index in 700..<740 {
            let change = before.samples[index].rps - after.samples[index].rps
            #expect(abs(change - Double(index - 699)) < 0.01)
        }
        #expect(after.samples[740] == before.samples[740])
    }

    @Test("a burst of noise multiplies the noise and keeps the course")
    func bursts() {
        let before = healthy(.daily)
        let after = sick(before, .varianceBurst, 700..<712, 3)
        for index in 700..<712 {
            let course = before.course[index]
            let expected = 3 * (before.samples[index].rps - course)
            #expect(abs(after.samples[index].rps - course - expected) < 0.01)
        }
    }

    @Test("a flat line repeats the last sample before it, and time goes on")
    func flattens() {
        let before = healthy()
        let after = sick(before, .flatLine, 700..<740)
        #expect(after.samples[700..<740].allSatisfy { $0.rps == before.samples[699].rps })
        #expect(after.samples.map(\.timestamp) == before.samples.map(\.timestamp))
    }

    @Test("dropped samples are gone, and the first after the gap is labelled")
    func drops() {
        let before = healthy()
        let after = sick(before, .droppedSamples, 700..<710)
        #expect(after.samples.count == 990)
        #expect(after.samples[700] == before.samples[710])
        #expect(after.events == [AnomalyEvent(start: 700, end: 701, kind: .droppedSamples)])
    }

    @Test("a broken rhythm stands where it stood when it broke")
    func breaksRhythm() {
        let before = healthy(.daily)
        let after = sick(before, .brokenRhythm, 700..<740)
        for index in 700..<740 {
            let noise = before.samples[index].rps - before.course[index]
            #expect(abs(after.samples[index].rps - before.course[700] - noise) < 0.01)
        }
    }

    @Test("decoupling burns cpu and leaves the load alone")
    func decouples() {
        let before = healthy()
        let after = sick(before, .decoupling, 700..<710, 8)
        #expect(after.samples.map(\.rps) == before.samples.map(\.rps))
        for index in 700..<710 {
            #expect(abs(after.samples[index].cpu - before.samples[index].cpu - 4) < 0.01)
        }
    }

    @Test("a dip needs room, and a shift without room goes up")
    func staysAboveZero() {
        let counts = healthy(.counts)
        let event = AnomalyEvent(start: 700, end: 712, kind: .dip, sigmas: 8)
        #expect(!Distortion(counts).isPossible(event))
        let shifted = sick(counts, .levelShift, 700..<712, 8, goesUp: false)
        #expect(shifted.samples[700].rps > counts.samples[700].rps + 20)
    }
}

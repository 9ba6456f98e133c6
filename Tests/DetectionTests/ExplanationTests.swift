import Numerics
import Testing

@testable import Detection

/// Why samples were judged as they were.
@Suite struct ExplanationTests {
    private let parameters = FoldParameters()

    /// A load with a daily rhythm, incidents of it and of its cpu, and a gap.
    private func sample(_ index: Int, step: Double, _ random: inout SeededRandom) -> Sample {
        let time = 1_700_000_000 + Double(index) * step + (index > 3_000 ? 40 * step : 0)
        let hour = sine(turns: time / 86_400)
        var rps = 400 + 80 * hour + 8 * random.gaussian()
        var cpu = 5 + 0.1 * rps + random.gaussian()
        if index % 700 > 690 { rps += index % 1_400 > 700 ? 300 : -200 }
        if index % 900 > 880 { cpu += 30 }
        if index > 3_600 { rps = 100 + 8 * random.gaussian() }
        return Sample(timestamp: time, cpu: max(0, cpu), rps: rps)
    }

    private func sine(turns: Double) -> Double {
        // Good enough for a rhythm: a parabola for each half of the day.
        let part = turns - turns.rounded(.down)
        return part < 0.5 ? 16 * part * (0.5 - part) : -16 * (part - 0.5) * (1 - part)
    }

    @Test(
        "an explanation says what the fold says, bit for bit, and changes nothing",
        arguments: [1.0, 60, 300])
    func equalsTheFold(_ step: Double) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var plain = SeriesFold(parameters)
        var explained = SeriesFold(parameters)
        var reasons: Set<Reason> = []
        for index in 0..<4_000 {
            let sample = sample(index, step: step, &random)
            let arrival = SampleArrival(entry: 3, milliseconds: Int(sample.timestamp * 1_000))
            let verdict = plain.fold(sample, parameters, at: arrival)
            let isAsked = verdict.alert || random.below(4) == 0
            guard isAsked else {
                #expect(explained.fold(sample, parameters, at: arrival) == verdict)
                continue
            }
            let explanation = explained.explain(sample, parameters, at: arrival)
            #expect(explanation.verdict == verdict, "seed \(seed) at \(index)")
            #expect(explanation.views.count >= 7)
            let heard = explanation.views.map(\.score).max() ?? 0
            if explanation.views.count == 7 {
                #expect(heard == verdict.score, "seed \(seed) at \(index)")
            }
            guard verdict.alert else { continue }
            reasons.insert(verdict.reason)
            let view = explanation.views.first { $0.reason == verdict.reason }
            if verdict.reason.measure != .nothing {
                #expect(
                    view?.range
                        == Explanation.Range(
                            expected: verdict.expected, lower: verdict.lower, upper: verdict.upper))
            }
        }
        #expect(reasons.count > 1, "seed \(seed)")
        #expect(plain.encode(parameters) == explained.encode(parameters))
    }

    @Test("the nearest quiet value does not alert, and its neighbour towards the sample does")
    func findsTheBoundary() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var fold = SeriesFold(parameters)
        var found: [Reason: Int] = [:]
        for index in 0..<4_000 {
            let sample = sample(index, step: 60, &random)
            let before = fold.encode(parameters)
            let explanation = fold.explain(sample, parameters, at: .unknown)
            guard let quiet = explanation.quietValue else { continue }
            let isCPU = explanation.verdict.reason == .cpu
            func alerts(_ value: Double) throws -> Bool {
                var other = try SeriesFold(decoding: before.span, parameters)
                var changed = sample
                if isCPU { changed.cpu = value } else { changed.rps = value }
                return other.fold(changed, parameters).alert
            }
            #expect(try !alerts(quiet), "seed \(seed) at \(index)")
            let value = isCPU ? sample.cpu : sample.rps
            #expect(
                try alerts(value > quiet ? quiet.nextUp : quiet.nextDown),
                "seed \(seed) at \(index)")
            found[explanation.verdict.reason, default: 0] += 1
        }
        #expect(found[.cpu] ?? 0 > 0 && found.count > 1, "seed \(seed): \(found)")
    }

    @Test("each view's bounds are where its score reaches the threshold")
    func tellsBounds() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var fold = SeriesFold(parameters)
        var looked: [Reason: Int] = [:]
        for index in 0..<3_500 {
            let sample = sample(index, step: 300, &random)
            let before = fold.encode(parameters)
            let views = fold.explain(sample, parameters, at: .unknown).views
            guard index % 7 == 0 else { continue }
            for view in views {
                guard let reason = view.reason, let range = view.range, reason != .level else {
                    continue
                }
                func score(_ value: Double) throws -> Double {
                    var other = try SeriesFold(decoding: before.span, parameters)
                    var changed = sample
                    if reason == .cpu { changed.cpu = value } else { changed.rps = value }
                    let views = other.explain(changed, parameters, at: .unknown).views
                    return views.first { $0.reason == reason }?.score ?? 0
                }
                looked[reason, default: 0] += 1
                let slack = 1e-6 * (range.upper - range.lower)
                let inside = try score(range.upper - slack)
                #expect(inside < 8, "seed \(seed) at \(index), \(reason): \(inside)")
                // A cpu below 0 cannot be sent, and one far off counts no more than the bound.
                guard reason != .cpu else { continue }
                let outside = try max(score(range.upper + slack), score(range.lower - slack))
                // What the hour explains is no jump.
                #expect(
                    outside >= 8 || reason == .jump && outside == 0,
                    "seed \(seed) at \(index), \(reason): \(outside) beyond \(range)")
            }
        }
        #expect(looked.keys.contains(.spike) && looked.keys.contains(.cpu))
        #expect(looked.keys.contains(.jump) && looked.keys.contains(.daily), "\(looked)")
    }

    @Test("an alert for cpu lies outside the bounds of the cpu", arguments: [1.0, 10, 60, 300])
    func cpuLiesOutside(_ step: Double) {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var alerts = 0
        for _ in 0..<4 {
            var fold = SeriesFold(parameters)
            for index in 0..<6_000 {
                let rps = 400 + 30 * random.gaussian()
                var cpu = 20 + 0.05 * rps + random.gaussian()
                if index % 1_500 > 1_480 { cpu += [6.0, -12, 40][random.below(3)] }
                cpu = max(0, cpu)
                let verdict = fold.fold(
                    Sample(timestamp: Double(index) * step, cpu: cpu, rps: rps), parameters)
                guard verdict.reason == .cpu else { continue }
                alerts += verdict.alert ? 1 : 0
                #expect(verdict.lower <= verdict.upper)
                #expect(
                    cpu <= verdict.lower || cpu >= verdict.upper,
                    "seed \(seed) at \(index): \(cpu) in \(verdict)")
            }
        }
        #expect(alerts > 3, "seed \(seed)")
    }
}

import Numerics
import Testing

@testable import Detection

/// Ways in which a series may be unkind to a detector.
private enum Course: CaseIterable {
    case negative, restarts, nearConstant, constant, mostlyZero, steps, gaussian

    func value(_ index: Int, _ random: inout SeededRandom) -> Double {
        switch self {
        case .negative: -500 + 20 * random.gaussian()
        case .restarts: Double(index % 150) * 1000 + random.gaussian()
        case .nearConstant: 1e6 + 1e-3 * random.gaussian()
        case .constant: 42
        case .mostlyZero: random.below(20) == 0 ? 30 * random.unit() : 0
        case .steps: 100 * Double(index / 300 % 5) + random.gaussian()
        case .gaussian: 400 + 10 * random.gaussian()
        }
    }
}

@Suite struct DetectorPropertyTests {
    private let parameters = FoldParameters()

    @Test(
        "an alert for its size lies outside its band, whatever the series and its sampling",
        arguments: [1.0, 10, 60, 300, 3600])
    func liesOutsideItsBand(_ step: Double) {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var alerts = 0
        for course in Course.allCases {
            var fold = SeriesFold(parameters)
            for index in 0..<4000 {
                var value = course.value(index, &random)
                if index % 500 > 490 { value += [300.0, -80, 3000][index / 500 % 3] }
                let verdict = fold.fold(
                    Sample(timestamp: Double(index) * step, cpu: 0, rps: value), parameters)
                #expect(verdict.lower <= verdict.expected && verdict.expected <= verdict.upper)
                guard verdict.alert, [.spike, .jump, .daily].contains(verdict.reason) else {
                    continue
                }
                alerts += 1
                let slack = 1e-9 * max(1, value.magnitude)
                #expect(
                    value <= verdict.lower + slack || value >= verdict.upper - slack,
                    "seed \(seed) \(course) at \(index): \(value) in \(verdict)")
            }
        }
        #expect(alerts > 10, "seed \(seed)")
    }

    @Test("a series moved by a constant alerts in the same places, below zero as above")
    func isIndifferentToZero() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var above = SeriesFold(parameters)
        var below = SeriesFold(parameters)
        var alerts = 0
        for index in 0..<5000 {
            // Whole numbers, so that moving them rounds nothing.
            let value = (random.gaussian() * 64).rounded() + (index % 700 > 690 ? 1024 : 0)
            let time = Double(index) * 300
            let one = above.fold(Sample(timestamp: time, cpu: 0, rps: value + 4096), parameters)
            let other = below.fold(Sample(timestamp: time, cpu: 0, rps: value - 4096), parameters)
            #expect(one.alert == other.alert, "seed \(seed) at \(index)")
            alerts += one.alert ? 1 : 0
        }
        #expect(alerts > 0, "seed \(seed)")
    }

    @Test("a cpu that is never measured never alerts, and changes nothing else")
    func livesWithoutCPU() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var with = SeriesFold(parameters)
        var without = SeriesFold(parameters)
        for index in 0..<5000 {
            let value = Course.gaussian.value(index, &random) + (index % 900 > 890 ? 200 : 0)
            let time = Double(index) * 60
            let usual = with.fold(
                Sample(timestamp: time, cpu: 5 + 0.05 * value, rps: value), parameters)
            let bare = without.fold(Sample(timestamp: time, cpu: 0, rps: value), parameters)
            #expect(bare.reason != .cpu, "seed \(seed) at \(index)")
            #expect(bare.alert == usual.alert, "seed \(seed) at \(index)")
        }
    }

    @Test("a counter that restarts alerts at its first restarts and then no more")
    func getsUsedToRestarts() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for step in [1.0, 10, 60, 300] {
            var fold = SeriesFold(parameters)
            var late = 0
            for index in 0..<20_000 {
                let value = Double(index % 400) * 5 + random.gaussian()
                let verdict = fold.fold(
                    Sample(timestamp: Double(index) * step, cpu: 0, rps: value), parameters)
                if index > 4000, verdict.alert { late += 1 }
            }
            #expect(late <= 2, "seed \(seed), a sample every \(step) s: \(late)")
        }
    }

    @Test("series that hardly move, or never, do not alert for rounding")
    func leavesRoundingAlone() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for step in [1.0, 60, 300] {
            for course in [Course.nearConstant, .constant] {
                var fold = SeriesFold(parameters)
                for index in 0..<10_000 {
                    let value = course.value(index, &random)
                    let verdict = fold.fold(
                        Sample(timestamp: Double(index) * step, cpu: 0, rps: value), parameters)
                    #expect(!verdict.alert, "seed \(seed) \(course) at \(index): \(verdict)")
                }
            }
        }
    }

    @Test("the daily view says nothing before it has seen two days")
    func waitsTwoDays() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for step in [60.0, 300, 600] {
            var detector = AdaptiveDetector()
            var verdict = Verdict()
            for index in 0..<Int(2 * 86_400 / step) {
                let isNoisy = index % 7 == 0
                let value = 100 + (isNoisy ? 50 : 1) * random.gaussian()
                detector.judge(
                    Sample(timestamp: Double(index) * step, cpu: 0, rps: value), &verdict,
                    threshold: 8)
                #expect(verdict.reason != .daily, "seed \(seed) at \(index)")
            }
        }
    }

    @Test(
        "noise with heavy tails raises at most two alerts a day, however often it is sampled",
        arguments: [1.0, 10, 60, 300])
    func staysQuietByTheDay(_ step: Double) {
        let days = step == 1 ? 2 : 10
        var alerts = 0
        for seed in 1...3 {
            var random = SeededRandom(seed: UInt64(seed))
            var detector = AdaptiveDetector()
            var verdict = Verdict()
            for index in 0..<Int(Double(days) * 86_400 / step) {
                // Laplace of standard deviation 10.
                let u = random.unit() - 0.5
                let size = -naturalLogarithm(1 - 2 * u.magnitude) * 10 / 2.0.squareRoot()
                detector.judge(
                    Sample(
                        timestamp: Double(index) * step, cpu: 0, rps: 400 + (u < 0 ? -size : size)),
                    &verdict, threshold: 8)
                alerts += verdict.alert ? 1 : 0
            }
        }
        #expect(alerts <= 2 * 3 * days, "\(alerts) in \(3 * days) days")
    }

    @Test("a flood of incidents raises the bar instead of waking people all day")
    func boundsAlertsByTheDay() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var detector = AdaptiveDetector()
        var verdict = Verdict()
        var late = 0
        for index in 0..<(4 * 1440) {
            let isOff = index % 30 < 4
            let value = 400 + 10 * random.gaussian() + (isOff && random.below(2) == 0 ? 200 : 0)
            detector.judge(
                Sample(timestamp: Double(index) * 60, cpu: 0, rps: value), &verdict, threshold: 8)
            if index > 2 * 1440, verdict.alert { late += 1 }
        }
        #expect(late <= 16, "seed \(seed): \(late) in two days")
    }
}

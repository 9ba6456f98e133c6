import Numerics
import Testing

@testable import Detection

/// Feeds a detector one sample after the other, five minutes apart.
private struct Feed {
    var detector = AdaptiveDetector()
    var random: SeededRandom
    var timestamp = 1_767_571_200.0
    private(set) var verdict = Verdict()
    private(set) var alerts: [Reason] = []

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func add(rps: Double, cpu: Double, step: Double = 300) {
        timestamp += step
        detector.judge(
            Sample(timestamp: timestamp, cpu: cpu, rps: rps), &verdict, threshold: 8)
        if verdict.alert { alerts.append(verdict.reason) }
    }

    /// A sample of 400 rps with a noise of 10, and the cpu that goes with it.
    mutating func addNormal(offset: Double = 0, cpuOffset: Double = 0, step: Double = 300) {
        let rps = 400 + offset + 10 * random.gaussian()
        add(rps: rps, cpu: 5 + 0.05 * rps + 0.5 * random.gaussian() + cpuOffset, step: step)
    }

    mutating func addNormal(count: Int) {
        for _ in 0..<count { addNormal() }
    }

    /// Takes the alerts so far; what follows is judged on its own.
    mutating func takeAlerts() -> [Reason] {
        defer { alerts = [] }
        return alerts
    }
}

@Suite struct AdaptiveDetectorTests {
    private let seeds: [UInt64] = [1, 2, 3, 4, 5]

    @Test("a giant does not hide the 8-sigma spike that comes long after it")
    func seesPastGiants() {
        for seed in seeds {
            var feed = Feed(seed: seed)
            feed.addNormal(count: 500)
            feed.addNormal(offset: 5000)
            feed.addNormal(count: 400)
            _ = feed.takeAlerts()
            feed.addNormal(offset: 80)
            let alerts = feed.takeAlerts()
            #expect(alerts == [.jump], "seed \(seed)")
        }
    }

    @Test("the end of an incident is no incident")
    func knowsRecovery() {
        for seed in seeds {
            var feed = Feed(seed: seed)
            feed.addNormal(count: 1000)
            _ = feed.takeAlerts()
            for _ in 0..<20 { feed.addNormal(offset: 120) }
            let alerts = feed.takeAlerts()
            #expect(alerts.count == 1, "seed \(seed)")
            feed.addNormal(count: 100)
            let later = feed.takeAlerts()
            #expect(later.isEmpty, "seed \(seed)")
        }
    }

    @Test("cpu that rises without load alerts, cpu that rises with it does not")
    func seesDecoupling() {
        for seed in seeds {
            var feed = Feed(seed: seed)
            feed.addNormal(count: 1000)
            _ = feed.takeAlerts()
            for _ in 0..<8 { feed.addNormal(cpuOffset: 4) }
            let alerts = feed.takeAlerts()
            #expect(alerts == [.cpu], "seed \(seed)")
            feed.addNormal(count: 400)
            _ = feed.takeAlerts()
            for step in 0..<40 { feed.addNormal(offset: Double(step)) }
            let later = feed.takeAlerts()
            #expect(!later.contains(.cpu), "seed \(seed)")
        }
    }

    @Test("one odd cpu reading alone, however large, is not enough")
    func forgivesSingleReadings() {
        var feed = Feed(seed: 7)
        feed.addNormal(count: 1000)
        _ = feed.takeAlerts()
        feed.addNormal(cpuOffset: 1000)
        let alerts = feed.takeAlerts()
        #expect(alerts.isEmpty)
    }

    @Test("missing samples alert in a regular series, and not in one that comes as it comes")
    func seesGaps() {
        for seed in seeds {
            var regular = Feed(seed: seed)
            regular.addNormal(count: 400)
            _ = regular.takeAlerts()
            regular.addNormal(step: 3000)
            let alerts = regular.takeAlerts()
            #expect(alerts == [.gap], "seed \(seed)")
            var irregular = Feed(seed: seed)
            for _ in 0..<400 { irregular.addNormal(step: 10 + 1000 * irregular.random.unit()) }
            _ = irregular.takeAlerts()
            irregular.addNormal(step: 5000)
            let later = irregular.takeAlerts()
            #expect(!later.contains(.gap), "seed \(seed)")
        }
    }

    @Test(
        "a nightly job stops alerting after a few nights, and a larger incident at its hour does not"
    )
    func learnsNightlyJobs() {
        for seed in seeds {
            var feed = Feed(seed: seed)
            feed.addNormal(count: 288)
            var nights: [Int] = []
            for night in 0..<14 {
                for slot in 0..<288 { feed.addNormal(offset: slot == 36 ? 150 : 0) }
                if !feed.takeAlerts().isEmpty { nights.append(night) }
            }
            #expect(nights.allSatisfy { $0 < 4 }, "seed \(seed): \(nights)")
            #expect(nights.contains(0), "seed \(seed): \(nights)")
            for slot in 0..<36 { feed.addNormal(offset: slot == 35 ? 1500 : 0) }
            let alerts = feed.takeAlerts()
            #expect(!alerts.isEmpty, "seed \(seed)")
        }
    }

    @Test("a counter that starts again alerts twice, an outage every time")
    func tellsRestartsFromOutages() {
        for seed in seeds {
            var counter = Feed(seed: seed)
            var outage = Feed(seed: seed)
            var restarts: [Int] = []
            var outages: [Int] = []
            for round in 0..<6 {
                for step in 0..<400 {
                    counter.addNormal(offset: Double(step) - 300)
                    outage.addNormal(offset: round > 0 && step < 80 ? -400 : 0)
                    if !counter.takeAlerts().isEmpty, step < 8 { restarts.append(round) }
                    if !outage.takeAlerts().isEmpty, step < 8 { outages.append(round) }
                }
            }
            #expect(restarts == [1, 2], "seed \(seed)")
            #expect(outages == [1, 2, 3, 4, 5], "seed \(seed)")
        }
    }

    @Test("independent noise alone raises at most one alert in ten thousand samples")
    func staysQuiet() {
        for seed in seeds {
            var feed = Feed(seed: seed)
            feed.addNormal(count: 10_000)
            let alerts = feed.takeAlerts()
            #expect(alerts.count <= 1, "seed \(seed) \(alerts)")
        }
    }

    @Test("the constants of the daily view are the logarithms that they stand for")
    func constantsAreLogarithms() {
        #expect(abs(DailyView.rarityStep + naturalLogarithm(0.999)) < 1e-18)
        #expect(abs(DailyView.rarityLimit + naturalLogarithm(3e-4)) < 1e-14)
    }
}

@Suite struct RestartHabitTests {
    @Test("the third fall to the same place is a habit, until a rise or another place")
    func needsTwoFalls() {
        var habit = RestartHabit()
        var verdicts: [Bool] = []
        for (x, expected) in [
            (0.0, 400.0), (3, 420), (-2, 390), (1, 405), (400, 5), (0, 400), (0, 400), (0, 400),
            (-300, 400), (0, 400),
        ] {
            verdicts.append(habit.note(x, expected: expected, sigma: 1))
        }
        #expect(
            verdicts == [
                false, false, true, true, false, false, false, true, false, false,
            ])
    }

    @Test("a dip on the way changes nothing, and coming back forgets all")
    func ignoresDips() {
        var habit = RestartHabit()
        for _ in 0..<2 { _ = habit.note(0, expected: 400, sigma: 1) }
        let dip = habit.note(200, expected: 280, sigma: 1)
        #expect(!dip)
        let third = habit.note(0, expected: 400, sigma: 1)
        #expect(third)
        habit.forget()
        let fourth = habit.note(0, expected: 400, sigma: 1)
        #expect(!fourth)
    }
}

@Suite struct DailyHabitTests {
    private let day = 86_400.0

    @Test("a habit has a like on three of the last four days, within half an hour")
    func needsPrecedents() {
        var habit = DailyHabit()
        var verdicts: [Bool] = []
        for (days, minutes) in [(0, 0), (1, 10), (2, -10), (3, 5), (5, 0), (6, 45)] {
            let time = 1_767_571_200 + Double(days) * day + Double(minutes) * 60
            verdicts.append(habit.note(10, at: time))
        }
        #expect(verdicts == [false, false, false, true, true, false])
    }

    @Test("what is twice as large as it ever was is no habit")
    func noticesGrowth() {
        var habit = DailyHabit()
        for index in 0..<3 { _ = habit.note(10, at: Double(index) * day) }
        let doubled = habit.note(21, at: 3 * day)
        #expect(!doubled)
        let grown = habit.note(19, at: 4 * day)
        #expect(grown)
    }

    @Test("any time is a time")
    func survivesAnyTime() {
        var habit = DailyHabit()
        for time in [-1e300, -5.0, 0, 1e12, 1e300] { _ = habit.note(1000, at: time) }
    }
}

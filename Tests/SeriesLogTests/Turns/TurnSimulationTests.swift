import Testing

@testable import SeriesLog

@Suite struct TurnSimulationTests {
    static let scenarios: [(name: String, kinds: TurnSimulation.Kinds, seeds: Int)] = [
        ("cuts and trims", [], 10),
        ("crashes and stalls", [.crashes, .stalls, .largeRequests], 10),
        ("connections that cannot be fenced off", [.crashes, .stalls, .zombies], 10),
        ("everything, one log", .all, 20),
        ("everything, a log for each group of devices", .all.union(.cluster), 10),
    ]

    @Test("one simulation again", .enabled(if: kindsToRepeat != nil))
    func repeats() throws {
        let kinds = TurnSimulation.Kinds(rawValue: kindsToRepeat ?? 0)
        var simulation = TurnSimulation(seed: firstSeed, kinds: kinds)
        try simulation.run(steps: 1_500)
    }

    @Test("replicas tell the truth, whatever goes wrong", arguments: scenarios.indices)
    func holds(scenario: Int) {
        let (name, kinds, seeds) = TurnSimulationTests.scenarios[scenario]
        var counts = SimulationCounts()
        var failures = 0
        for seed in 0..<UInt64(seeds * scale) {
            var simulation = TurnSimulation(seed: firstSeed + seed, kinds: kinds)
            do {
                try simulation.run(steps: 1_500)
            } catch {
                failures += 1
                if failures <= 3 { Issue.record("\(error)") }
            }
            counts.add(simulation.counts)
        }
        if failures > 0 { print("\(name): \(failures) of \(seeds * scale) seeds fail") }
        if scale > 1 { print("\(name): \(seeds * scale) seeds, \(counts)") }
        #expect(counts.verdicts > 0 && counts.histories > 0)
    }
}

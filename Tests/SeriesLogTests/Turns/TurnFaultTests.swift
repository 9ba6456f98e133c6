import Testing

@testable import SeriesLog

/// Leaves out one rule at a time: a simulation that cannot find that finds nothing.
@Suite struct TurnFaultTests {
    struct Planted: Sendable {
        let fault: TurnSimulation.Fault
        let kinds: TurnSimulation.Kinds
        /// It is found within so many seeds.
        let seeds: Int
    }

    static let disturbed: TurnSimulation.Kinds = [.crashes, .stalls]

    static let planted = [
        Planted(fault: .noToken, kinds: disturbed, seeds: 100),
        Planted(fault: .noKeys, kinds: disturbed, seeds: 100),
        Planted(fault: .splitTrim, kinds: disturbed, seeds: 100),
        Planted(fault: .earlyExpiry, kinds: .all, seeds: 100),
        Planted(fault: .noFirst, kinds: disturbed.union(.rollbacks), seeds: 100),
        Planted(fault: .keysFirst, kinds: disturbed, seeds: 100),
        Planted(fault: .keysAny, kinds: disturbed, seeds: 1_000),
        Planted(fault: .shortTail, kinds: disturbed, seeds: 100),
        Planted(fault: .ignoreGap, kinds: disturbed, seeds: 100),
        Planted(fault: .skipUnheld, kinds: disturbed, seeds: 100),
        Planted(
            fault: .noClock, kinds: disturbed.union([.timeJumps, .cluster]), seeds: 100),
        Planted(fault: .noFence, kinds: disturbed.union(.zombies), seeds: 100),
        Planted(fault: .noPieces, kinds: disturbed.union(.largeRequests), seeds: 100),
        Planted(fault: .noConfirm, kinds: .all, seeds: 400),
        Planted(fault: .duplicatesToo, kinds: disturbed, seeds: 300),
        Planted(fault: .ghostNames, kinds: .all, seeds: 100),
        Planted(fault: .getAfter, kinds: .all, seeds: 300),
    ]

    /// The first seed that shows it.
    private func find(_ planted: Planted) -> Int? {
        for seed in 0..<planted.seeds * scale {
            var simulation = TurnSimulation(
                seed: firstSeed + UInt64(seed), kinds: planted.kinds, fault: planted.fault)
            do { try simulation.run(steps: 1_500) } catch { return seed + 1 }
        }
        return nil
    }

    @Test("a rule that is left out is missed", arguments: planted.indices)
    func finds(number: Int) {
        let planted = TurnFaultTests.planted[number]
        let seeds = find(planted)
        #expect(seeds != nil, "\(planted.fault) is not found in \(planted.seeds * scale) seeds")
        if scale > 1 { print("\(planted.fault): \(seeds ?? 0)") }
    }
}

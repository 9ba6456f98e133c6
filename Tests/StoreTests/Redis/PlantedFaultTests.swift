import Foundation
import Testing

/// Each fault that is planted into a server, or into what a process does, is found by the
/// simulation. A check that never fails would prove nothing.
@Suite struct PlantedFaultTests {
    /// Runs seeds until one fails.
    /// - Returns: how many it took; nil when none of so many does.
    private func seeds(
        _ kinds: MachineSimulation.Kinds, _ faults: MachineSimulation.Faults, atMost limit: Int,
        expecting words: String
    ) -> Int? {
        for seed in 1...limit {
            let simulation = MachineSimulation(seed: UInt64(seed), kinds, faults)
            do {
                try simulation.run(steps: 1_500)
            } catch {
                guard "\(error)".contains(words) else { continue }
                if ProcessInfo.processInfo.environment["SIMULATION_STORY"] != nil {
                    print("found with seed \(seed): \(error)")
                }
                return seed
            }
        }
        return nil
    }

    @Test("a connection that was not closed may write an entry twice")
    func ignoredFence() {
        var faults = MachineSimulation.Faults()
        faults.processes.ignoresFences = true
        let found = seeds(.single, faults, atMost: 20, expecting: "times in tm:{0}")
        #expect(found != nil)
    }

    @Test("without ASKING no request gets through while a slot moves")
    func omittedAsking() {
        var faults = MachineSimulation.Faults()
        faults.processes.omitsAsking = true
        let found = seeds(.moving, faults, atMost: 20, expecting: "does not come to rest")
        #expect(found != nil)
    }

    @Test("a WAIT that confirms too much is seen")
    func uncountedReplicas() {
        var faults = MachineSimulation.Faults()
        faults.servers.confirmsAll = true
        let found = seeds(.replicated, faults, atMost: 20, expecting: "no replica has it")
        #expect(found != nil)
    }

    @Test("checkpoints that expire too early change verdicts")
    func shortExpiry() {
        var faults = MachineSimulation.Faults()
        faults.expiryDivisor = 16
        let found = seeds(.single, faults, atMost: 20, expecting: "is not")
        #expect(found != nil)
    }

    @Test("a request that is cut at other places on a retry counts twice")
    func otherPieces() {
        var faults = MachineSimulation.Faults()
        faults.processes.cutsElsewhere = true
        let found = seeds(.single, faults, atMost: 20, expecting: "times in tm:{0}")
        #expect(found != nil)
    }

    @Test("an EXEC that overlooks WATCH lets two processes trim the same entries")
    func ignoredWatch() {
        var faults = MachineSimulation.Faults()
        faults.servers.ignoresWatch = true
        let found = seeds(.single, faults, atMost: 200, expecting: "is wrong after a trim")
        #expect(found != nil)
    }
}

import Foundation
import Testing
import Wire

/// Runs of `MachineSimulation`: whatever happens, what was acknowledged is the log's, once.
/// SIMULATIONS=n runs n times as many seeds. A failure names the seed and its kind.
@Suite struct MachineSimulationTests {
    @Test("calm: nothing gets lost, nothing fails")
    func calm() throws {
        try run(calmKinds(masters: 1, isCluster: false), seeds: 4)
        try run(calmKinds(masters: 3, isCluster: true), seeds: 4)
    }

    private func calmKinds(masters: Int, isCluster: Bool) -> MachineSimulation.Kinds {
        var kinds = MachineSimulation.Kinds()
        kinds.masters = masters
        kinds.isCluster = isCluster
        kinds.cuts = false
        kinds.restarts = false
        kinds.pauses = false
        kinds.newProcesses = false
        return kinds
    }

    @Test("one server: cuts, pauses, processes that come and go")
    func single() throws {
        try run(.single, seeds: 8, reaching: ["EXEC", "EXEC nothing"])
    }

    @Test("one server that lets no connection be closed")
    func unfenced() throws {
        var kinds = MachineSimulation.Kinds.single
        kinds.fences = false
        try run(kinds, seeds: 8, from: 1_000)
    }

    @Test("one server that gets full, is flushed, and is restarted")
    func disasters() throws {
        var kinds = MachineSimulation.Kinds.single
        kinds.flushes = true
        kinds.fills = true
        kinds.skew = 40
        try run(
            kinds, seeds: 8, from: 2_000, reaching: ["OOM", "XADD nothing"])
    }

    @Test("a master with replicas that take over")
    func replicas() throws {
        try run(.replicated, seeds: 8, from: 3_000, reaching: ["READONLY", "WAIT 0"])
    }

    @Test("a master with replicas that take over, where one that is alone must acknowledge nothing")
    func strictReplicas() throws {
        var kinds = MachineSimulation.Kinds.replicated
        kinds.strictness = .on
        try run(kinds, seeds: 8, from: 7_000, reaching: ["READONLY", "WAIT 0", "tooFewReplicas"])
    }

    @Test("a cluster whose slots move")
    func migrations() throws {
        try run(
            .moving, seeds: 8, from: 4_000, reaching: ["ASK", "MOVED"])
    }

    @Test("a cluster with everything")
    func everything() throws {
        var kinds = MachineSimulation.Kinds.moving
        kinds.processes = 4
        kinds.replicas = 2
        kinds.wanted = 1
        kinds.failovers = true
        kinds.flushes = true
        kinds.fills = true
        kinds.skew = 40
        try run(kinds, seeds: 8, from: 5_000)
    }

    @Test("few devices are known, so the idle ones end")
    func evictions() throws {
        var kinds = MachineSimulation.Kinds.single
        kinds.deviceLimit = 3
        try run(kinds, seeds: 4, from: 6_000)
    }
}

extension MachineSimulation.Kinds {
    static var single: Self { Self() }

    static var replicated: Self {
        var kinds = Self()
        kinds.replicas = 2
        kinds.wanted = 1
        kinds.failovers = true
        return kinds
    }

    static var moving: Self {
        var kinds = Self()
        kinds.masters = 3
        kinds.isCluster = true
        kinds.migrations = true
        return kinds
    }
}

/// How many times the usual number of seeds.
private let factor =
    ProcessInfo.processInfo.environment["SIMULATIONS"].flatMap { Int($0) } ?? 1
/// With SIMULATION_SEED, only this one is run.
private let only =
    ProcessInfo.processInfo.environment["SIMULATION_SEED"].flatMap { UInt64($0) }
/// With SIMULATION_STORY, so many of the last events are told with a failure.
private let told =
    ProcessInfo.processInfo.environment["SIMULATION_STORY"].flatMap { Int($0) } ?? 0

extension MachineSimulationTests {
    /// Runs seeds one after the other; stops at the third that fails.
    /// - Parameter events: what servers must have said, in some of the runs at least.
    private func run(
        _ kinds: MachineSimulation.Kinds, seeds: Int, from first: UInt64 = 1,
        reaching events: [String] = []
    ) throws {
        var failed = 0
        var seen: [String: Int] = [:]
        for seed in first..<first + UInt64(seeds * factor)
        where failed < 3 && (only == nil || only == seed) {
            let simulation = MachineSimulation(seed: seed, kinds)
            do {
                try simulation.run(steps: 1_500)
            } catch {
                failed += 1
                Issue.record("\(error)\n\(simulation.story(told))")
            }
            seen.merge(simulation.cluster.seen) { $0 + $1 }
            seen.merge(simulation.failures) { $0 + $1 }
        }
        guard only == nil else { return }
        for event in events where seen[event] == nil {
            Issue.record("\(event) never happens, only \(seen)")
        }
    }
}

import Detection
import Foundation
import Redis
import SeriesLog
import Store
import Testing

/// The log's machine under everything that can happen, in every order.
@Suite struct LogMachineTests {
    private func simulate(
        _ seeds: ClosedRange<UInt64>, _ kinds: LogSimulation.Kinds, windowSize: Int = 5,
        interval: Int = 4, steps: Int = 600
    ) throws {
        var parameters = FoldParameters()
        parameters.windowSize = windowSize
        parameters.minimumSamples = 2
        var settings = RedisSettings()
        settings.server.servers = [NodeAddress(host: "127.0.0.1", port: 6379)]
        settings.checkpointInterval = interval
        settings.streamLength = 2 * interval
        var acknowledged = 0
        // SIMULATIONS=20 runs twenty times as many.
        let factor = UInt64(ProcessInfo.processInfo.environment["SIMULATIONS"] ?? "") ?? 1
        let more = seeds.lowerBound...seeds.lowerBound + UInt64(seeds.count) * factor - 1
        for seed in more {
            var simulation = LogSimulation(
                seed: seed, loops: 3, parameters: parameters, settings: settings, kinds: kinds)
            do {
                try simulation.run(steps: steps)
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
            acknowledged += simulation.acknowledged.count
        }
        // A simulation in which nothing is ever stored would prove nothing.
        #expect(acknowledged > more.count * steps / 20)
    }

    @Test("a rank that makes no sense is no device", arguments: [Int.max, Int.min, -1])
    func mistrustsRanks(_ rank: Int) throws {
        var settings = RedisSettings()
        settings.server.servers = [NodeAddress(host: "127.0.0.1", port: 6379)]
        var machine = LogMachine(
            FoldParameters(), settings, writer: 1, hashSeed: 1, metrics: RedisMetrics())
        machine.connected(0, isFenced: true, replicas: 0)
        let opened = machine.openIfRoom(samples: 0)
        let ticket = try #require(opened)
        machine.listDevices(after: Array("a".utf8), limit: 1000, ticket: ticket)
        machine.close(ticket)
        var commands = CommandBuffer()
        let isFlying = machine.fly(0, into: &commands)
        #expect(isFlying)
        machine.received(0, .integer(rank))
        machine.received(0, .integer(1))
        let decided = machine.tickets.takeDecided()
        #expect(decided == ticket)
        let names = machine.tickets[ticket].names
        #expect(names == nil)
    }

    @Test("contending loops give the verdicts of the one log")
    func contends() throws {
        var kinds = LogSimulation.Kinds()
        kinds.cuts = false
        kinds.longPauses = false
        try simulate(1...20, kinds)
    }

    @Test("a checkpoint with every entry, and seldom one, make no difference")
    func checkpoints() throws {
        var kinds = LogSimulation.Kinds()
        kinds.cuts = false
        try simulate(100...115, kinds, interval: 1)
        try simulate(116...130, kinds, windowSize: 50, interval: 64)
    }

    @Test("connections cut with entries in flight lose and double nothing")
    func cuts() throws {
        try simulate(200...260, LogSimulation.Kinds())
    }

    @Test("where old connections cannot be closed, what is not known is not acknowledged")
    func cutsWithoutFence() throws {
        var kinds = LogSimulation.Kinds()
        kinds.fences = false
        try simulate(300...340, kinds)
    }

    @Test("streams that vanish are begun anew, by all")
    func flushes() throws {
        var kinds = LogSimulation.Kinds()
        kinds.flushes = true
        try simulate(400...450, kinds)
    }

    @Test("a server that comes back older than it was is noticed")
    func restores() throws {
        var kinds = LogSimulation.Kinds()
        kinds.restores = true
        kinds.flushes = true
        try simulate(500...550, kinds)
    }
}

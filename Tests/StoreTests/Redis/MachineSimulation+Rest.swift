import Bytes
import Detection
import Numerics
import Redis
import Wire

@testable import SeriesLog
@testable import Store

extension MachineSimulation {
    /// Lets everything come to rest: first all but a slot that moves and stays where it is, in
    /// which requests must get through, then all.
    func comeToRest() throws {
        cluster.isQuick = true
        for server in cluster.servers {
            server.data.isFull = false
            server.isLoading = false
            if !server.isAttached, server !== cluster.master(of: server.group) {
                returnToGroup(server)
            }
        }
        if chance(50) { finishMigration() }
        for server in cluster.servers {
            cluster.gossip(server)
            for connection in server.connections where !connection.isOpen {
                connection.outgoing = []
            }
        }
        retries = []
        try settle("at rest")
        for process in processes {
            let request = newRequest()
            cluster.note("request \(request.number) is the last of process \(process.number)")
            try submit(request, to: process)
            try settle("a request after that")
            guard request.wasStored else {
                throw fault("process \(process.number) stores nothing any more")
            }
        }
        finishMigration()
        for server in cluster.servers { cluster.gossip(server) }
        for process in processes { process.skew = 0 }
        try settle("at the end")
        try checkEnd()
    }

    func settle(_ what: String) throws {
        for _ in 0..<400 {
            for process in processes {
                process.tend(patience: 1)
                try beginEarly(process)
                for shard in process.links.indices {
                    process.fly(shard)
                    process.execute(shard, atMost: .max)
                    process.deliver(shard, atMost: .max)
                }
                try collect(process)
            }
            tellTime(10)
            if processes.allSatisfy({ isAtRest($0) }) { break }
        }
        for process in processes where !isAtRest(process) {
            throw fault(
                "process \(process.number) does not come to rest (\(what)): "
                    + "\(process.waiting.count) wait, \(process.machine.waitingSamples) samples, "
                    + "up \(process.machine.isUp), "
                    + process.machine.logs.map { kept in
                        let ready = process.machine.shard(of: kept).map {
                            process.machine.shards[$0.index].isReady
                        }
                        return "\(text(kept.keys.log)) follows \(kept.log.isFollowing), knows "
                            + "\(kept.log.knowsDevices), ready \(ready ?? false)"
                    }.joined(separator: "; "))
        }
    }

    func isAtRest(_ process: SimulatedProcess) -> Bool {
        process.waiting.isEmpty && process.early.isEmpty && process.machine.isUp
            && process.machine.waitingSamples == 0
            && !process.machine.shards.contains { $0.isOwner && $0.replicas.isBlocking }
    }

    func checkEnd() throws {
        for one in acknowledged { try check(one, "at the end") }
        try checkSummaries()
        try checkDevices()
        try checkCounts()
    }

    func checkSummaries() throws {
        for process in processes {
            for name in [[]] + (0..<deviceCount).map({ Array("device-\($0)".utf8) }) {
                try checkSummary(of: name, process)
            }
        }
    }

    func checkSummary(of name: [UInt8], _ process: SimulatedProcess) throws {
        let log = process.logKey(of: name)
        let ticket = process.machine.ask(about: name.isEmpty ? nil : name)
        process.waiting[ticket] = .other
        var found: SeriesSummary?
        for _ in 0..<100 where process.waiting[ticket] != nil {
            process.tend(patience: 1)
            for shard in process.links.indices {
                process.fly(shard)
                process.execute(shard, atMost: .max)
                process.deliver(shard, atMost: .max)
            }
            if let decided = process.machine.tickets.takeDecided() {
                found = process.machine.tickets[decided].summaries.first ?? nil
                if decided == ticket { process.waiting[ticket] = nil }
                process.machine.tickets.release(decided)
            }
            tellTime(1)
        }
        let reference = reference(log)
        let isListed = name.isEmpty || reference.devices(at: cluster.now).contains(name)
        let expected = name.isEmpty ? reference.fleetSummary : reference.summary(of: name)
        guard isListed else { return }
        guard found == expected else {
            throw fault(
                "process \(process.number) says of \"\(text(name))\" "
                    + "\(String(describing: found)), not \(String(describing: expected))")
        }
    }

    /// All processes list the same devices, and those are the logs'.
    func checkDevices() throws {
        var expected: Set<[UInt8]> = []
        for kept in processes[0].machine.logs where kept.log.settings.hasDevices {
            expected.formUnion(reference(text(kept.keys.log)).devices(at: cluster.now))
        }
        for process in processes {
            var listed: [[UInt8]] = []
            for kept in process.machine.logs {
                listed += kept.log.devices(after: nil, limit: .max) ?? []
            }
            guard Set(listed).count == listed.count else {
                throw fault("process \(process.number) lists a device twice")
            }
            guard Set(listed) == expected else {
                throw fault(
                    "process \(process.number) lists \(listed.map { text($0) }.sorted()), "
                        + "not \(expected.map { text($0) }.sorted())")
            }
        }
    }

    /// No sample is anywhere twice; and in the fleet's log once, when nothing got lost.
    func checkCounts() throws {
        for kept in processes[0].machine.logs {
            let log = text(kept.keys.log)
            for (timestamp, found) in reference(log).verdicts where found.count > 1 {
                throw fault("\(timestamp) is \(found.count) times in \(log)")
            }
        }
        guard kinds.isCalm, let last = processes[0].machine.fleetLog else { return }
        let fleet = reference(text(processes[0].machine.logs[last.index].keys.log))
        for request in requests where request.wasStored {
            for sample in request.samples where fleet.verdicts[sample.timestamp]?.count != 1 {
                throw fault("\(sample.timestamp) is not once in the fleet's log")
            }
        }
    }
}

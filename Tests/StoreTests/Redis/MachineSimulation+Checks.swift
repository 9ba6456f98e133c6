import Bytes
import Detection
import Numerics
import Redis
import Wire

@testable import SeriesLog
@testable import Store

/// What must be so whenever something is answered or trimmed.
extension MachineSimulation {
    // MARK: Answers

    func collect(_ process: SimulatedProcess) throws {
        while let ticket = process.machine.tickets.takeDecided() {
            let waiting = process.waiting.removeValue(forKey: ticket)
            let failure = process.machine.tickets.failure(of: ticket)
            switch waiting {
            case .request(let request):
                if let failure {
                    try refused(request, failure, by: process)
                } else {
                    try stored(request, ticket, by: process)
                }
            case .question(let question):
                if failure == nil { try answered(question, ticket, by: process) }
            case .other: _ = process.machine.takeListing(ticket)
            case nil: throw fault("a ticket is decided twice")
            }
            process.machine.tickets.release(ticket)
        }
    }

    func stored(
        _ request: SimulatedRequest, _ ticket: TicketNumber, by process: SimulatedProcess
    ) throws {
        request.wasStored = true
        let again = Set(process.machine.tickets.duplicates(of: ticket).map { Int($0) })
        let verdicts = process.machine.tickets[ticket].verdicts
        // The client may not have got the answer.
        if request.key != nil, chance(10) { retries.append(request) }
        for (index, sample) in request.samples.enumerated() {
            let one = Acknowledgment(
                timestamp: sample.timestamp, log: request.logs[index],
                verdict: again.contains(index) ? nil : verdicts[index])
            acknowledged.append(one)
            try check(one, "request \(request.number) of process \(process.number)")
            try checkPromise(one, process)
        }
    }

    func answered(
        _ question: SimulatedQuestion, _ ticket: TicketNumber, by process: SimulatedProcess
    ) throws {
        // After a disaster there may be less than there was.
        guard !hasFlushed, !kinds.failovers else { return }
        guard let summary = process.machine.tickets[ticket].summaries.first ?? nil else { return }
        if summary == .empty, question.samplesBefore == 0 { return }
        let known = reference(question.log).summaries[question.device] ?? []
        guard known.dropFirst(max(0, question.samplesBefore - 1)).contains(summary) else {
            let place = known.firstIndex(of: summary)
            throw fault(
                "process \(process.number) says of \"\(text(question.device))\" in "
                    + "\(question.log) what was so after \(place.map { $0 + 1 } ?? -1) samples; "
                    + "there were \(question.samplesBefore) when it was asked")
        }
    }

    // MARK: Checks

    func reference(_ log: String) -> LogReference {
        let reference =
            references[log]
            ?? LogReference(
                parameters, timeToLive: MachineSimulation.timeToLive, keyLimit: settings.keyLimit)
        references[log] = reference
        reference.update(cluster.authority(of: log)?.data.stream(log)?.story ?? [])
        return reference
    }

    /// All that was acknowledged is in the log, once, and the verdict is the log's.
    func check(_ one: Acknowledgment, _ who: String) throws {
        let found = reference(one.log).verdicts[one.timestamp] ?? []
        let records = cluster.journal.bySample[one.timestamp] ?? []
        if found.isEmpty {
            // A failover or a flush took it along.
            if records.contains(where: { $0.key == one.log && !$0.isLost }) || records.isEmpty {
                throw fault("\(who): \(one.timestamp) is acknowledged, and not in \(one.log)")
            }
            return
        }
        guard found.count == 1 else {
            throw fault("\(who): \(one.timestamp) is \(found.count) times in \(one.log)")
        }
        guard let verdict = one.verdict, verdict != found[0] else { return }
        // It may have been lost and stored again, with other samples before it.
        if records.contains(where: { $0.key == one.log && $0.isLost }) { return }
        throw fault("\(who): \(one.timestamp) of \(one.log): \(verdict) is not \(found[0])")
    }

    /// What as many replicas as are there were to confirm, one has.
    func checkPromise(_ one: Acknowledgment, _ process: SimulatedProcess) throws {
        guard kinds.wanted > 0 else { return }
        let records = (cluster.journal.bySample[one.timestamp] ?? []).filter { $0.key == one.log }
        guard !records.isEmpty, !records.contains(where: \.isFlushed) else { return }
        for record in records where !record.isLost {
            let server = cluster.servers[record.server]
            if record.offset <= server.confirmedOffset { return }
        }
        let holder = records.last { !$0.isLost } ?? records[records.count - 1]
        let address = cluster.servers[holder.server].address
        let shard = kinds.isCluster ? process.machine.map.nodes.firstIndex(of: address) : 0
        // Where fewer are enough, none may have been there.
        if kinds.strictness == .off {
            guard let shard, shard < process.links.count,
                process.confirmers[one.log] ?? 0 > 0,
                process.machine.shards[shard].replicas.confirmed > 0
            else { return }
        }
        throw fault("\(one.timestamp) of \(one.log) is acknowledged, and no replica has it")
    }

    /// Checkpoints and what is left of the log give what the whole log gives.
    func checkCheckpoints(of log: String) throws {
        guard let kept = processes.lazy.compactMap({ $0.machine.logs.first }).first,
            let first = cluster.authority(of: log)?.data.stream(log)?.entries.first
        else { return }
        let wrong = reference(log).wrongCheckpoints(
            first: first.id.number, at: cluster.now, kept.log.settings
        ) { name in
            let key = "\(log):c:\(text(name))"
            return cluster.authority(of: key)?.data.list(key) ?? []
        }
        if let name = wrong.first {
            throw fault("the checkpoint of \(text(name)) in \(log) is wrong after a trim")
        }
    }

    func fault(_ what: String) -> Fault {
        Fault(description: "seed \(seed): \(what)")
    }

    /// The last of what was done, for whoever looks for the cause.
    func story(_ count: Int = 60, about words: [String] = []) -> String {
        let lines = cluster.history.filter { line in
            words.isEmpty || words.contains { line.contains($0) }
        }
        return lines.suffix(count).joined(separator: "\n")
    }
}

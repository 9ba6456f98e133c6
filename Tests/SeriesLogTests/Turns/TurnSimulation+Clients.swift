import Bytes
import Detection
import Numerics
import Wire

@testable import SeriesLog

/// Clients: what they send, and whether what they are told is true.
extension TurnSimulation {
    /// A sample tells by its timestamp which attempt it belongs to.
    static func identity(of sample: Sample) -> (attempt: Int, index: Int) {
        let code = Int((sample.timestamp - 1_700_000_000) * 4_096)
        return (code / 4_096, code % 4_096)
    }

    private mutating func sample(_ attempt: Int, _ index: Int) -> Sample {
        Sample(
            timestamp: 1_700_000_000 + Double(attempt) + Double(index) / 4_096,
            cpu: chance(100) ? Sample.notMeasured : Double(below(100)),
            rps: Double(below(1_000)))
    }

    mutating func newRequest() throws {
        let isKeyed = chance(800)
        var count = pick([1, 1, 1, 2, 3, 6])
        if kinds.contains(.largeRequests), chance(pieceLimit > 100 ? 2 : 50) {
            count = pieceLimit > 100 ? 1_100 : 9
        }
        var devices: [[UInt8]?] = []
        var deviceOnly: Set<Int> = []
        for index in 0..<count {
            devices.append(chance(150) ? nil : pick(deviceNames))
            if devices[index] != nil, chance(150) { deviceOnly.insert(index) }
        }
        requests += 1
        if isKeyed { keyed.insert(requests) }
        let request = ClientRequest(
            number: requests, key: isKeyed ? random.next() : nil, devices: devices,
            deviceOnly: deviceOnly, attemptsLeft: isKeyed ? 1 + below(5) : 1)
        send(request)
        // The same at once to another, as an impatient proxy does.
        if isKeyed, chance(100) { send(request) }
    }

    mutating func sendAgain() {
        guard !retries.isEmpty else { return }
        send(retries.remove(at: below(retries.count)))
    }

    private mutating func send(_ request: ClientRequest) {
        let replica = replicas[below(replicas.count)]
        guard replica.frozenUntil <= wall else {
            giveUp(request)
            return
        }
        tellTime(replica)
        attempts += 1
        var request = request
        request.attemptsLeft -= 1
        let attempt = Attempt(number: attempts, request: request)
        requestOfAttempt.append(request.number)
        let ticket = replica.tickets.open(samples: request.devices.count)
        replica.attempts[ticket.index] = attempt
        for start in stride(from: 0, to: request.devices.count, by: pieceLimit) {
            send(
                attempt, start..<min(start + pieceLimit, request.devices.count), at: replica,
                as: ticket)
        }
        replica.tickets.finish(ticket)
        note("attempt \(attempt.number) at \(label(replica.logs[0]))")
    }

    /// Sends a piece of a request: a part for each log that it has samples for.
    private mutating func send(
        _ attempt: Attempt, _ piece: Range<Int>, at replica: SimulatedReplica,
        as ticket: TicketNumber
    ) {
        let devices = attempt.request.devices
        let number = fault == .noPieces ? 0 : UInt64(piece.lowerBound / pieceLimit)
        let key = attempt.request.key.map { $0 &+ number &* 0x9E37_79B9_7F4A_7C15 }
        var samples: [Sample] = []
        for index in piece { samples.append(sample(attempt.number, index)) }
        for own in replica.logs {
            let here = piece.filter { isSent($0, of: attempt.request, to: own) }
            guard !here.isEmpty else { continue }
            for index in here {
                if own.log.settings.hasDevices, let name = devices[index] {
                    own.log.makeRoom(for: name.span, ofPartWith: piece.count)
                }
            }
            own.log.begin(partOf: here.count, ticket, key: key, &replica.tickets)
            for index in here {
                let name = own.log.settings.hasDevices ? devices[index] ?? [] : []
                let isVerdict = log(of: devices[index]) == own.index
                own.log.add(
                    samples[index - piece.lowerBound], device: name.span,
                    isDeviceOnly: attempt.request.deviceOnly.contains(index),
                    position: isVerdict ? index : -1)
            }
        }
    }

    private func isSent(_ index: Int, of request: ClientRequest, to own: SimulatedLog) -> Bool {
        log(of: request.devices[index]) == own.index
            || own.log.settings.hasFleet && !request.deviceOnly.contains(index)
    }

    /// The log whose verdict on a sample is told.
    func log(of device: [UInt8]?) -> Int {
        guard stores.count > 1, let device else { return stores.count - 1 }
        return Int(device.last ?? 0) % (stores.count - 1)
    }

    private mutating func giveUp(_ request: ClientRequest) {
        counts.refused += 1
        if request.key != nil, request.attemptsLeft > 0 { retries.append(request) }
    }

    // MARK: Answers

    /// Looks at what was decided.
    mutating func answer(_ replica: SimulatedReplica) throws {
        _ = replica.tickets.expire(now: now)
        while let ticket = replica.tickets.takeDecided() {
            if let attempt = replica.attempts.removeValue(forKey: ticket.index) {
                try check(attempt, of: ticket, at: replica)
            } else if let question = replica.questions.removeValue(forKey: ticket.index) {
                try check(question, of: ticket, at: replica)
            } else {
                throw fail("a ticket is decided twice")
            }
            replica.tickets.release(ticket)
        }
    }

    private mutating func check(
        _ attempt: Attempt, of ticket: TicketNumber, at replica: SimulatedReplica
    ) throws {
        if replica.tickets.failure(of: ticket) != nil {
            note("attempt \(attempt.number) fails")
            giveUp(attempt.request)
            return
        }
        var verdicts: [Verdict] = []
        replica.tickets.takeVerdicts(of: ticket, into: &verdicts)
        let duplicates = Set(replica.tickets.duplicates(of: ticket).map { Int($0) })
        for (index, device) in attempt.request.devices.enumerated() {
            let found = landings[log(of: device)][attempt.number, default: []]
                .filter { $0.index == index }
            if duplicates.contains(index) {
                counts.duplicates += 1
                guard found.contains(where: { !$0.isCounted }),
                    counted[log(of: device)].contains(sent(attempt.number, index))
                else { throw fail("attempt \(attempt.number)/\(index) is told as a duplicate") }
                continue
            }
            counts.verdicts += 1
            guard found.contains(where: { $0.isCounted && $0.verdict == verdicts[index] }) else {
                let own = replica.logs[log(of: device)]
                let id = device.flatMap { own.log.table.find($0.span, hash: own.log.hash($0.span)) }
                throw fail(
                    "attempt \(attempt.number)/\(index): \(verdicts[index]), but \(found); "
                        + (id.map { tell($0, own) } ?? label(own)))
            }
            if !attempt.request.deviceOnly.contains(index) { try checkOthers(attempt, index) }
        }
    }

    /// What is acknowledged is in the fleet's log too.
    private func checkOthers(_ attempt: Attempt, _ index: Int) throws {
        guard
            landings[stores.count - 1][attempt.number, default: []]
                .contains(where: { $0.index == index })
        else { throw fail("attempt \(attempt.number)/\(index) is not in the fleet's log") }
    }

    // MARK: Questions

    mutating func ask() {
        let replica = replicas[below(replicas.count)]
        guard replica.frozenUntil <= wall else { return }
        ask(replica, chance(200) ? nil : pick(deviceNames), isOfHistory: chance(300))
    }

    mutating func ask(_ replica: SimulatedReplica, _ device: [UInt8]?, isOfHistory: Bool) {
        tellTime(replica)
        let index = log(of: device)
        let ticket = replica.tickets.open(samples: 0)
        let reference = stores[index].reference
        replica.questions[ticket.index] = AskedQuestion(
            log: index, device: device,
            lastEntry: device.map { reference.series[$0]?.lastEntry ?? 0 } ?? 0,
            isLive: device.map { reference.isLive($0, now: wall + 1_000) } ?? false,
            epoch: epochs[index], isOfHistory: isOfHistory)
        let name = device ?? []
        if isOfHistory {
            replica.logs[index].log.ask(
                forHistoryOf: name.span, withStart: true, ticket, &replica.tickets)
        } else {
            replica.logs[index].log.ask(about: name.span, ticket, &replica.tickets)
        }
        replica.tickets.finish(ticket)
    }

    private mutating func check(
        _ question: AskedQuestion, of ticket: TicketNumber, at replica: SimulatedReplica
    ) throws {
        guard replica.tickets.failure(of: ticket) == nil else { return }
        counts.answers += 1
        guard !question.isOfHistory else {
            return try checkHistory(question, of: ticket, at: replica)
        }
        let summaries = replica.tickets[ticket].summaries
        guard summaries.count == 1 else { throw fail("a question has no answer") }
        guard question.epoch == epochs[question.log] else { return }
        guard let device = question.device else { return }
        var reference = stores[question.log].reference
        let isSame = reference.series[device]?.lastEntry ?? 0 == question.lastEntry
        guard let summary = summaries[0] else {
            guard !(isSame && question.isLive && reference.isLive(device, now: wall + 1_000)) else {
                let own = replica.logs[question.log]
                let id = own.log.table.find(device.span, hash: own.log.hash(device.span))
                throw fail(
                    "a series is not found: \(String(decoding: device, as: UTF8.self)), "
                        + "\(label(own)) \(id.map { tell($0, own) } ?? "unknown") "
                        + "tail \(own.log.tail.first), \(tellCheckpoint(of: device, own)), last "
                        + "\(question.lastEntry)")
            }
            return
        }
        let (attempt, index) = TurnSimulation.identity(of: summary.lastSample)
        let found = landings[question.log][attempt, default: []]
            .filter { $0.index == index && $0.verdict == summary.lastVerdict }
        guard found.contains(where: { $0.position.number >= question.lastEntry }) else {
            throw fail("an answer is not of the log, or old: \(summary) \(found)")
        }
        if isQuiet, summary != reference.series[device]?.summary(settings.parameters) {
            throw fail("a summary differs")
        }
    }

    /// What is told of the past is what was said then: the verdicts of the last samples.
    private mutating func checkHistory(
        _ question: AskedQuestion, of ticket: TicketNumber, at replica: SimulatedReplica
    ) throws {
        guard question.epoch == epochs[question.log] else { return }
        let reference = stores[question.log].reference
        guard let history = replica.tickets[ticket].history else {
            guard let device = question.device, question.isLive,
                reference.series[device]?.lastEntry ?? 0 == question.lastEntry,
                reference.isLive(device, now: wall + 1_000)
            else { return }
            throw fail("there is no history of a series")
        }
        var query = SeriesQuery(device: question.device)
        query.limit = 1_000_000
        var scan = HistoryScan(query, settings.parameters)
        scan.take(
            history, timeToLive: question.device == nil ? nil : settings.timeToLive)
        let rows = scan.page().rows
        counts.histories += rows.count
        for row in rows {
            let (attempt, index) = TurnSimulation.identity(of: row.sample)
            let found = landings[question.log][attempt, default: []].filter { $0.index == index }
            // The fleet's verdicts of devices' samples are not told when they come.
            guard question.device == nil || found.contains(where: { $0.verdict == row.verdict })
            else { throw fail("the history has \(row.verdict), but \(found)") }
        }
        guard isQuiet else { return }
        var series =
            question.device.map { reference.series[$0] ?? Reference.Series() } ?? reference.fleet
        // Where the checkpoint's fold has all, there is nothing to tell.
        let isFolded =
            rows.isEmpty
            && history.start?.element?.totals.samples ?? 0 == series.samples.count
        let last = series.summary(settings.parameters).lastVerdict
        guard isFolded || rows.last?.verdict == last else {
            throw fail(
                "a history has \(rows.count) of \(series.samples.count) samples and ends with "
                    + "\(String(describing: rows.last?.verdict)); \(history.tail.parts)")
        }
    }
}

internal import Bytes
internal import Detection
internal import SeriesLog
internal import System
internal import Wire

/// The one follower and writer of a process: its loop keeps the logs for all loops.
struct LogKeeper<Log: LogDriver & ~Copyable>: ~Copyable {
    private let exchange: LoopExchange
    private let reader: HistoryReader
    var log: Log
    /// The requests that wait, by their tickets.
    private var waiting: [StoreRequest?] = []
    private var taken: [StoreRequest] = []
    /// Requests that came before the process had heard of its store at all.
    private var early: [StoreRequest] = []
    /// Until when they wait; never while there is none.
    private(set) var earlyDeadline = Instant.never
    /// Requests that have ended, by loop; those of the keeper's own loop stay here.
    private var ended: [[StoreRequest]]
    /// Requests of several pieces, each with the ticket of its samples: the one whose turn it is
    /// first.
    private var long: [LongRequest] = []
    private var lastFeed = Instant.zero
    /// When a piece of them can be taken in, where that is not whenever there is room.
    private(set) var nextFeed = Instant.never
    /// So much time passes between two pieces where short requests come first.
    private static var slowFeed: TimeSpan { .milliseconds(10) }
    /// Their samples that the log has not taken in yet.
    private var longSamples = 0
    /// Requests whose series is being folded again, by the numbers of their questions.
    private var reading: [Int: StoreRequest] = [:]
    private var questions = 0
    private var nextView = Instant.zero
    private var nextFollow = Instant.zero
    private static var followInterval: TimeSpan { .milliseconds(100) }
    private var nextSilence = Instant.zero
    private static var silenceInterval: TimeSpan { .seconds(1) }
    private static var viewInterval: TimeSpan { .milliseconds(100) }
    /// Pieces that are taken in before the loop serves others: a fraction of a millisecond each.
    private static var piecesAtOnce: Int { 2 }
    /// When so many samples gather for the next entry it would not hold more.
    private static var gatheredSamples: Int { 2 * RequestKey.pieceSamples }

    /// A request whose samples are taken in piece by piece, so that others come between.
    private struct LongRequest {
        let request: StoreRequest
        let ticket: TicketNumber
        let samples: Int
        /// The next piece.
        var next = 0

        /// Samples that are not taken in yet.
        var left: Int { samples - next * RequestKey.pieceSamples }
    }

    init(_ shared: Log.Shared, _ seat: StoreSeat) {
        exchange = shared.exchange
        reader = shared.reader
        ended = Array(repeating: [], count: shared.exchange.answers.count)
        log = Log(shared, seat)
        reader.serve(seat.wakeUp)
    }

    deinit { reader.stop() }

    // MARK: Requests

    /// Takes what the other loops have given.
    mutating func takeRequests() {
        exchange.requests.take(&taken)
        guard !taken.isEmpty else { return }
        for request in taken { begin(request) }
        taken.removeAll(keepingCapacity: true)
    }

    mutating func begin(_ request: StoreRequest) {
        if log.isStarting {
            if early.isEmpty { earlyDeadline = log.now + log.timeout }
            early.append(request)
            return
        }
        // Long ones wait for each other; a short one waits for none of them.
        let samples = request.batch.samples.count
        let before = samples > RequestKey.pieceSamples ? longSamples : 0
        if let failure = log.obstacle(to: samples + before) {
            end(request, .failed(failure))
            return
        }
        if request.call == nil, log.isFull, !makeRoom(request) { return }
        let ticket =
            if let call = request.call {
                ask(call)
            } else {
                append(request)
            }
        while waiting.count <= Int(ticket.index) { waiting.append(nil) }
        waiting[Int(ticket.index)] = request
    }

    private mutating func append(_ request: StoreRequest) -> TicketNumber {
        let samples = request.batch.samples.count
        guard samples <= RequestKey.pieceSamples else {
            let ticket = log.tickets.open(samples: 0)
            long.append(LongRequest(request: request, ticket: ticket, samples: samples))
            longSamples += samples
            return ticket
        }
        let ticket = log.tickets.open(samples: samples)
        log.append(piece: 0, of: request.batch, ticket)
        log.tickets.finish(ticket)
        return ticket
    }

    /// Lets the log take in pieces of long requests, one of each in its turn. While trims do not
    /// keep up, and while short requests fill the entries, it is one now and then: what others
    /// send does not wait for it.
    private mutating func feed(_ now: Instant) {
        nextFeed = .never
        guard !long.isEmpty else { return }
        if log.isBehind || log.gatheredSamples >= LogKeeper.gatheredSamples {
            guard lastFeed + LogKeeper.slowFeed <= now else {
                nextFeed = lastFeed + LogKeeper.slowFeed
                return
            }
            nextFeed = now + LogKeeper.slowFeed
            return feedPiece(now)
        }
        var count = 0
        while count < LogKeeper.piecesAtOnce, !long.isEmpty,
            log.gatheredSamples < LogKeeper.gatheredSamples
        {
            count += 1
            feedPiece(now)
        }
    }

    private mutating func feedPiece(_ now: Instant) {
        var first = long.removeFirst()
        // Nobody waits for it any more, or a piece has failed: what is left is not stored.
        guard !log.tickets.isAbandoned(first.ticket),
            log.tickets.failure(of: first.ticket) == nil
        else {
            longSamples -= first.left
            log.tickets.finish(first.ticket)
            return
        }
        lastFeed = now
        let range = RequestKey.samples(ofPiece: first.next, of: first.samples)
        log.tickets.extend(first.ticket, to: range.upperBound, of: first.samples)
        log.append(piece: first.next, of: first.request.batch, first.ticket)
        first.next += 1
        longSamples -= range.count
        if first.left > 0 {
            long.append(first)
        } else {
            log.tickets.finish(first.ticket)
        }
    }

    /// Begins what came early, as soon as the store has answered or is given up.
    mutating func beginEarly() {
        guard !early.isEmpty else { return }
        let isOver = earlyDeadline <= log.now
        guard isOver || !log.isStarting else { return }
        let waiting = early
        early.removeAll()
        earlyDeadline = .never
        for request in waiting {
            if isOver { end(request, .failed(.timedOut)) } else { begin(request) }
        }
    }

    /// Takes the samples of new devices out of a request, because the store is nearly full.
    /// - Returns: false when nothing is left of it.
    private mutating func makeRoom(_ request: StoreRequest) -> Bool {
        let places = log.newDevices(of: request.batch)
        if places.count == request.batch.samples.count {
            end(request, .failed(.noRoom))
            return false
        }
        request.batch.refuse(places)
        return true
    }

    private mutating func ask(_ call: Call) -> TicketNumber {
        switch call {
        case .analysis(let device): log.ask(about: device)
        case .stats: log.ask(about: nil)
        case .devices(let after, let limit):
            log.askForDevices(after: after, limit: limit)
        case .anomalies(let filter):
            log.askForFlagged(
                count: filter.device != nil || filter.alertsOnly
                    ? FlaggedNote.limit : filter.limit)
        case .series(let query): log.askForSeries(query)
        }
    }

    // MARK: Ends

    /// Ends the requests that are decided.
    mutating func endDecided() {
        while let ticket = log.tickets.takeDecided() {
            guard let request = waiting[Int(ticket.index)].take() else {
                preconditionFailure("a ticket is decided once")
            }
            if request.call != nil, let history = log.tickets.takeHistory(of: ticket),
                case .series(let query)? = request.call, log.tickets.failure(of: ticket) == nil
            {
                log.tickets.release(ticket)
                read(query, history, for: request)
                continue
            }
            let outcome = outcome(of: ticket, request)
            log.tickets.release(ticket)
            end(request, outcome)
        }
    }

    private mutating func read(
        _ query: SeriesQuery, _ history: SeriesHistory, for request: StoreRequest
    ) {
        questions += 1
        let question = HistoryQuestion(number: questions, query: query, history: history)
        guard reader.give(question) else { return end(request, .failed(.queueFull)) }
        reading[questions] = request
    }

    /// Takes what the reader has found.
    mutating func takeHistory() {
        guard !reading.isEmpty else { return }
        for reply in reader.takeFinished() {
            guard let request = reading.removeValue(forKey: reply.number) else { continue }
            end(request, reply.outcome.outcome)
        }
    }

    private mutating func end(_ request: StoreRequest, _ outcome: Outcome) {
        request.outcome = outcome
        ended[request.loop].append(request)
    }

    /// The next request of the keeper's own loop that has ended.
    mutating func nextEnded() -> StoreRequest? { ended[0].popLast() }

    private mutating func outcome(of ticket: TicketNumber, _ request: StoreRequest) -> Outcome {
        if let failure = log.tickets.failure(of: ticket) {
            let stored = request.call == nil ? log.tickets.storedCount(of: ticket) : 0
            return stored > 0 ? .storedPartly(failure, accepted: stored) : .failed(failure)
        }
        if let call = request.call { return .answered(answer(to: call, ticket)) }
        for position in log.tickets.duplicates(of: ticket) {
            request.batch.markDuplicate(Int(position))
        }
        log.tickets.takeVerdicts(of: ticket, into: &request.batch.verdicts)
        publish(request.batch)
        return .stored
    }

    /// Tells the shared lists of samples that are stored.
    private mutating func publish(_ batch: borrowing SampleBatch) {
        var flagged: [FlaggedNote] = []
        // The lists hold no more of them.
        var over =
            batch.verdicts.count > FlaggedNote.limit
            ? batch.verdicts.count { $0.isFlagged } - FlaggedNote.limit : 0
        for index in 0..<batch.verdicts.count where batch.verdicts[index].isFlagged {
            over -= 1
            if over >= 0 { continue }
            let device = batch.name(batch.samples[index])
            var text = ByteBuffer(limit: 4096)
            text.append(
                flagged: batch.samples[index].sample, batch.verdicts[index], device: device)
            flagged.append(
                FlaggedNote(
                    device: Array(device), isAlert: batch.verdicts[index].alert,
                    text: Array(text.readable)))
        }
        log.stored(batch, flagged: flagged)
    }

    // MARK: Answers

    private mutating func answer(to call: Call, _ ticket: TicketNumber) -> Answer {
        switch call {
        case .analysis(let device):
            if let summary = firstSummary(ticket) { return .analysis(summary) }
            // Before the first sample the fleet is there, and empty; a device is not there.
            return device == nil
                ? .analysis(.empty) : .problem(.unknownDevice(parameter: "device_id"))
        case .stats: return .stats(firstSummary(ticket) ?? .empty)
        case .devices(_, let limit): return devices(ticket, limit: limit)
        case .anomalies(let filter): return .anomalies(anomalies(ticket, filter))
        case .series: return .problem(.unknownDevice(parameter: "device_id"))
        }
    }

    private func firstSummary(_ ticket: TicketNumber) -> SeriesSummary? {
        log.tickets[ticket].summaries.first ?? nil
    }

    private mutating func devices(_ ticket: TicketNumber, limit: Int) -> Answer {
        let listing = log.takeListing(ticket)
        guard let names = listing.names else {
            return .problem(.unknownDevice(parameter: "after"))
        }
        // One that went between the list and the look at it is left out.
        let rows = zip(names, log.tickets[ticket].summaries).compactMap { name, summary in
            summary.map { DevicePage.Row(name: name, summary: $0) }
        }
        return .devices(DevicePage(rows: rows, total: listing.total, limit: limit))
    }

    private mutating func anomalies(
        _ ticket: TicketNumber, _ filter: AnomalyFilter
    ) -> [[UInt8]] {
        var objects: [[UInt8]] = []
        var last: FlaggedNote?
        for note in log.takeListing(ticket).flagged where objects.count < filter.limit {
            // A note that was in flight on a cut connection may be in the list twice.
            guard note != last, filter.accepts(device: note.device.span, isAlert: note.isAlert)
            else { continue }
            objects.append(note.text)
            last = note
        }
        return objects
    }

    // MARK: Turns

    /// Sends what this turn brought, and gives the other loops what has ended.
    mutating func endTurn(_ poller: borrowing Poller, now: Instant) {
        followIncidents(now)
        feed(now)
        log.flush(poller)
        exchange.see(failure: log.failure)
        for loop in 1..<max(1, ended.count) { exchange.answers[loop].put(&ended[loop]) }
        if nextView <= now {
            // For gauges, so now and then will do.
            nextView = now + LogKeeper.viewInterval
            log.tellMetrics()
            exchange.see(log.glanceAtFleet(), devices: log.deviceCount)
        }
    }

    /// Takes over what folds, the store and people say of incidents, and has the store keep it.
    private mutating func followIncidents(_ now: Instant) {
        let incidents = exchange.incidents
        if nextFollow <= now {
            nextFollow = now + LogKeeper.followInterval
            log.followIncidents()
        }
        for told in log.takeIncidents() { incidents.merge(told) }
        for event in log.takeIncidentEvents() { incidents.take(event) }
        // While the log is being read, what is not known of a device is no silence.
        if nextSilence <= now, incidents.openCount > 0, log.failure == nil {
            nextSilence = now + LogKeeper.silenceInterval
            incidents.endSilent(now: log.unixMilliseconds) { log.lastActivity(of: $0) }
        }
        if incidents.hasChanged { log.keep(incidents.takeChanged()) }
    }
}

package import Bytes
package import Detection
package import Wire

/// The tickets of a process: who waits, until when, and whose answer is decided.
package struct TicketTable: Sendable {
    private var tickets: [Ticket] = []
    private var free: [TicketNumber] = []
    private var decided: [TicketNumber] = []
    /// Tickets in the order of their deadlines; those that moved theirs are put at the end again.
    private var queue: [Waiter] = []
    private var queueStart = 0
    /// The next part of a ticket may take until then: a long batch makes progress.
    private var nextBy = Instant.zero

    private struct Waiter {
        let ticket: TicketNumber
        let serial: UInt32
    }

    package init() {}

    /// Tells until when the next part of each ticket has to be finished.
    package mutating func tellDeadline(_ nextBy: Instant) { self.nextBy = nextBy }

    package subscript(ticket: TicketNumber) -> Ticket {
        _read { yield tickets[Int(ticket.index)] }
        _modify { yield &tickets[Int(ticket.index)] }
    }

    // What every answer asks for: the subscript, called from another module, costs an allocation.

    /// Why the request cannot be answered; nil when it can.
    package func failure(of ticket: TicketNumber) -> StoreFailure? {
        tickets[Int(ticket.index)].failure
    }

    /// Exchanges the verdicts on its samples, which are in the samples' order, for another array.
    package mutating func takeVerdicts(of ticket: TicketNumber, into verdicts: inout [Verdict]) {
        swap(&tickets[Int(ticket.index)].verdicts, &verdicts)
    }

    /// What there is of a series, once; nil when it was not asked for, or is not there.
    package mutating func takeHistory(of ticket: TicketNumber) -> SeriesHistory? {
        tickets[Int(ticket.index)].history.take()
    }

    /// Places of its samples that were stored before.
    package func duplicates(of ticket: TicketNumber) -> [Int32] {
        tickets[Int(ticket.index)].duplicates
    }

    /// Its samples that are known to be stored, whatever becomes of the others.
    package func storedCount(of ticket: TicketNumber) -> Int {
        let stored = tickets[Int(ticket.index)].verdicts.count { $0.sequence > 0 }
        return stored + tickets[Int(ticket.index)].duplicates.count
    }

    /// Opens a ticket of one part: the opener's own, finished with `finish`.
    package mutating func open(samples: Int) -> TicketNumber {
        if free.isEmpty {
            tickets.append(Ticket())
            free.append(TicketNumber(index: Int32(tickets.count - 1)))
        }
        let ticket = free.removeLast()
        let serial = tickets[Int(ticket.index)].open(samples: samples, deadline: nextBy)
        queue.append(Waiter(ticket: ticket, serial: serial))
        return ticket
    }

    /// Makes room for the verdicts on the first `count` samples of a request that comes in pieces.
    /// - Parameter total: samples of the request.
    package mutating func extend(_ ticket: TicketNumber, to count: Int, of total: Int) {
        tickets[Int(ticket.index)].extend(to: count, of: total)
    }

    /// Whether nobody waits for the ticket any more.
    package func isAbandoned(_ ticket: TicketNumber) -> Bool {
        !ticket.isNone && tickets[Int(ticket.index)].isDecided
    }

    package mutating func add(parts: Int, to ticket: TicketNumber) {
        if !ticket.isNone { tickets[Int(ticket.index)].outstanding += parts }
    }

    /// The verdict on a sample of the ticket; its part is not finished by that.
    mutating func deliver(_ verdict: Verdict, to ticket: TicketNumber, at position: Int32) {
        guard !ticket.isNone, position >= 0, !tickets[Int(ticket.index)].isDecided else { return }
        tickets[Int(ticket.index)].verdicts[Int(position)] = verdict
    }

    /// A sample of the ticket had been stored before.
    mutating func markDuplicate(_ ticket: TicketNumber, _ position: Int32) {
        guard !ticket.isNone, position >= 0, !tickets[Int(ticket.index)].isDecided else { return }
        tickets[Int(ticket.index)].duplicates.append(position)
    }

    package mutating func finish(_ ticket: TicketNumber, parts: Int = 1) {
        guard !ticket.isNone, tickets[Int(ticket.index)].finish(parts: parts, nextBy: nextBy)
        else { return }
        if tickets[Int(ticket.index)].isDecided {
            if tickets[Int(ticket.index)].closeIfReleased() { free.append(ticket) }
        } else {
            decide(ticket, tickets[Int(ticket.index)].failure)
        }
    }

    /// Notes why the request fails; its parts are not finished by that.
    package mutating func note(_ failure: StoreFailure, of ticket: TicketNumber) {
        guard !ticket.isNone, tickets[Int(ticket.index)].failure == nil else { return }
        tickets[Int(ticket.index)].failure = failure
    }

    package mutating func fail(
        _ ticket: TicketNumber, _ failure: StoreFailure, parts: Int = 1
    ) {
        note(failure, of: ticket)
        finish(ticket, parts: parts)
    }

    private mutating func decide(_ ticket: TicketNumber, _ failure: StoreFailure?) {
        tickets[Int(ticket.index)].isDecided = true
        tickets[Int(ticket.index)].failure = failure
        decided.append(ticket)
    }

    /// The next ticket whose answer is decided.
    package mutating func takeDecided() -> TicketNumber? { decided.popLast() }

    /// The answer is given: the ticket goes when its last part is finished.
    package mutating func release(_ ticket: TicketNumber) {
        tickets[Int(ticket.index)].isReleased = true
        if tickets[Int(ticket.index)].closeIfReleased() { free.append(ticket) }
    }

    /// Tickets of which a part is not finished, or whose answer is not given.
    var openCount: Int { tickets.count - free.count }

    // MARK: Time

    /// When the next ticket's time may be over; never when nobody waits.
    package mutating func nextDeadline() -> Instant {
        skipFinished()
        return queueStart < queue.count
            ? tickets[Int(queue[queueStart].ticket.index)].deadline : .never
    }

    /// Decides the tickets whose time is over.
    /// - Returns: how many.
    package mutating func expire(now: Instant) -> Int {
        var count = 0
        while true {
            skipFinished()
            guard queueStart < queue.count else { break }
            let waiter = queue[queueStart]
            guard tickets[Int(waiter.ticket.index)].deadline <= now else { break }
            queueStart += 1
            count += 1
            decide(waiter.ticket, tickets[Int(waiter.ticket.index)].failure ?? .timedOut)
        }
        return count
    }

    /// Moves the head of the queue past tickets that are decided, and those whose deadline moved to
    /// the end. The first in the queue then has about the earliest deadline.
    private mutating func skipFinished() {
        var moved = 0
        while queueStart < queue.count {
            let waiter = queue[queueStart]
            let place = Int(waiter.ticket.index)
            if tickets[place].serial == waiter.serial, !tickets[place].isDecided {
                let last = Int(queue[queue.count - 1].ticket.index)
                let isBehind = tickets[place].deadline > tickets[last].deadline
                guard isBehind, moved < 64 else { break }
                moved += 1
                queue.append(waiter)
            }
            queueStart += 1
        }
        if queueStart > 1024, queueStart * 2 > queue.count {
            queue.removeFirst(queueStart)
            queueStart = 0
        }
    }
}

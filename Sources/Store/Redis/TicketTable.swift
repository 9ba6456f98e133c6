internal import Bytes
package import Detection
package import Wire

/// The tickets of a loop: who waits, until when, and whose answer is decided.
package struct TicketTable: Sendable {
    private var tickets: [Ticket] = []
    private var free: [Int32] = []
    private var decided: [Int32] = []
    /// Tickets in the order of their deadlines; those that moved theirs are put at the end again.
    private var queue: [Waiter] = []
    private var queueStart = 0

    private struct Waiter {
        let ticket: Int32
        let serial: UInt32
    }

    package subscript(index: Int32) -> Ticket {
        _read { yield tickets[Int(index)] }
        _modify { yield &tickets[Int(index)] }
    }

    // What every answer asks for: the subscript, called from another module, costs an allocation.

    /// Why the request cannot be answered; nil when it can.
    package func failure(of index: Int32) -> StoreFailure? { tickets[Int(index)].failure }

    /// Exchanges the verdicts on its samples, which are in the samples' order, for another array.
    package mutating func takeVerdicts(of index: Int32, into verdicts: inout [Verdict]) {
        swap(&tickets[Int(index)].verdicts, &verdicts)
    }

    /// Opens a ticket of one part: the opener's own, finished with `finishPart`.
    mutating func open(samples: Int, deadline: Instant) -> Int32 {
        if free.isEmpty {
            tickets.append(Ticket())
            free.append(Int32(tickets.count - 1))
        }
        let index = free.removeLast()
        let serial = tickets[Int(index)].open(samples: samples, deadline: deadline)
        queue.append(Waiter(ticket: index, serial: serial))
        return index
    }

    /// Whether nobody waits for the ticket any more.
    func isAbandoned(_ index: Int32) -> Bool {
        index != PendingTable.none && tickets[Int(index)].isDecided
    }

    mutating func addPart(_ index: Int32) {
        if index != PendingTable.none { tickets[Int(index)].outstanding += 1 }
    }

    /// - Parameter deadline: the next part may take until then: a long batch makes progress.
    mutating func finishPart(_ index: Int32, nextBy deadline: Instant) {
        guard index != PendingTable.none, tickets[Int(index)].finishPart(nextBy: deadline)
        else { return }
        if tickets[Int(index)].isDecided {
            if tickets[Int(index)].closeIfReleased() { free.append(index) }
        } else {
            decide(index, tickets[Int(index)].failure)
        }
    }

    mutating func failPart(_ index: Int32, _ failure: StoreFailure, nextBy deadline: Instant) {
        guard index != PendingTable.none else { return }
        if tickets[Int(index)].failure == nil { tickets[Int(index)].failure = failure }
        finishPart(index, nextBy: deadline)
    }

    private mutating func decide(_ index: Int32, _ failure: StoreFailure?) {
        tickets[Int(index)].isDecided = true
        tickets[Int(index)].failure = failure
        decided.append(index)
    }

    /// The next ticket whose answer is decided.
    package mutating func takeDecided() -> Int32? { decided.popLast() }

    /// The answer is given: the ticket goes when its last part is finished.
    package mutating func release(_ index: Int32) {
        tickets[Int(index)].isReleased = true
        if tickets[Int(index)].closeIfReleased() { free.append(index) }
    }

    // MARK: Time

    /// When the next ticket's time may be over; never when nobody waits.
    mutating func nextDeadline() -> Instant {
        skipFinished()
        return queueStart < queue.count
            ? tickets[Int(queue[queueStart].ticket)].deadline : .never
    }

    /// Decides the tickets whose time is over.
    /// - Returns: how many.
    mutating func expire(now: Instant) -> Int {
        var count = 0
        while true {
            skipFinished()
            guard queueStart < queue.count else { break }
            let waiter = queue[queueStart]
            guard tickets[Int(waiter.ticket)].deadline <= now else { break }
            queueStart += 1
            count += 1
            decide(waiter.ticket, tickets[Int(waiter.ticket)].failure ?? .timedOut)
        }
        return count
    }

    /// Moves the head of the queue past tickets that are decided, and those whose deadline moved to
    /// the end. The first in the queue then has about the earliest deadline.
    private mutating func skipFinished() {
        var moved = 0
        while queueStart < queue.count {
            let waiter = queue[queueStart]
            let place = Int(waiter.ticket)
            if tickets[place].serial == waiter.serial, !tickets[place].isDecided {
                let last = Int(queue[queue.count - 1].ticket)
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

internal import Detection
internal import Wire

/// What follows from the replies to a flight while the log is followed.
extension TurnLog {
    // MARK: Following

    mutating func takeFollowing(_ landed: LogFlight, _ tickets: inout TicketTable) {
        // A command on a detour may be executed before one that stands before it. So a checkpoint
        // of this flight is not confirmed by it then, but one of a flight before is.
        let earlier = unconfirmed.count
        for (id, elements) in landed.checkpoints { keep(elements, of: id) }
        if landed.commands.contains(.fleetCheckpoint) { keepFleet(landed.fleetCheckpoint) }
        takeFirst(landed)
        let confirmed = landed.hasDetour ? min(earlier, unconfirmed.count) : unconfirmed.count
        takeRefused(landed, &tickets)
        wantAgain(landed)
        takeAppend(landed.append, &tickets)
        guard case .following = standing else { return }
        let read = landed.commands.first { if case .read = $0 { true } else { false } }
        if case .read(_, let isExcluded, _) = read, !landed.isElsewhere, !landed.isRefused {
            takeRead(landed, isExcluded: isExcluded, confirmed: confirmed, &tickets)
            if isFollowing, let names = landed.names { take(names.found, next: names.next) }
        } else if !landed.isElsewhere, !landed.isRefused {
            takeOwn(landed, confirmed: confirmed, &tickets)
        }
        if landed.isElsewhere, case .following = standing {
            abandonTrim()
            for index in own.indices { own[index].state = .uncertain }
            standing = .checking
        }
        if case .following = standing { takeTrim(landed) } else { abandonTrim() }
    }

    /// Beside checkpoints the log's first entry was looked at. What lies before it stands in
    /// checkpoints, or is gone with them.
    private mutating func takeFirst(_ landed: LogFlight) {
        guard let first = landed.first, first.birth == position.birth else { return }
        forget(before: first.number)
    }

    /// Keeps a checkpoint until the log has been seen to be the one it belongs to.
    mutating func keep(_ elements: [[UInt8]], of id: SeriesID) {
        guard case .asked = table[id].standing else { return }
        counts.checkpointsRead += 1
        table[id].standing = .read(elements)
        unconfirmed.append(id)
    }

    private mutating func keepFleet(_ elements: [[UInt8]]?) {
        guard case .asked = fleet.standing, let elements else { return }
        fleet.standing = .read(elements)
        unconfirmed.append(.none)
    }

    /// Checkpoints that were asked for and did not come are asked for again.
    mutating func wantAgain(_ landed: LogFlight) {
        for case .checkpoint(let id) in landed.commands where isAsked(id) { wantAgain(id) }
        if case .asked = fleet.standing { wantAgain(.none) }
    }

    /// The store does not give a checkpoint: who waits for that series hears it.
    private mutating func takeRefused(_ landed: LogFlight, _ tickets: inout TicketTable) {
        for id in landed.refusedCheckpoints {
            var awaited: [LoggedSeries.Awaited] = []
            if id.isNone {
                guard case .asked = fleet.standing else { continue }
                fleet.standing = .unknown
                swap(&awaited, &fleet.awaited)
            } else {
                guard isAsked(id) else { continue }
                table[id].standing = .unknown
                swap(&awaited, &table[id].awaited)
            }
            for one in awaited { tickets.fail(one.ticket, .refused) }
            let failed = questions.filter { $0.series == id }
            questions.removeAll { $0.series == id }
            for question in failed {
                close(question)
                tickets.fail(question.ticket, .refused)
            }
        }
    }

    mutating func takeAppend(
        _ append: LogFlight.Append, _ tickets: inout TicketTable
    ) {
        switch append {
        case .none: break
        case .stored(let stored):
            own[own.count - 1].state = .stored(number: stored.number)
            if stored.birth != position.birth || stored.number <= position.number {
                standing = .unknown
                own[own.count - 1].state = .uncertain
            }
        case .missing:
            putBack(own.removeLast(), &tickets)
            standing = .unknown
        case .elsewhere: putBack(own.removeLast(), &tickets)
        case .refused: giveUp(own.removeLast(), because: .refused, &tickets)
        }
    }

    /// Nothing was read, because nobody else has written for a while: if that is still so, the own
    /// entry follows the last one.
    mutating func takeOwn(
        _ landed: LogFlight, confirmed: Int, _ tickets: inout TicketTable
    ) {
        guard case .stored(let stored) = landed.append, let turn = own.last else { return }
        guard stored.number == position.number + 1 else {
            readAlong = settings.readAlongSpan
            return
        }
        adoptUnconfirmed(first: confirmed)
        take(StoredTurn(position: stored, bytes: turn.bytes), &tickets)
    }

    mutating func takeRead(
        _ landed: LogFlight, isExcluded: Bool, confirmed: Int, _ tickets: inout TicketTable
    ) {
        var turns = landed.turns[...]
        if !isExcluded {
            guard isMine(turns.first) else {
                standing = .unknown
                return
            }
            turns = turns.dropFirst()
        }
        if let first = turns.first, !follows(first) {
            counts.gaps += 1
            standing = .unknown
            return
        }
        let hadAppend = if case .stored = landed.append { true } else { false }
        if hadAppend || !isExcluded { adoptUnconfirmed(first: confirmed) }
        var foreign = false
        for turn in turns {
            guard follows(turn) else {
                standing = .unknown
                return
            }
            if !take(turn, &tickets) { foreign = true }
            guard case .following = standing else { return }
        }
        if foreign {
            readAlong = settings.readAlongSpan
        } else if readAlong > 0 {
            readAlong -= 1
        }
        if !landed.isFull {
            lastRead = unixMilliseconds
            settleOwn(&tickets)
            answerQuestions(&tickets)
        } else {
            wantsRead = true
        }
    }

    mutating func adoptUnconfirmed(first count: Int) {
        let ready = unconfirmed.prefix(count)
        unconfirmed.removeFirst(count)
        for id in ready {
            if id.isNone {
                if case .read(let elements) = fleet.standing {
                    adoptFleet(elements)
                }
            } else if case .read(let elements) = table[id].standing {
                adopt(id, elements)
            }
        }
    }

    /// The log has been read to its end: an own entry that is not in it never will be, if the
    /// connection it was sent on can write no more.
    mutating func settleOwn(_ tickets: inout TicketTable) {
        var open: [OwnTurn] = []
        swap(&open, &own)
        for turn in open.reversed() {
            // What was trimmed before it was read may have been in it.
            let reaches =
                turn.after.birth != position.birth || tail.first <= turn.after.number + 1
            if case .stored = turn.state {
                counts.settledUnknown += 1
                giveUp(turn, because: .unsettled, &tickets)
            } else if isFenced && reaches {
                counts.settledAgain += 1
                putBack(turn, &tickets)
            } else {
                counts.settledUnknown += 1
                putBack(turn, keyedOnly: true, &tickets)
            }
        }
    }

    /// Puts the requests of an entry back, to be sent again. Where nobody can tell whether the
    /// entry will be in the log, those with a key are, because they count once; the others are
    /// given up. So are ends of series, which tell of the log as it was.
    private mutating func putBack(
        _ turn: OwnTurn, keyedOnly: Bool = false, _ tickets: inout TicketTable
    ) {
        func isWanted(_ part: OwnPart) -> Bool {
            !part.isEnd && (part.key != nil || !keyedOnly)
        }
        for part in turn.parts where !isWanted(part) {
            giveUp(part, items: Array(turn.items[part.items]), because: .unsettled, &tickets)
        }
        draft.putBack(turn, where: isWanted)
    }

    // MARK: Answers

    mutating func answerQuestions(_ tickets: inout TicketTable) {
        guard !questions.isEmpty else { return }
        var open: [Question] = []
        swap(&open, &questions)
        for question in open {
            guard question.isBoarded else {
                questions.append(question)
                continue
            }
            if let wish = question.history {
                if !answerHistory(question, of: wish, &tickets) { questions.append(question) }
                continue
            }
            if question.series.isNone {
                guard catchUpFleet() else {
                    questions.append(question)
                    continue
                }
                tickets[question.ticket].summaries[question.position] = fleet.fold.summary
            } else if table[question.series].isHeld {
                catchUp(question.series)
                tickets[question.ticket].summaries[question.position] = summary(
                    of: question.series)
            } else {
                want(question.series)
                questions.append(question)
                continue
            }
            close(question)
            tickets.finish(question.ticket)
        }
        if !starts.isEmpty, !questions.contains(where: { $0.history != nil }) { starts = [] }
    }

    /// nil for a series that has no samples, or none within the time to live.
    func summary(of id: SeriesID) -> SeriesSummary? {
        isListed(id) ? table[id].summary : nil
    }

    mutating func answer(_ tickets: inout TicketTable) {
        guard !answers.isEmpty else { return }
        for answered in answers {
            let ticket = answered.awaited.ticket
            if let verdict = answered.verdict {
                tickets.deliver(verdict, to: ticket, at: answered.awaited.position)
                tickets.finish(ticket)
            } else {
                counts.settledUnknown += 1
                tickets.fail(ticket, .unsettled)
            }
        }
        answers.removeAll(keepingCapacity: true)
    }
}

internal import Detection
internal import Wire

/// Flights: what is asked of the store next, and what follows from its replies.
extension TurnLog {
    /// A log that nobody writes is read again after so long, in milliseconds: a quarter of what
    /// the lists of devices may be behind.
    static var readInterval: Int { 500 }

    package var isUnderWay: Bool {
        mutating get { flight.isUnderWay }
    }
    /// An entry of this process may be in the log or not.
    package var isUncertain: Bool { own.contains { $0.state == .uncertain } }
    package var commands: [LogCommand] {
        mutating get { flight.commands }
    }

    /// Whether there is anything to ask for now.
    package var hasWork: Bool {
        mutating get {
            if flight.isUnderWay { return false }
            switch standing {
            case .unknown, .opening, .checking: return true
            case .refused: return false
            case .following:
                return !draft.isEmpty || !wanted.isEmpty || wantsRead || !questions.isEmpty
                    || hasUnconfirmed || !own.isEmpty || !directory.isComplete || isTrimDue
                    || unixMilliseconds - lastRead >= TurnLog.readInterval
            }
        }
    }

    /// Whether somebody waits for the next flight.
    package var isAwaited: Bool {
        mutating get {
            !draft.isEmpty || !questions.isEmpty || wantsRead || !own.isEmpty || !wanted.isEmpty
        }
    }

    /// When the log is to be read again though nobody asks, in Unix milliseconds.
    package var nextRead: Int {
        mutating get { lastRead + TurnLog.readInterval }
    }

    var hasUnconfirmed: Bool {
        mutating get { !unconfirmed.isEmpty }
    }

    /// Entries that are read at once: as many as a reply of about `readBytes` has, because nothing
    /// else comes from the store before its end.
    private var readLimit: Int {
        mutating get {
            let entry = max(1, tail.byteCount / max(1, tail.entryCount))
            return min(
                settings.readLimit, max(settings.leastRead, settings.readBytes / entry))
        }
    }

    // MARK: Boarding

    /// Makes the next flight.
    /// - Returns: whether there is one; its commands are in `commands` then.
    package mutating func board(_ tickets: inout TicketTable) -> Bool {
        guard hasWork else { return false }
        flight = LogFlight()
        switch standing {
        case .unknown:
            reset()
            standing = .opening(Opening())
            flight.commands = [.read(from: 0, isExcluded: false, limit: readLimit)]
        case .opening(let opening): boardOpening(opening)
        case .checking:
            flight.commands = [
                .read(from: position.number, isExcluded: false, limit: readLimit),
                .first,
            ]
        case .following: boardFollowing(&tickets)
        case .refused: break
        }
        return flight.isUnderWay
    }

    mutating func boardOpening(_ opening: Opening) {
        if opening.isMissing {
            flight.commands = [
                .create, .read(from: 0, isExcluded: false, limit: readLimit),
            ]
        } else if opening.isRead, let last = opening.turns.last {
            // What is read beside the log belongs to it when it still is that log afterwards.
            position = last.position
            flight.commands = [
                .fleetCheckpoint, .keys,
                .read(from: last.position.number, isExcluded: false, limit: readLimit),
            ]
        } else if let last = opening.turns.last {
            position = last.position
            flight.commands = [
                .read(
                    from: last.position.number, isExcluded: true, limit: readLimit)
            ]
        } else {
            flight.commands = [.read(from: 0, isExcluded: false, limit: readLimit)]
        }
    }

    mutating func boardFollowing(_ tickets: inout TicketTable) {
        dropAbandoned(&tickets)
        dropStaleEnds()
        let lists = boardNames()
        let loads = boardCheckpoints()
        let head = TurnHead(
            mark: TurnMark(writer: settings.writer, number: lastNumber + 1),
            arrival: max(clock, unixMilliseconds), trimmedTo: tail.first,
            isTrimming: trim != nil || mayTrim && isTrimDue, foldVersion: TurnLog.foldVersion)
        // One entry of this process is under way at a time, so that their order is known.
        let turn =
            own.isEmpty
            ? draft.takeTurn(
                head, after: position, samples: turnSamples, bytes: settings.turnBytes) : nil
        if let turn {
            lastNumber = turn.number
            own.append(turn)
            flight.commands.append(.append)
        }
        let confirms = hasUnconfirmed || loads && turn == nil
        let isIdle = turn == nil && unixMilliseconds - lastRead >= TurnLog.readInterval
        if confirms || isIdle || wantsRead || lists || !questions.isEmpty || readAlong > 0
            || own.count > (turn == nil ? 0 : 1)
        {
            wantsRead = false
            for index in questions.indices { questions[index].isBoarded = true }
            flight.commands.append(
                .read(
                    from: position.number, isExcluded: !(confirms || turn == nil),
                    limit: readLimit))
        }
        // A list that is not there may have gone with a trim that was not heard of yet.
        if loads { flight.commands.append(.first) }
        boardTrim(isIdle: own.isEmpty)
    }

    /// - Returns: whether names of devices are asked for.
    private mutating func boardNames() -> Bool {
        switch directory {
        case .complete: return false
        case .unread:
            directory = .reading(cursor: 0, [])
            flight.commands.append(.names(cursor: 0))
        case .reading(let cursor, _): flight.commands.append(.names(cursor: cursor))
        }
        return true
    }

    /// - Returns: whether a checkpoint is asked for.
    mutating func boardCheckpoints() -> Bool {
        guard !wanted.isEmpty else { return false }
        let taken = min(wanted.count, settings.checkpointLimit)
        for id in wanted[..<taken] {
            guard !id.isNone else {
                boardFleet()
                continue
            }
            table[id].standing = .asked
            flight.commands.append(.checkpoint(id))
        }
        wanted.removeFirst(taken)
        return true
    }

    /// Samples of one entry, at most. Few while the log is so long that trims do not keep up:
    /// clients wait then, or are refused, before the store is full.
    private var turnSamples: Int {
        mutating get {
            tail.byteCount > 4 * historyLimit ? settings.fewSamples : settings.turnSamples
        }
    }

    private mutating func boardFleet() {
        guard case .wanted = fleet.standing else { return }
        fleet.standing = .asked
        flight.commands.append(.fleetCheckpoint)
    }

    // MARK: Replies

    /// The next reply to the flight.
    /// - Parameter isDetour: it came from another server than the log's own, so its place in the
    ///   order of the flight is not known.
    /// - Returns: whether it was the last one.
    package mutating func received(_ reply: LogReply, isDetour: Bool = false) -> Bool {
        precondition(flight.cursor < flight.commands.count, "a reply that nothing asked for")
        let command = flight.commands[flight.cursor]
        flight.cursor += 1
        if isDetour { flight.hasDetour = true }
        if case .trim = command { trimReplied(reply) }
        flight.take(reply, to: command)
        return flight.isComplete
    }

    /// What was appended is not on as many servers as wanted.
    package mutating func missesReplicas() { flight.isReplicated = false }

    /// All replies to the flight have come.
    package mutating func landed(_ tickets: inout TicketTable) {
        precondition(flight.isUnderWay && flight.isComplete, "a flight that is not complete")
        var landed = LogFlight()
        swap(&landed, &flight)
        if !landed.isReplicated, let turn = own.last {
            for part in turn.parts { tickets.note(.notReplicated, of: part.ticket) }
        }
        switch standing {
        case .unknown, .refused: break
        case .opening(let opening): takeOpening(opening, with: landed, &tickets)
        case .checking: takeCheck(landed, &tickets)
        case .following: takeFollowing(landed, &tickets)
        }
        answer(&tickets)
        checkInvariants()
    }

    /// The connection is gone, with a flight under way or not.
    /// - Returns: whether an entry was on its way, so that the old connection must be fenced off.
    package mutating func cut() -> Bool {
        let wasAppending = flight.commands.contains(.append)
        wantAgain(flight)
        // The next connection may lead to a server that knows less.
        dropUnconfirmed()
        if !directory.isComplete { directory = .unread }
        flight = LogFlight()
        lastCut = unixMilliseconds
        abandonTrim()
        for index in own.indices { own[index].state = .uncertain }
        switch standing {
        case .following, .checking: standing = .checking
        case .opening: standing = .unknown
        case .unknown, .refused: break
        }
        return wasAppending || !own.isEmpty
    }

    /// A connection is there again.
    /// - Parameter isFenced: the one before it can write no more.
    package mutating func connected(isFenced: Bool) {
        self.isFenced = isFenced
        if case .refused = standing { standing = .unknown }
    }

    /// Checkpoints that were read are asked for again.
    mutating func dropUnconfirmed() {
        for id in unconfirmed {
            guard !id.isNone else {
                if case .read = fleet.standing { wantAgain(id) }
                continue
            }
            if case .read = table[id].standing { wantAgain(id) }
        }
        unconfirmed.removeAll(keepingCapacity: true)
    }

    /// - Parameter id: `none` for the fleet's.
    mutating func wantAgain(_ id: SeriesID) {
        if id.isNone { fleet.standing = .wanted } else { table[id].standing = .wanted }
        wanted.append(id)
    }

    func isAsked(_ id: SeriesID) -> Bool {
        if case .asked = table[id].standing { true } else { false }
    }

    // MARK: Opening

    /// Forgets all that is known of the log, but not what is to be done.
    mutating func reset() {
        counts.resets += 1
        position = .zero
        mark = .none
        clock = 0
        tail.reset(first: 1)
        // Their places in the tail mean nothing any more.
        for question in questions { question.history?.records = nil }
        starts = []
        keys.removeAll()
        examined = 0
        followedRecord = 0
        giveUpFleet(before: .max)
        fleet.standing = .unknown
        fleet.through = 0
        candidates.removeAll()
        bytesTaken = 0
        samplesSinceCandidate = 0
        candidateClock = 0
        abandonTrim()
        directory = .unread
        unloaded = UnloadedDevices()
        newestFold = 0
        unconfirmed.removeAll()
        undecidedEnds = 0
        // They tell of another log, perhaps.
        var nobody = TicketTable()
        for (part, items) in draft.remove(unless: { !$0.isEnd }) {
            giveUp(part, items: items, because: .unsettled, &nobody)
        }
        forgetSeries()
    }

    mutating func takeOpening(
        _ opening: Opening, with landed: LogFlight, _ tickets: inout TicketTable
    ) {
        var opening = opening
        guard !landed.isElsewhere, !landed.isRefused, landed.refusedCheckpoints.isEmpty else {
            standing = .unknown
            return
        }
        if opening.isRead {
            guard let last = opening.turns.last, landed.turns.first == last else {
                standing = .unknown
                return
            }
            opening.turns += landed.turns.dropFirst()
            open(opening, with: landed, &tickets)
            return
        }
        if opening.isMissing, landed.turns.isEmpty {
            // Made and gone again.
            standing = .unknown
            return
        }
        if let last = opening.turns.last, let next = landed.turns.first,
            next.position.birth == last.position.birth,
            next.position.number != last.position.number + 1
        {
            // Trimmed meanwhile beyond what was read.
            standing = .unknown
            return
        }
        opening.turns += landed.turns
        opening.isMissing = opening.turns.isEmpty
        opening.isRead =
            !opening.turns.isEmpty && !landed.isFull
        standing = .opening(opening)
    }

    /// The log has been read to its end: everything is taken in.
    mutating func open(
        _ opening: Opening, with landed: LogFlight, _ tickets: inout TicketTable
    ) {
        guard let birth = opening.turns.last?.position.birth else {
            standing = .unknown
            return
        }
        let found = landed.fleetCheckpoint?.first.flatMap { CheckpointCoding.FoldElement($0) }
        let element = found.flatMap { $0.birth == birth ? $0 : nil }
        let trimmed = element?.asOf ?? 0
        // Number 0 is an entry whose writer took the log of another birth for this one. What has
        // been trimmed since it was read stands in checkpoints.
        let turns = opening.turns.filter {
            $0.position.birth == birth && $0.position.number > trimmed
        }
        guard let first = turns.first?.position.number ?? (trimmed == 0 ? 1 : nil) else {
            standing = .unknown
            return
        }
        let isTrimmedSince = landed.keyBlocks.contains {
            $0.position.birth == birth && $0.position.number > first
        }
        guard !isTrimmedSince else {
            // Between the two that were read beside the log: they are read again.
            standing = .opening(opening)
            return
        }
        position = LogPosition(birth: birth, number: first - 1)
        mark = turns.isEmpty ? markOf(opening.turns.last) ?? .none : .none
        tail.reset(first: first)
        examined = tail.firstRecord
        openKeys(landed.keyBlocks, birth: birth)
        if first > 1, trimmed + 1 != first { counts.relearned += 1 }
        if trimmed + 1 == first { clock = element?.lastArrival ?? 0 }
        if settings.hasFleet { adoptFleet(landed.fleetCheckpoint ?? []) }
        standing = .following
        // What was read beside the log is as good as the log is still this one.
        wantsRead = true
        for turn in turns {
            take(turn, &tickets)
            guard isFollowing else { return }
        }
        if !landed.isFull { settleOwn(&tickets) }
    }

    // MARK: Checking

    mutating func takeCheck(_ landed: LogFlight, _ tickets: inout TicketTable) {
        guard !landed.isElsewhere, !landed.isRefused else { return }
        guard let first = landed.first, first.birth == position.birth, first.number >= tail.first,
            isMine(landed.turns.first)
        else {
            standing = .unknown
            return
        }
        standing = .following
        // A failover may have undone a trim, so only what is seen counts.
        forget(before: first.number)
        for turn in landed.turns.dropFirst() {
            guard follows(turn) else {
                standing = .unknown
                return
            }
            take(turn, &tickets)
            guard isFollowing else { return }
        }
        if !landed.isFull {
            lastRead = unixMilliseconds
            settleOwn(&tickets)
        } else {
            standing = .checking
        }
    }

    /// Whether this is the entry that was taken in last.
    func isMine(_ turn: StoredTurn?) -> Bool {
        guard let turn, turn.position == position else { return false }
        return (markOf(turn) ?? .none) == mark
    }

    /// Who wrote an entry; nil when it is none.
    func markOf(_ turn: StoredTurn?) -> TurnMark? {
        guard let turn else { return nil }
        var other = DecodedTurn()
        guard (try? other.decode(turn.bytes.span)) != nil else { return nil }
        return other.head.mark
    }

    func follows(_ turn: StoredTurn) -> Bool {
        turn.position.birth == position.birth && turn.position.number == position.number + 1
    }
}

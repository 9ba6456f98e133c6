internal import Bytes
package import Detection
package import Wire

/// One log of turns, as one process follows and writes it. It decides what is sent and what a
/// reply means; a driver carries commands and replies.
///
/// An entry is what one process brought in one turn, for whatever series. The store alone decides
/// the order of entries. Whoever folds the same entries says the same verdicts. What is in memory
/// here is a cache: the entries that the store still holds (the tail), and folds of series that
/// were asked for. A series' fold begins with its checkpoint in the store and goes on with the
/// tail.
///
/// Functions that only look are `mutating` too: a large value that is borrowed is copied at each
/// call (Swift 6.3), one that may change is not.
///
/// One flight is under way at a time: `board` makes it, `received` takes its replies, `landed` or
/// `cut` ends it.
package struct TurnLog: ~Copyable {
    /// What is known of the log.
    enum Standing {
        /// Nothing: it is read from its beginning.
        case unknown
        case opening(Opening)
        /// The connection is new: is this still the log that was followed?
        case checking
        case following
        /// An entry was written by a newer build.
        case refused
    }

    /// A log that is being read from its beginning. Entries are kept until the keys of older
    /// requests are known, because these decide which of them count.
    struct Opening {
        var turns: [StoredTurn] = []
        var isRead = false
        var isMissing = false
    }

    /// A question about a series, or (`none`) about the fleet's.
    struct Question {
        let ticket: TicketNumber
        let position: Int
        let series: SeriesID
        /// What there is of it is wanted, to be folded again, and not how it stands.
        let history: HistoryWish?
        /// The log was, or is being, read since it was asked: an answer from a read before that
        /// may lack what another process has told its client.
        var isBoarded = false
    }

    /// A stored sample whose verdict was awaited; nil when nobody can say it any more.
    struct Answered {
        let awaited: LoggedSeries.Awaited
        let verdict: Verdict?
    }

    /// A place where the log may be trimmed, with the log's clock and the fleet's fold up to there.
    struct Candidate {
        /// The first entry that stays.
        let number: UInt64
        /// The element of the log's own checkpoint; nil as long as the fleet's fold has not come so
        /// far.
        var element: [UInt8]?
        /// Bytes of all entries before it, counted since this log was opened.
        let bytesBefore: Int
        /// The log's clock there.
        let clock: Int
    }

    let settings: LogSettings
    /// What the store's memory allows, where that is less than the settings.
    var deviceLimit: Int
    var historyLimit: Int
    var standing = Standing.unknown
    /// The last entry that was taken in.
    package internal(set) var position = LogPosition.zero
    var mark = TurnMark.none
    /// The log's time, in Unix milliseconds: the latest arrival of its entries.
    var clock = 0
    /// This process' time, in Unix milliseconds.
    var unixMilliseconds = 0

    var tail = LogTail()
    var keys: KeyMemory
    var table = SeriesTable<LoggedSeries>()
    var newcomers = Newcomers()
    var fleet: LoggedFleet
    /// Folds of series have taken in their records before this one.
    var examined = 0
    var candidates: [Candidate] = []
    var bytesTaken = 0
    var samplesSinceCandidate = 0
    /// The log's clock at the last candidate.
    var candidateClock = 0
    /// When the connection was lost last: what was written just before may be undone.
    var lastCut = 0

    var draft = TurnDraft()
    /// Entries of this process that are sent and not yet folded.
    var own: [OwnTurn] = []
    var questions: [Question] = []
    /// Checkpoints that were read for questions of history, with the log's first entry then.
    var starts: [(series: SeriesID, first: UInt64, elements: [[UInt8]])] = []
    /// Series whose checkpoints are to be read; `none` is the fleet's.
    var wanted: [SeriesID] = []
    /// Series whose checkpoints were read, and are adopted when the log was seen afterwards.
    var unconfirmed: [SeriesID] = []
    /// Blocks of keys that have left the log, as far as is known: before which entry, how many.
    var keyBlocks: [(before: UInt64, count: Int)] = []
    var flight = LogFlight()
    var trim: TrimJob?
    /// Whether a trim may be begun now.
    package var mayTrim = true
    var trimSerial: UInt32 = 0
    /// Groups that were written, or were to be.
    var trimGroups: UInt64 = 0
    var trimJitter: UInt64
    /// Another process is trimming until about then: which, or 0.
    var othersTrimUntil = 0
    var trimmer: UInt64 = 0
    /// This process may trim until about then.
    var trimClaimUntil = 0
    var directory = Directory.unread
    /// The old connection can write no more.
    var isFenced = true
    var wantsRead = false
    var readAlong = 0
    var lastRead = 0
    var lastNumber: UInt64 = 0
    var heldCount = 0
    /// The last series that was looked at for a fold to be dropped; `none` at the end.
    var lastReleased = SeriesID.none
    var decoded = DecodedTurn()
    var dueSnapshots: [SeriesID] = []
    /// Records that a fold lacks; for `catchUp` alone.
    var lacking: [Int] = []
    /// Verdicts that were awaited and are known now, until they are told.
    var answers: [Answered] = []
    /// The newest fold that a writer of the tail understands.
    var newestFold: UInt8 = 0
    /// Devices in the table that have samples and did not end.
    var deviceCount = 0
    var unloaded = UnloadedDevices()
    /// What folds have said of incidents, until somebody takes it.
    var incidentEvents: [IncidentEvent] = []
    /// Series have been followed up to this record.
    var followedRecord = 0
    /// Devices without samples that have one on its way from here, and those whose end is.
    var comingCount = 0
    var endingCount = 0
    /// The series idle longest whose end is on its way, with its last activity then: the next one
    /// to end is looked for from there.
    var lastEnding: (id: SeriesID, activity: Instant)?
    /// Ends in the tail of which nobody can tell yet whether they count.
    var undecidedEnds = 0
    package internal(set) var counts = LogCounts()

    package init(_ settings: LogSettings) {
        self.settings = settings
        deviceLimit = settings.deviceLimit
        historyLimit = settings.historyLimit
        keys = KeyMemory(limit: settings.keyLimit, seed: settings.hashSeed)
        fleet = LoggedFleet(settings.parameters)
        trimJitter = settings.writer | 1
    }

    /// Tells the time; before anything else in a turn.
    package mutating func tellTime(unixMilliseconds: Int) {
        self.unixMilliseconds = unixMilliseconds
    }

    /// Tells what the store has room for; nil is no bound but the settings'.
    package mutating func bound(devices: Int?, history: Int?) {
        deviceLimit = min(settings.deviceLimit, devices ?? .max)
        historyLimit = min(settings.historyLimit, max(settings.leastHistory, history ?? .max))
    }

    package var isFollowing: Bool {
        mutating get {
            if case .following = standing { true } else { false }
        }
    }

    /// Whether an entry was met that a newer build has written.
    package var isRefused: Bool {
        mutating get {
            if case .refused = standing { true } else { false }
        }
    }

    /// Whether all devices of the log are known here.
    package var knowsDevices: Bool {
        mutating get { !settings.hasDevices || directory.isComplete }
    }

    /// When the oldest request came whose key is remembered, in Unix seconds; nil for none.
    package var oldestKeyTime: Int? {
        mutating get { keys.oldestTime }
    }

    /// Those of them that no entry has yet.
    package var gatheredItems: Int {
        mutating get { draft.itemCount }
    }

    /// Samples and ends that wait for the store.
    package var waitingItems: Int {
        mutating get { draft.itemCount + own.reduce(0) { $0 + $1.items.count } }
    }

}

/// What an operator may want to count of a log.
package struct LogCounts: Equatable, Sendable {
    package var entriesRead = 0
    package var notUnderstood = 0
    package var resets = 0
    package var gaps = 0
    package var checkpointsRead = 0
    package var checkpointsWritten = 0
    package var relearned = 0
    package var trims = 0
    package var trimsLost = 0
    package var settledFound = 0
    package var settledAgain = 0
    package var settledUnknown = 0
    package var evicted = 0
    package var expired = 0
    package var duplicates = 0

    package init() {}
}

// MARK: Taking in

extension TurnLog {
    /// Takes in a piece of a request.
    package mutating func append(
        piece: Int, of batch: borrowing SampleBatch, _ ticket: TicketNumber,
        _ tickets: inout TicketTable
    ) {
        let range = RequestKey.samples(ofPiece: piece, of: batch.samples.count)
        for index in range where batch.samples[index].nameLength > 0 {
            makeRoom(for: batch.name(batch.samples[index]), ofPartWith: range.count)
        }
        begin(partOf: range.count, ticket, key: batch.key?.piece(piece), &tickets)
        for index in range {
            let decoded = batch.samples[index]
            add(
                decoded.sample, device: batch.name(decoded),
                isDeviceOnly: decoded.isDeviceOnly, position: index)
        }
    }

    /// Begins a part of a request, whose `count` samples are added next.
    /// - Parameter key: the hash of the request's key, with the number of its piece.
    package mutating func begin(
        partOf count: Int, _ ticket: TicketNumber, key: UInt64?, _ tickets: inout TicketTable
    ) {
        tickets.add(parts: count, to: ticket)
        draft.begin(partOf: count, ticket, key: key)
    }

    /// Adds a sample to the part that was begun last.
    /// - Parameters:
    ///   - device: empty for the fleet alone.
    ///   - isDeviceOnly: the fleet's series does not take it.
    ///   - position: its place in its request; -1 when the verdict comes from another log.
    package mutating func add(
        _ sample: Sample, device: Span<UInt8>, isDeviceOnly: Bool = false, position: Int
    ) {
        guard device.count > 0 else {
            draft.add(
                sample, device: device, isDeviceOnly: false,
                OwnItem(series: .none, position: Int32(position)))
            return
        }
        let id = series(of: device)
        table[id].pins += 1
        table[id].lastWanted = unixMilliseconds
        want(id)
        if table[id].isEmpty, !table[id].isComing { comes(id) }
        draft.add(
            sample, device: device, isDeviceOnly: isDeviceOnly,
            OwnItem(series: id, position: Int32(position)))
    }

    /// Makes room for a device that is about to get its first sample; before `begin`. The device
    /// counts from here on, so that many new ones of one part find room for each.
    /// - Parameter count: samples of the part.
    package mutating func makeRoom(for device: Span<UInt8>, ofPartWith count: Int) {
        guard expectedCount + count > deviceLimit, isFollowing else { return }
        let id = series(of: device)
        guard table[id].isEmpty, !table[id].isComing else { return }
        if settings.unloadsDevices {
            while expectedCount >= deviceLimit, unloadOldest() {}
        } else {
            while expectedCount >= deviceLimit, endOldest() {}
        }
        comes(id)
    }

    /// The device has no samples, and one is on its way.
    private mutating func comes(_ id: SeriesID) {
        table[id].isComing = true
        comingCount += 1
    }

    /// Devices when all that is on its way has landed.
    private var expectedCount: Int {
        mutating get { deviceCount + comingCount - endingCount }
    }

    /// When the last entry came, in Unix milliseconds.
    package var logClock: Int { clock }

    /// Devices that have samples and did not end.
    package var knownDevices: Int {
        mutating get { deviceCount + unloaded.count }
    }

    /// Whether the device has a series, as far as is known here.
    package func isKnown(_ device: Span<UInt8>) -> Bool {
        guard let id = table.find(device, hash: hash(device)) else { return false }
        return !table[id].isEmpty
    }

    /// Asks for a device's series as it is now, or for the fleet's when the name is empty. The
    /// answer comes at the end of the ticket's summaries.
    package mutating func ask(
        about device: Span<UInt8>, _ ticket: TicketNumber, _ tickets: inout TicketTable
    ) {
        let position = tickets[ticket].summaries.count
        tickets[ticket].summaries.append(nil)
        tickets.add(parts: 1, to: ticket)
        wantsRead = true
        var id = SeriesID.none
        if device.count > 0 {
            id = series(of: device)
            table[id].pins += 1
            table[id].lastWanted = unixMilliseconds
            want(id)
        }
        questions.append(
            Question(ticket: ticket, position: position, series: id, history: nil))
    }

    /// Drops what gathered for requests that nobody waits for any more: an entry that was never
    /// sent must not be stored after its client was told that it is not.
    package mutating func dropAbandoned(_ tickets: inout TicketTable) {
        let removed = draft.remove { part in !tickets.isAbandoned(part.ticket) }
        for (part, items) in removed { giveUp(part, items: items, because: .timedOut, &tickets) }
        guard questions.contains(where: { tickets.isAbandoned($0.ticket) }) else { return }
        var kept: [Question] = []
        for question in questions {
            if tickets.isAbandoned(question.ticket) {
                close(question)
                tickets.fail(question.ticket, .timedOut)
            } else {
                kept.append(question)
            }
        }
        questions = kept
    }

    /// Drops ends that were meant before the log's first entry: who reads the log from there on
    /// could not tell whether the series had a sample meanwhile.
    mutating func dropStaleEnds() {
        let first = tail.first
        guard draft.parts.contains(where: { ($0.endsAsOf ?? first) + 1 < first }) else { return }
        for (_, items) in draft.remove(unless: { ($0.endsAsOf ?? first) + 1 >= first }) {
            for item in items {
                clearEnding(item.series)
                unpin(item.series)
            }
        }
    }

    /// Fails all that waits. The log is read from its beginning afterwards.
    package mutating func failAll(_ failure: StoreFailure, _ tickets: inout TicketTable) {
        for (part, items) in draft.remove(unless: { _ in false }) {
            giveUp(part, items: items, because: failure, &tickets)
        }
        for question in questions {
            close(question)
            tickets.fail(question.ticket, failure)
        }
        questions = []
        for turn in own { giveUp(turn, because: failure, &tickets) }
        own = []
        if !isRefused { standing = .unknown }
        forgetSeries()
        answer(&tickets)
    }

    /// A part is not stored, or nobody can tell.
    mutating func giveUp(
        _ part: OwnPart, items: [OwnItem], because failure: StoreFailure,
        _ tickets: inout TicketTable
    ) {
        for item in items {
            if part.isEnd { clearEnding(item.series) }
            unpin(item.series)
        }
        tickets.fail(part.ticket, failure, parts: items.count)
    }

    mutating func giveUp(
        _ turn: OwnTurn, because failure: StoreFailure, _ tickets: inout TicketTable
    ) {
        for part in turn.parts {
            giveUp(part, items: Array(turn.items[part.items]), because: failure, &tickets)
        }
    }

    mutating func close(_ question: Question) {
        // Its number may be that of another series next.
        if question.history != nil { starts.removeAll { $0.series == question.series } }
        if !question.series.isNone { unpin(question.series) }
    }
}

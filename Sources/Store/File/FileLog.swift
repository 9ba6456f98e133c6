package import Bytes
package import Detection
package import SeriesLog
package import System
package import Wire

/// The process' log in a file, as the loop that keeps it uses it: the log decides what is asked of
/// the file, and what follows; the file's thread does it.
package struct FileLog: LogDriver, ~Copyable {
    /// After a fault the file is tried again after so long, and after twice as long each time.
    private static var firstRetry: TimeSpan { .milliseconds(100) }
    private static var longestRetry: TimeSpan { .seconds(2) }
    /// Expired devices are dropped in small portions, so that no request waits for it.
    private static var expiryPortion: Int { 256 }
    private static var longestGathering: TimeSpan { .microseconds(600) }
    /// A flight leaves so long after the one before that had so many samples: where there are many,
    /// many share the cost of a transaction.
    private static func gathering(_ samples: Int) -> TimeSpan { .microseconds(12 * samples) }

    package var tickets = TicketTable()
    package private(set) var now = Instant.zero
    package private(set) var unixMilliseconds = 0
    private let shared: SharedFile
    private var log: TurnLog
    private var isUnderWay = false
    private var notes: [FlaggedNote] = []
    /// Those of the flight under way.
    private var flyingNotes: [FlaggedNote] = []
    private var listings: [TicketNumber: Listing] = [:]
    /// Who asks for flagged samples, and how many; those of the flight under way.
    private var asking: [(ticket: TicketNumber, count: Int)] = []
    private var asked: [(ticket: TicketNumber, count: Int)] = []
    /// Who asks for names of devices that are not here; those of the flight under way.
    private var naming: [NamesWanted] = []
    private var named: [NamesWanted] = []
    private var incidents = FileIncidents()
    private var flights = 0
    /// It is noted now and then up to which entry the file has all incidents.
    private static var flightsUntilFollowed: Int { 256 }
    /// What was wrong with the last flight; nil when nothing was.
    private var fault: FileFault?
    private var retryAt = Instant.zero
    /// When the next flight leaves, at the earliest.
    private var departure = Instant.zero
    private var retrySpan = FileLog.firstRetry
    private var notices: [Notice] = []

    package init(_ shared: SharedFile, _ seat: StoreSeat) {
        self.shared = shared
        var random = SystemRandomNumberGenerator()
        var settings = LogSettings()
        settings.parameters = shared.log.parameters
        settings.keepsHistory = shared.log.keepsHistory
        settings.timeToLive = Int(shared.log.timeToLive.milliseconds)
        settings.deviceLimit = shared.log.deviceLimit
        settings.unloadsDevices = true
        settings.heldLimit = min(settings.heldLimit, shared.log.deviceLimit)
        settings.keyLimit = shared.log.keyLimit
        settings.leastHistory = shared.log.logBytes.lowerBound
        settings.historyLimit = shared.log.logBytes.upperBound
        // Each is on some pages of its own.
        settings.groupLimit = 64
        settings.writer = random.next() | 1
        settings.hashSeed = random.next()
        log = TurnLog(settings)
        shared.writer.serve(seat.wakeUp)
    }

    deinit { shared.writer.stop() }

    package mutating func tellTime(_ now: Instant, unixMilliseconds: Int) {
        self.now = now
        self.unixMilliseconds = unixMilliseconds
        tickets.tellDeadline(now + timeout)
        log.tellTime(unixMilliseconds: unixMilliseconds)
    }

    // MARK: What is known

    package var timeout: TimeSpan { LogFileSettings.timeout }
    package var isStarting: Bool { false }
    package var isFull: Bool { false }
    package var deviceCount: Int {
        mutating get { log.knownDevices }
    }

    package mutating func glanceAtFleet() -> SeriesSummary { log.glanceAtFleet() }

    package var failure: StoreFailure? {
        mutating get {
            if let fault { return fault.failure }
            if log.isRefused { return .newerVersion }
            return log.isFollowing && log.knowsDevices ? nil : .opening
        }
    }

    package mutating func obstacle(to samples: Int) -> StoreFailure? {
        if let fault { return fault.failure }
        if log.isRefused { return .newerVersion }
        guard log.waitingItems + samples <= LogFileSettings.queueLimit else {
            shared.metrics.add(1, .queueFull)
            return .queueFull
        }
        return nil
    }

    // MARK: Requests

    package mutating func newDevices(of batch: borrowing SampleBatch) -> [Int] { [] }

    package mutating func append(
        piece: Int, of batch: borrowing SampleBatch, _ ticket: TicketNumber
    ) {
        log.append(piece: piece, of: batch, ticket, &tickets)
    }

    package var isBehind: Bool {
        mutating get { log.isBehind }
    }

    package var gatheredSamples: Int {
        mutating get { log.gatheredItems }
    }

    package mutating func ask(about device: [UInt8]?) -> TicketNumber {
        let ticket = tickets.open(samples: 0)
        let name = device ?? []
        log.ask(about: name.span, ticket, &tickets)
        tickets.finish(ticket)
        return ticket
    }

    package mutating func askForDevices(after: [UInt8]?, limit: Int) -> TicketNumber {
        let ticket = tickets.open(samples: 0)
        var listing = Listing()
        listing.names = log.devices(after: after, limit: limit)
        listing.total = log.knownDevices
        let found = listing.names?.count ?? 0
        listings[ticket] = listing
        if found < limit, let latest = log.lastUnloaded(after: listing.names == nil ? nil : after) {
            tickets.add(parts: 1, to: ticket)
            naming.append(
                NamesWanted(
                    ticket: ticket, limit: limit - found,
                    place: listing.names == nil ? .after(after ?? []) : .from(activity: latest)))
        } else {
            askAboutListed(ticket)
        }
        tickets.finish(ticket)
        return ticket
    }

    /// Asks how each device of a list stands.
    private mutating func askAboutListed(_ ticket: TicketNumber) {
        for name in listings[ticket]?.names ?? [] { log.ask(about: name.span, ticket, &tickets) }
    }

    /// Takes names of devices from the file; those that are here have been listed.
    private mutating func take(_ page: NamesPage, for wanted: NamesWanted) {
        guard let found = page.names else {
            return tickets.finish(wanted.ticket)
        }
        var rest = wanted
        var names = listings[wanted.ticket]?.names ?? []
        for name in found where rest.limit > 0 && !log.isLoaded(name) {
            names.append(name)
            rest.limit -= 1
        }
        listings[wanted.ticket]?.names = names
        if rest.limit > 0, let next = page.next {
            rest.place = .behind(next)
            naming.append(rest)
        } else {
            askAboutListed(wanted.ticket)
            tickets.finish(wanted.ticket)
        }
    }

    package mutating func askForFlagged(count: Int) -> TicketNumber {
        let ticket = tickets.open(samples: 0)
        listings[ticket] = Listing()
        tickets.add(parts: 1, to: ticket)
        asking.append((ticket, count))
        tickets.finish(ticket)
        return ticket
    }

    package mutating func askForSeries(_ query: SeriesQuery) -> TicketNumber {
        let ticket = tickets.open(samples: 0)
        let device = query.device ?? []
        // Nobody else writes, and what has left the log is in the file.
        log.ask(forHistoryOf: device.span, withStart: false, ticket, &tickets)
        tickets.finish(ticket)
        return ticket
    }

    package mutating func takeListing(_ ticket: TicketNumber) -> Listing {
        listings.removeValue(forKey: ticket) ?? Listing()
    }

    package mutating func stored(_ batch: borrowing SampleBatch, flagged: [FlaggedNote]) {
        notes += flagged
        // What nobody can list any more need not be kept.
        if notes.count > FlaggedNote.limit { notes.removeFirst(notes.count - FlaggedNote.limit) }
    }

    // MARK: Incidents

    package mutating func takeIncidentEvents() -> [IncidentEvent] { log.takeIncidentEvents() }

    package mutating func takeIncidents() -> [Incident] {
        incidents.takeRead()
    }

    package mutating func keep(_ changed: [Incident]) { incidents.keep(changed) }

    /// What was stored before a process ended, and not judged, is judged now.
    package mutating func followIncidents() {
        if incidents.isRead { log.followAll(after: incidents.followed) }
    }

    package func lastActivity(of device: [UInt8]) -> Int? {
        device.isEmpty ? log.logClock : log.lastActivity(of: device)
    }

    // MARK: Turns

    /// The file's thread wakes the loop; there is no descriptor.
    package mutating func handle(_ event: Event) {}

    package mutating func lookAtWhatIsDue() {
        if isUnderWay, let landing = shared.writer.takeLanding() { land(landing) }
        let count = tickets.expire(now: now)
        if count > 0 {
            shared.metrics.add(count, .timedOut)
            log.dropAbandoned(&tickets)
            let over = asking.filter { tickets.isAbandoned($0.ticket) }
            asking.removeAll { tickets.isAbandoned($0.ticket) }
            for one in over { tickets.fail(one.ticket, .timedOut) }
            let late = naming.filter { tickets.isAbandoned($0.ticket) }
            naming.removeAll { tickets.isAbandoned($0.ticket) }
            for one in late { tickets.fail(one.ticket, .timedOut) }
        }
        _ = log.dropExpired(limit: FileLog.expiryPortion)
    }

    /// Whether there is something for the file beside the log.
    private var hasNotes: Bool { !notes.isEmpty || !incidents.waiting.isEmpty }

    /// Whether somebody asks for what only the file has.
    private var isAsked: Bool { !asking.isEmpty || !naming.isEmpty }

    package var canFly: Bool {
        mutating get {
            !isUnderWay && retryAt <= now && departure <= now
                && (log.isAwaited || isAsked || hasNotes)
        }
    }

    package mutating func flush(_ poller: borrowing Poller) {
        guard !isUnderWay, retryAt <= now, departure <= now else { return }
        var flight = FileFlight()
        if fault != nil {
            flight.isProbe = true
            log.connected(isFenced: true)
        }
        // As of before the flight, which may ask for checkpoints of series that are to be folded.
        let followed = log.followedEntry
        if log.hasWork, log.board(&tickets) { fill(&flight) }
        flight.notes = notes
        flight.incidents = incidents.waiting
        flight.readsIncidents = !incidents.isRead
        if flight.writes,
            !flight.incidents.isEmpty || flights % FileLog.flightsUntilFollowed == 0
        {
            flight.followed = followed
        }
        flight.flaggedCount = asking.map(\.count).max()
        flight.listed = naming.map(\.place)
        guard !flight.commands.isEmpty || flight.writes || isAsked else { return }
        swap(&asked, &asking)
        swap(&named, &naming)
        swap(&flyingNotes, &notes)
        notes.removeAll(keepingCapacity: true)
        incidents.depart()
        flights += 1
        isUnderWay = true
        let samples = log.appendedItems
        departure =
            now + min(FileLog.longestGathering, FileLog.gathering(samples))
        if flight.writes { shared.metrics.add(1, .commits) }
        shared.writer.send(flight)
    }

    private mutating func fill(_ flight: inout FileFlight) {
        flight.commands = log.commands
        for command in flight.commands {
            switch command {
            case .checkpoint(let id): flight.names.append(Array(log.name(of: id).bytes))
            case .create:
                flight.emptyTurn = log.emptyTurn
                flight.birth = UInt64(max(1, unixMilliseconds)) * 1000
            case .append: flight.turn = log.turnBytes
            case .trim:
                flight.group = log.trimGroup
                flight.groupNames =
                    flight.group?.lists.map { Array(log.name(of: $0.series).bytes) } ?? []
            case .read, .lookAt, .first, .fleetCheckpoint, .keys, .names, .watch: break
            }
        }
    }

    private mutating func land(_ landing: FileLanding) {
        isUnderWay = false
        shared.metrics.add(landing.damaged, .damaged)
        if landing.damaged > 0 {
            tell("\(landing.damaged) rows are damaged: series begin anew", isWarning: true)
        }
        if landing.fileBytes > 0 { shared.metrics.set(landing.fileBytes, .bytes) }
        var waiting: [(ticket: TicketNumber, count: Int)] = []
        swap(&waiting, &asked)
        var listed: [NamesWanted] = []
        swap(&listed, &named)
        if let fault = landing.fault {
            fail(fault)
            for one in waiting { tickets.fail(one.ticket, fault.failure) }
            for one in listed { tickets.fail(one.ticket, fault.failure) }
            return
        }
        if fault != nil {
            fault = nil
            retrySpan = FileLog.firstRetry
            tell("it can be written again", isWarning: false)
        }
        incidents.take(landing)
        for reply in landing.replies { _ = log.received(reply) }
        if !landing.replies.isEmpty { log.landed(&tickets) }
        for one in waiting {
            listings[one.ticket]?.flagged = Array(landing.flagged.prefix(one.count))
            tickets.finish(one.ticket)
        }
        for (one, page) in zip(listed, landing.listed) { take(page, for: one) }
    }

    /// Nothing of the flight was done. Everybody who waits is told why, and the file is tried again
    /// later.
    private mutating func fail(_ fault: FileFault) {
        shared.metrics.add(1, .faults)
        if self.fault != fault { tell(fault.reason, isWarning: true) }
        self.fault = fault
        retryAt = now + retrySpan
        retrySpan = min(FileLog.longestRetry, retrySpan + retrySpan)
        notes = flyingNotes + notes
        incidents.putBack()
        _ = log.cut()
        log.failAll(fault.failure, &tickets)
        for one in asking { tickets.fail(one.ticket, fault.failure) }
        asking.removeAll()
        for one in naming { tickets.fail(one.ticket, fault.failure) }
        naming.removeAll()
    }

    private mutating func tell(_ text: String, isWarning: Bool) {
        notices.append(Notice(isWarning: isWarning, text: "\(shared.summary): \(text)"))
    }

    package mutating func nextLook() -> Instant {
        let ticket = tickets.nextDeadline()
        guard !isUnderWay else { return ticket }
        if fault != nil { return min(ticket, retryAt) }
        guard !log.isRefused else { return ticket }
        guard log.isFollowing else { return min(ticket, now) }
        if incidents.hasMore { return now }
        if log.isAwaited || isAsked || hasNotes { return min(ticket, departure) }
        return min(ticket, now + .milliseconds(max(0, log.nextRead - unixMilliseconds)))
    }

    package mutating func takeNotices() -> [Notice] {
        var taken: [Notice] = []
        swap(&taken, &notices)
        return taken
    }

    package mutating func tellMetrics() {
        let counts = log.counts
        let metrics = shared.metrics
        metrics.set(counts.notUnderstood, .notUnderstood)
        metrics.set(counts.checkpointsWritten, .checkpointsWritten)
        metrics.set(counts.relearned, .relearned)
        metrics.set(counts.trims, .trims)
        metrics.set(counts.evicted, .evicted)
        metrics.set(counts.expired, .expired)
        metrics.set(log.waitingItems, .waiting)
        metrics.set(log.loadedDevices, .loaded)
        metrics.set(log.oldestKeyTime ?? 0, .oldestKey)
    }
}

extension FileFault {
    var failure: StoreFailure {
        switch kind {
        case .full: .diskFull
        case .gone: .fileGone
        case .newerVersion: .newerVersion
        case .damaged, .other: .fileFailed
        }
    }
}

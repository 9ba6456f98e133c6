internal import Bytes
internal import Detection

/// Entries that leave the log, and the checkpoints that their samples go into. It is done in
/// groups of series, each in one transaction that fails when anybody else has trimmed meanwhile.
struct TrimJob {
    enum Phase {
        case toWatch
        case watching
        case toWrite
        case writing
    }

    /// The first entry that stays, and who wrote it.
    let number: UInt64
    let mark: TurnMark
    /// The log's first entry when it began.
    let first: UInt64
    /// The log's own checkpoint as of there.
    let element: [UInt8]
    /// Series with samples in what leaves. Those that have ended there are the last ones.
    let series: [SeriesID]
    /// How many of them have not ended.
    let living: Int
    /// Series that one transaction writes.
    let groupLimit: Int
    /// How many of them are written.
    var done = 0
    var phase = Phase.toWatch
    var group = TrimGroup()
    /// What the last group left for `watch` to find.
    var token: [UInt8] = []

    var next: Range<Int> { group(after: done) }
    /// Those after the group that is being written.
    var following: Range<Int> { group(after: next.upperBound) }

    /// All lists that go are in the last group, together with the trim: whoever reads that a list
    /// is not there must not find samples of it in the log.
    private func group(after done: Int) -> Range<Int> {
        done + groupLimit >= living ? done..<series.count : done..<done + groupLimit
    }
    var isLast: Bool { done + group.lists.count == series.count }
}

/// What one transaction of a trim writes.
package struct TrimGroup: Sendable {
    package struct List: Sendable {
        package let series: SeriesID
        /// What stands in the list goes first.
        package let replaces: Bool
        /// What is appended to it.
        package let elements: [[UInt8]]
        /// The list's time to live is set anew.
        package let expires: Bool
        /// When the last of the samples came, in Unix milliseconds; nil when none leaves the log.
        package let activity: Int?
        /// The series has ended, and no sample came since.
        package let hasEnded: Bool
        /// What leaves the log of it, for a store that keeps history; else nothing.
        package let history: [HistoryPart]
        let records: UInt32
    }

    package var lists: [List] = []
    /// Left in the store, for the next `watch`: unlike any other group's.
    package var token: [UInt8] = []
    /// Set in the last group: entries before it leave the log.
    package var trimsTo: UInt64?
    /// Hashes of keys of the entries that leave, after the time of the last in Unix seconds.
    package var keys: [UInt8] = []
    /// Blocks of keys before this entry are forgotten.
    package var forgetsKeysBefore: UInt64?
    /// Set in the last group: replaces the log's own checkpoint (its clock, and the fleet's fold).
    package var fleet: [UInt8] = []
    /// What leaves the log of the fleet's series, a part of it with each group; for a store that
    /// keeps history.
    package var fleetHistory: [HistoryPart] = []
    /// The log's clock, in Unix milliseconds.
    package var clock = 0
    /// Set in the last group: names of devices whose last activity, in Unix milliseconds, is
    /// earlier are forgotten, when their checkpoints are.
    package var forgetsNamesBefore = 0
}

extension TurnLog {
    /// Others leave a trim to a process that said so for so long, in milliseconds.
    static var trimSpan: Int { 1_000 }
    /// The process itself holds to what it said for longer: where turns take a second it would
    /// never begin.
    private static var ownTrimSpan: Int { 10_000 }
    /// After a trim that somebody else's let fail, in milliseconds.
    private static var trimPause: Int { 100 }
    static var foldVersion: UInt8 { UInt8(SeriesFold.version) }

    /// Bytes of the log beyond which it is trimmed.
    var history: Int {
        mutating get {
            min(
                historyLimit,
                max(settings.leastHistory, settings.historyPerSeries * deviceCount))
        }
    }

    /// Trims do not keep up with what comes.
    package var isBehind: Bool {
        mutating get { tail.byteCount > 2 * history }
    }

    /// Not all processes begin at the same length.
    var isTrimDue: Bool {
        mutating get {
            if trim != nil { return true }
            guard undecidedEnds == 0 else { return false }
            let jitter = history / 8 * Int(trimJitter >> 56) / 256
            return (tail.byteCount > history + jitter || isOld)
                && unixMilliseconds >= othersTrimUntil
                && candidates.contains { $0.number <= position.number }
        }
    }

    /// The log's first entries stand in it so long that checkpoints may expire, though their
    /// series go on.
    private var isOld: Bool {
        guard tail.entryCount > 0 else { return false }
        let jitter = settings.timeToLive / 16 / 256 * Int(trimJitter >> 56)
        return max(clock, unixMilliseconds) - tail[tail.first].clock
            >= settings.timeToLive / 2 + jitter
    }

    package var isTrimming: Bool { trim != nil }
    package var trimGroup: TrimGroup? {
        mutating get { trim?.group }
    }
    package func name(of id: SeriesID) -> DeviceKey { table.key(of: id) }

    // MARK: Steps

    /// An entry says that its writer trims the log, or wants to. The first one to say so does.
    mutating func takeTrimClaim(_ head: TurnHead) {
        let until = unixMilliseconds + TurnLog.trimSpan
        let isMine = trimClaimUntil > unixMilliseconds
        switch (head.isTrimming, head.mark.writer == settings.writer) {
        case (true, true):
            if isMine || unixMilliseconds >= othersTrimUntil {
                trimClaimUntil = unixMilliseconds + TurnLog.ownTrimSpan
            }
        case (true, false):
            // One that ended in the middle of its trim never says that it is done.
            let isFree = trimmer == 0 || unixMilliseconds >= othersTrimUntil
            guard !isMine, isFree || trimmer == head.mark.writer else { return }
            trimmer = head.mark.writer
            othersTrimUntil = until
        case (false, _):
            // It is done, or gave up.
            guard trimmer == head.mark.writer else { return }
            trimmer = 0
            othersTrimUntil = unixMilliseconds
        }
    }

    /// - Parameter isIdle: this process has no entry that could tell the others.
    mutating func boardTrim(isIdle: Bool) {
        let isClaimed = isIdle || trimClaimUntil > unixMilliseconds
        if trim == nil, mayTrim, isClaimed, isTrimDue { beginTrim() }
        guard var job = trim else { return }
        switch job.phase {
        case .toWatch:
            job.phase = .watching
            watch(job, job.next)
        case .toWrite:
            job.phase = .writing
            flight.commands.append(.trim)
            // What the next group needs is asked for at once.
            if !job.isLast { watch(job, job.following) }
        case .watching, .writing: break
        }
        trim = job
    }

    private mutating func watch(_ job: TrimJob, _ range: Range<Int>) {
        flight.commands += [.watch, .lookAt(job.number), .first]
        guard newestFold <= TurnLog.foldVersion else { return }
        for id in job.series[range] where wantsRebuild(id, before: job.number) {
            flight.commands.append(.checkpoint(id))
        }
    }

    private mutating func beginTrim() {
        // A quarter of the history stays: the more samples of a series leave at once, the less each
        // costs. A log that has become very long goes in halves.
        let first = bytesTaken - tail.byteCount
        let enough = min(
            bytesTaken - history / 4, first + max(settings.trimBytes, tail.byteCount / 2))
        let usable = candidates.filter { $0.number <= position.number }
        let oldest = max(clock, unixMilliseconds) - settings.timeToLive / 4
        let chosen = usable.last { $0.bytesBefore <= enough || $0.clock <= oldest }
        guard let last = chosen ?? usable.first,
            let candidate = candidateWithFleet(last),
            // A trim of little costs about as much as one of much.
            2 * (candidate.bytesBefore - first) >= last.bytesBefore - first
        else { return }
        var seen: [SeriesID] = []
        var ended: [SeriesID] = []
        for index in tail.firstRecord..<tail.firstRecord(from: candidate.number) {
            let id = tail.record(index).series
            if id.isNone { continue }
            if table[id].trimSerial != trimSerial + 1 {
                table[id].trimSerial = trimSerial + 1
                table[id].leavingRecords = 0
                if table[id].endedAt > 0 { ended.append(id) } else { seen.append(id) }
            }
            table[id].leavingRecords &+= 1
            table[id].lastLeaving = index
        }
        trimSerial += 1
        trim = TrimJob(
            number: candidate.number, mark: tail[candidate.number].mark, first: tail.first,
            element: candidate.element ?? [], series: seen + ended, living: seen.count,
            groupLimit: groupLimit(
                for: seen.count + ended.count,
                records: tail.firstRecord(from: candidate.number) - tail.firstRecord))
    }

    /// The candidate with the fleet's fold up to there, or one before it to which the fold has
    /// come.
    private mutating func candidateWithFleet(_ last: Candidate) -> Candidate? {
        prepareFleet(before: last.number)
        return candidates.last { $0.number <= last.number && $0.element != nil }
    }

    /// How many series go into one transaction, so that it has about `groupBytes`.
    private mutating func groupLimit(for series: Int, records: Int) -> Int {
        let most = isBehind ? 8 * settings.groupLimit : settings.groupLimit
        // Many records become a fold.
        let each = min(CheckpointCoding.recordBytes * records / max(1, series), 6_000)
        return min(most, max(1, settings.groupBytes / max(1, each)))
    }

    mutating func abandonTrim() {
        guard trim != nil else { return }
        trim = nil
        trimClaimUntil = 0
        othersTrimUntil = unixMilliseconds + TurnLog.trimPause
    }

    mutating func trimReplied(_ reply: LogReply) {
        if case .done = reply { return }
        counts.trimsLost += 1
    }

    mutating func takeTrim(_ landed: LogFlight) {
        guard var job = trim else { return }
        switch job.phase {
        case .writing:
            guard landed.isTrimDone else { return abandonTrim() }
            noteWritten(job.group)
            job.token = job.group.token
            if job.isLast {
                trim = nil
                // The work is shared: others come first now.
                trimClaimUntil = 0
                othersTrimUntil = unixMilliseconds + TurnLog.trimPause
                counts.trims += 1
                forget(before: job.number, isListed: true)
                return
            }
            job.done += job.group.lists.count
            takeWatch(job, landed)
        case .watching: takeWatch(job, landed)
        case .toWatch, .toWrite: break
        }
    }

    /// The next group is written if nobody else has trimmed since.
    private mutating func takeWatch(_ watched: TrimJob, _ landed: LogFlight) {
        var job = watched
        guard let first = landed.first, first.birth == position.birth,
            first.number == job.first, first.number == tail.first,
            // Another process that has written a group meanwhile has put older checkpoints
            // in the place of those that are written here already.
            job.done == 0 || landed.trimToken == job.token,
            landed.seen?.position.number == job.number, markOf(landed.seen) == job.mark
        else {
            if let first = landed.first, first.birth == position.birth {
                forget(before: first.number)
            }
            return abandonTrim()
        }
        job.group = group(
            job, Array(landed.checkpoints.dropFirst(landed.checkpointsBeforeWatch)))
        job.phase = .toWrite
        trim = job
    }

    private mutating func noteWritten(_ group: TrimGroup) {
        for list in group.lists {
            if list.replaces {
                table[list.series].listedRecords = list.records
                counts.checkpointsWritten += 1
            } else {
                table[list.series].listedRecords &+= list.records
            }
            if list.expires {
                table[list.series].expirySet =
                    unixMilliseconds + LogSettings.expirySpans * settings.timeToLive
            }
        }
        guard let last = group.forgetsKeysBefore else { return }
        keyBlocks.removeAll { $0.before < last }
    }

    // MARK: Groups

    private mutating func group(
        _ job: TrimJob, _ checkpoints: [(series: SeriesID, elements: [[UInt8]])]
    ) -> TrimGroup {
        var group = TrimGroup()
        trimGroups += 1
        group.token = Array("\(settings.writer)-\(trimGroups)".utf8)
        for id in job.series[job.next] {
            let old = checkpoints.first { $0.series == id }?.elements
            group.lists.append(list(of: id, before: job.number, rebuilding: old))
        }
        if settings.keepsHistory, settings.hasFleet { group.fleetHistory = fleetShare(job) }
        guard job.done + group.lists.count == job.series.count else { return group }
        group.trimsTo = job.number
        group.clock = clock
        group.fleet = job.element
        group.forgetsNamesBefore = clock - LogSettings.expirySpans * settings.timeToLive - 1
        var keys: [UInt8] = []
        for number in tail.first..<job.number {
            for key in tail[number].keys { keys.append(word: key) }
        }
        if !keys.isEmpty {
            group.keys.append(word: UInt64(tail[job.number - 1].clock / 1000))
            group.keys += keys
        }
        group.forgetsKeysBefore = oldestBlock()
        return group
    }

    /// Whether the list would have so many records that it is read and folded.
    private func wantsRebuild(_ id: SeriesID, before number: UInt64) -> Bool {
        table[id].listedRecords &+ table[id].leavingRecords > settings.listedLimit
            && table[id].endedAt == 0
            && !table[id].snapshots.contains { $0.number < number }
    }

    private mutating func list(
        of id: SeriesID, before number: UInt64, rebuilding old: [[UInt8]]?
    ) -> TrimGroup.List {
        let history = parts(of: id, upTo: table[id].lastLeaving)
        let ended = history.contains { $0.endsAt != nil }
        var records = history.last { $0.endsAt == nil }?.records ?? []
        let activity = records.last?.arrival
        let hasEnded = ended && records.isEmpty
        var elements: [[UInt8]] = []
        let writesFold = newestFold <= TurnLog.foldVersion && !ended
        if writesFold, let snapshot = table[id].snapshots.last(where: { $0.number < number }) {
            records.removeAll { $0.entry <= snapshot.number }
            elements.append(snapshot.element)
        } else if writesFold, let old,
            let element = rebuilt(old, with: records, before: number)
        {
            records.removeAll()
            elements.append(element)
        }
        let replaces = ended || !elements.isEmpty
        if !records.isEmpty {
            elements.append(CheckpointCoding.bytes(of: records, birth: position.birth))
        }
        let span = LogSettings.expirySpans * settings.timeToLive
        let wasSet = table[id].expirySet - span
        let isShort =
            wasSet <= lastCut || unixMilliseconds - wasSet > settings.timeToLive / 2
        return TrimGroup.List(
            series: id, replaces: replaces, elements: elements,
            expires: !elements.isEmpty && (replaces || isShort),
            activity: activity, hasEnded: hasEnded,
            history: settings.keepsHistory ? history : [],
            records: UInt32(clamping: records.count))
    }

    /// A fold of all that stands in a list and of the records that follow; nil when it is of other
    /// parameters, or newer than the trim.
    private func rebuilt(
        _ old: [[UInt8]], with records: [HistoryRecord], before number: UInt64
    ) -> [UInt8]? {
        var start = FoldStart(settings)
        start.take(old, birth: position.birth)
        // A trim that was given up may have left a list that goes beyond this one.
        guard !start.relearns, start.through < number else { return nil }
        let through = start.through
        for record in records where record.entry > through {
            _ = start.life.take(
                record.sample, entry: record.entry, arrival: record.arrival, settings)
        }
        return start.life.element(
            birth: position.birth, asOf: number - 1, settings.parameters)
    }

    // MARK: Keys

    /// Takes in the keys of requests that have left the log.
    mutating func openKeys(_ blocks: [StoredTurn], birth: UInt64) {
        keyBlocks.removeAll()
        for block in blocks where block.position.birth == birth {
            let bytes = block.bytes.span
            guard bytes.count >= 8, bytes.count % 8 == 0,
                let time = Int(exactly: bytes.word(at: 0))
            else { continue }
            for offset in stride(from: 8, to: bytes.count, by: 8) {
                _ = keys.insert(bytes.word(at: offset), time: time)
            }
            noteBlock(before: block.position.number, keys: bytes.count / 8 - 1)
        }
    }

    /// Notes the keys of entries that leave the log. A process that lags meets the entries of one
    /// block in several steps.
    mutating func noteKeys(of entries: Range<UInt64>, leavingBefore number: UInt64) {
        var fresh = 0
        for entry in entries {
            let count = tail[entry].keys.count
            if let last = keyBlocks.last, entry < last.before {
                keyBlocks[keyBlocks.count - 1].count += count
            } else {
                fresh += count
            }
        }
        noteBlock(before: number, keys: fresh)
    }

    private mutating func noteBlock(before number: UInt64, keys count: Int) {
        if count > 0 { keyBlocks.append((number, count)) }
    }

    /// Blocks before this one hold nothing that is remembered; nil when all do.
    private func oldestBlock() -> UInt64? {
        var rest = keyBlocks.reduce(0) { $0 + $1.count }
        var bound: UInt64?
        for block in keyBlocks {
            guard rest - block.count >= settings.keyLimit else { break }
            rest -= block.count
            bound = block.before + 1
        }
        return bound
    }
}

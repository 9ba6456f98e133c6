package import Detection

/// What a process knows of the fleet's series in a log: all samples, whatever their device.
///
/// Its fold does not go along with the log. It begins with the checkpoint and takes in the tail
/// where somebody asks for it, or where this process trims the log. Otherwise each of N replicas
/// would fold all samples of all.
struct LoggedFleet: ~Copyable {
    var standing = LoggedSeries.Standing.unknown
    /// As of `through`, while it is held.
    var fold: SeriesFold
    /// Entries up to this one are in the fold.
    var through: UInt64 = 0
    /// Own samples without a device that are stored and have no verdict yet, in the log's order.
    var awaited: [LoggedSeries.Awaited] = []
    /// When somebody last asked for it, in Unix milliseconds.
    var lastWanted = 0

    init(_ parameters: FoldParameters) { fold = SeriesFold(parameters) }

    var isHeld: Bool {
        if case .held = standing { true } else { false }
    }

    mutating func begin(_ start: consuming SeriesFold, through: UInt64) {
        // Exchanged, not assigned: an optimized build (Swift 6.3) would not free the old window.
        var other = start
        swap(&fold, &other)
        self.through = through
        standing = .held
    }
}

extension TurnLog {
    /// Entries that the fleet's fold takes in at once: a millisecond of work.
    private static var fleetStep: Int { 8_192 }
    /// A fold that nobody asked for so long is given up when the log goes on, in milliseconds.
    private static var fleetSpan: Int { 30_000 }
    /// The log may go on by so many samples before the fold is given up.
    private static var fleetLag: Int { 4_096 }

    /// The fleet as its gauges show it. Its fold is used where it is at hand; else the window's
    /// mean and the last sample come from the tail.
    package mutating func glanceAtFleet() -> SeriesSummary {
        let behind = tail.endRecord - tail.firstRecord(from: max(fleet.through + 1, tail.first))
        if fleet.isHeld, behind <= TurnLog.fleetLag {
            foldFleet(through: position.number)
            return fleet.fold.summary
        }
        var summary = SeriesSummary.empty
        var index = tail.endRecord - 1
        var sum = 0.0
        while index >= tail.firstRecord, summary.windowCount < settings.parameters.windowSize {
            let record = tail.record(index)
            index -= 1
            guard record.kind == .sample else { continue }
            let sample = tail[record.number].bytes.span.sample(at: Int(record.offset))
            if summary.windowCount == 0 { summary.lastSample = sample }
            summary.windowCount += 1
            sum += sample.rps
        }
        if summary.windowCount > 0 { summary.mean = sum / Double(summary.windowCount) }
        return summary
    }

    /// The fleet's series as it is here; only a glance at it while its fold is not.
    package mutating func fleetSummary() -> SeriesSummary {
        catchUpFleet() ? fleet.fold.summary : glanceAtFleet()
    }

    /// Sees to it that the fleet's fold will be here.
    mutating func wantFleet() {
        guard case .unknown = fleet.standing else { return }
        fleet.standing = .wanted
        wanted.append(.none)
    }

    /// Begins the fleet's fold with its checkpoint.
    mutating func adoptFleet(_ elements: [[UInt8]]) {
        if !questions.isEmpty { noteStart(of: .none, elements) }
        guard let element = elements.first.flatMap({ CheckpointCoding.FoldElement($0) }),
            element.birth == position.birth
        else {
            // What is before the tail, if anything, is not kept anywhere.
            beginFleet(SeriesFold(settings.parameters), through: 0)
            return
        }
        if let fold = try? SeriesFold(decoding: element.fold.span, settings.parameters) {
            beginFleet(fold, through: element.asOf)
        } else {
            var fold = SeriesFold(settings.parameters)
            fold.totals = element.totals
            counts.relearned += 1
            beginFleet(fold, through: element.asOf)
        }
    }

    private mutating func beginFleet(_ fold: consuming SeriesFold, through: UInt64) {
        fleet.begin(fold, through: max(through, tail.first - 1))
        let last = fleet.through
        giveUpFleet(before: tail.firstRecord(from: last + 1))
        candidates.removeAll { $0.element == nil && $0.number <= last }
        encodeFleet()
    }

    /// Sees to it that the fold will be known where the log is to be trimmed.
    mutating func prepareFleet(before number: UInt64) {
        guard settings.hasFleet,
            !candidates.contains(where: { $0.number == number && $0.element != nil })
        else { return }
        guard fleet.isHeld else { return wantFleet() }
        foldFleet(through: number - 1)
    }

    /// The fleet's fold takes in what it lacks, or a part of that.
    /// - Returns: whether it is here and lacks nothing now.
    @discardableResult
    mutating func catchUpFleet() -> Bool {
        fleet.lastWanted = unixMilliseconds
        guard fleet.isHeld else {
            wantFleet()
            return false
        }
        foldFleet(through: position.number)
        // The rest follows with the next flight.
        if fleet.through < position.number { wantsRead = true }
        return fleet.through >= position.number
    }

    /// Where the fold is here, it does not fall far behind: whoever asks for it would wait.
    mutating func keepUpFleet() {
        guard fleet.isHeld, fleet.through < position.number else { return }
        let next = max(fleet.through + 1, tail.first)
        if tail.endRecord - tail.firstRecord(from: next) >= TurnLog.fleetStep {
            foldFleet(through: position.number)
        }
    }

    /// Folds entries up to `last`, or as many as are folded at once.
    mutating func foldFleet(through last: UInt64) {
        var left = TurnLog.fleetStep
        var told = 0
        var number = max(fleet.through + 1, tail.first)
        while number <= last, left > 0 {
            let entry = tail[number]
            let records = entry.firstRecord..<tail.firstRecord(from: number + 1)
            for index in records {
                if tail.record(index).isFleetEnd { restartFleet() }
                guard tail.record(index).kind == .sample else { continue }
                let offset = Int(tail.record(index).offset)
                let verdict = fleet.fold.fold(
                    entry.bytes.span.sample(at: offset), settings.parameters,
                    at: SampleArrival(entry: number, milliseconds: entry.clock))
                if verdict.changesIncident {
                    incidentEvents.append(
                        IncidentEvent(
                            device: [], sample: entry.bytes.span.sample(at: offset),
                            verdict: verdict, arrival: entry.clock))
                }
                guard told < fleet.awaited.count, fleet.awaited[told].record == index else {
                    continue
                }
                answers.append(Answered(awaited: fleet.awaited[told], verdict: verdict))
                told += 1
            }
            left -= records.count + 1
            fleet.through = number
            encodeFleet()
            number += 1
        }
        fleet.awaited.removeFirst(told)
    }

    /// The fleet's series begins anew.
    private mutating func restartFleet() {
        // Exchanged, not assigned: an optimized build (Swift 6.3) would not free the old window.
        var fresh = SeriesFold(settings.parameters)
        swap(&fleet.fold, &fresh)
    }

    /// The own samples whose verdicts are in the checkpoint: nobody can say them any more.
    mutating func giveUpFleet(before record: Int) {
        let count = fleet.awaited.prefix { $0.record < record }.count
        guard count > 0 else { return }
        for awaited in fleet.awaited.prefix(count) {
            answers.append(Answered(awaited: awaited, verdict: nil))
        }
        fleet.awaited.removeFirst(count)
    }

    /// Encodes the fold where it has come to a place where the log may be trimmed.
    mutating func encodeFleet() {
        guard settings.hasFleet, fleet.isHeld,
            let place = candidates.firstIndex(where: { $0.element == nil }),
            candidates[place].number == fleet.through + 1
        else { return }
        candidates[place].element =
            CheckpointCoding.FoldElement(
                birth: position.birth, asOf: fleet.through, lastEntry: fleet.through,
                lastArrival: candidates[place].clock, totals: fleet.fold.totals,
                fold: fleet.fold.encode(settings.parameters)
            ).bytes
    }

    /// Entries before `bound` are about to leave the tail: the fold takes them in, or is given up.
    mutating func leaveBehind(before bound: UInt64) {
        guard fleet.isHeld else { return giveUpFleet(before: tail.firstRecord(from: bound)) }
        guard settings.hasFleet, fleet.through + 1 < bound else { return }
        let from = tail.firstRecord(from: max(fleet.through + 1, tail.first))
        let isWanted =
            !fleet.awaited.isEmpty || unixMilliseconds - fleet.lastWanted <= TurnLog.fleetSpan
        if isWanted || tail.firstRecord(from: bound) - from <= TurnLog.fleetLag {
            while fleet.through + 1 < bound { foldFleet(through: bound - 1) }
        } else {
            fleet.standing = .unknown
        }
    }
}

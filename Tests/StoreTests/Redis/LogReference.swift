import Detection
import Redis

@testable import SeriesLog

/// What a log says, by folding all of its entries in their order, without any of the machinery
/// under test: no tail, no checkpoints, no positions.
final class LogReference {
    private final class Series {
        var fold: SeriesFold
        var lastEntry: UInt64 = 0
        var lastArrival = 0

        init(_ parameters: FoldParameters) { fold = SeriesFold(parameters) }
    }

    private let parameters: FoldParameters
    private let timeToLive: Int
    private let keyLimit: Int
    private var folded = 0
    private var lastFolded: ModelRedis.Entry?
    private var birth: UInt64 = 0
    private var clock = 0
    private var keys: Set<UInt64> = []
    private var keyOrder: [UInt64] = []
    private var series: [[UInt8]: Series] = [:]
    private var fleet: SeriesFold
    /// The verdicts on each sample that counts, by timestamp: one, or something is wrong.
    private(set) var verdicts: [Int: [Verdict]] = [:]
    /// How a series looked after each of its samples; the fleet's has an empty name.
    private(set) var summaries: [[UInt8]: [SeriesSummary]] = [:]
    /// A device's samples that count, with their entries.
    private(set) var records: [[UInt8]: [HistoryRecord]] = [:]
    /// Where a device's series ended last.
    private var ends: [[UInt8]: UInt64] = [:]
    private var decoded = DecodedTurn()

    init(_ parameters: FoldParameters, timeToLive: Int, keyLimit: Int) {
        self.parameters = parameters
        self.timeToLive = timeToLive
        self.keyLimit = keyLimit
        fleet = SeriesFold(parameters)
    }

    /// Folds what is new. A log that lost entries, or is another one, is folded from its beginning.
    func update(_ story: [ModelRedis.Entry]) {
        if folded > story.count || folded > 0 && story[folded - 1] != lastFolded { reset() }
        for entry in story[folded...] { fold(entry) }
        folded = story.count
        lastFolded = story.last
    }

    private func reset() {
        folded = 0
        birth = 0
        beginLog()
    }

    private func beginLog() {
        clock = 0
        keys = []
        keyOrder = []
        series = [:]
        summaries = [:]
        records = [:]
        ends = [:]
        verdicts = [:]
        var fresh = SeriesFold(parameters)
        swap(&fleet, &fresh)
    }

    private func fold(_ entry: ModelRedis.Entry) {
        if entry.id.birth != birth {
            birth = entry.id.birth
            beginLog()
        }
        // Number 0 is an entry whose writer took a log of another birth for this one.
        guard entry.id.number > 0, entry.fields.count == 2 else { return }
        let bytes = entry.fields[1]
        guard (try? decoded.decode(bytes.span)) != nil else { return }
        clock = max(clock, decoded.head.arrival)
        for part in decoded.parts {
            switch part.kind {
            case .end:
                end(entry, bytes.span, at: Int(decoded.items[part.items.lowerBound]))
                continue
            case .keyedSamples: guard isFresh(part.key) else { continue }
            case .samples: break
            }
            for item in part.items { fold(entry, bytes.span, sampleAt: Int(decoded.items[item])) }
        }
    }

    private func isFresh(_ key: UInt64) -> Bool {
        guard keyLimit > 0 else { return true }
        guard keys.insert(key).inserted else { return false }
        keyOrder.append(key)
        if keyOrder.count > keyLimit { keys.remove(keyOrder.removeFirst()) }
        return true
    }

    private func fold(
        _ entry: ModelRedis.Entry, _ bytes: Span<UInt8>, sampleAt offset: Int
    ) {
        let sample = bytes.sample(at: offset)
        let name = [UInt8](bytes.extracting(bytes.nameRange(ofSampleAt: offset)))
        let arrival = SampleArrival(entry: entry.id.number, milliseconds: clock)
        let ofFleet = fleet.fold(sample, parameters, at: arrival)
        summaries[[], default: []].append(fleet.summary)
        var verdict = ofFleet
        if !name.isEmpty {
            var known = series[name] ?? Series(parameters)
            if known.lastEntry > 0, clock - known.lastArrival > timeToLive {
                known = Series(parameters)
            }
            verdict = known.fold.fold(sample, parameters, at: arrival)
            known.lastEntry = entry.id.number
            known.lastArrival = clock
            series[name] = known
            summaries[name, default: []].append(known.fold.summary)
            records[name, default: []].append(
                HistoryRecord(
                    entry: entry.id.number, arrival: clock, sample: sample))
        }
        verdicts[Int(sample.timestamp), default: []].append(verdict)
    }

    private func end(_ entry: ModelRedis.Entry, _ bytes: Span<UInt8>, at offset: Int) {
        let name = [UInt8](bytes.extracting(bytes.nameRange(ofEndAt: offset)))
        guard let known = series[name], known.lastEntry <= bytes.word(at: offset) else { return }
        series[name] = nil
        records[name] = nil
        ends[name] = entry.id.number
    }

    /// Devices whose checkpoints, folded with what is still in the log, give something else than
    /// the log does.
    /// - Parameters:
    ///   - first: the log's first entry.
    ///   - checkpoint: the elements of a device's list.
    func wrongCheckpoints(
        first: UInt64, at now: Int, _ settings: LogSettings,
        checkpoint: ([UInt8]) -> [[UInt8]]
    ) -> [[UInt8]] {
        devices(at: now).filter { name in
            var start = FoldStart(settings)
            start.take(checkpoint(name), birth: birth)
            var through = start.through
            if let end = ends[name], end >= first, end > through {
                start = FoldStart(settings)
                through = 0
            }
            for record in records[name] ?? [] where record.entry >= max(first, through + 1) {
                _ = start.life.take(
                    record.sample, entry: record.entry, arrival: record.arrival, settings)
            }
            return start.life.fold.summary != summary(of: name)
        }
    }

    // MARK: Now

    var fleetSummary: SeriesSummary { fleet.summary }

    func summary(of name: [UInt8]) -> SeriesSummary? { series[name]?.fold.summary }

    /// Devices with a sample within the time to live.
    func devices(at now: Int) -> [[UInt8]] {
        series.filter { max(clock, now) - $0.value.lastArrival <= timeToLive }.map(\.key)
    }
}

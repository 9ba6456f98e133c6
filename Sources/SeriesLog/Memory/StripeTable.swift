internal import Bytes
internal import Detection

/// The series of one stripe of a log in memory, and which of them have had one sample so far.
struct StripeTable: ~Copyable {
    struct Content: ~Copyable {
        var fold: SeriesFold
        /// Its place among the newcomers; -1 when it is none of them.
        var newcomerPlace = -1
        /// Its last sample in the history.
        var lastRow = HistoryRing.none
    }

    private(set) var series = SeriesTable<Content>()
    private var newcomers = Newcomers()

    var newcomerCount: Int { newcomers.count }

    /// Takes the first sample of a device that is not here.
    mutating func begin(
        _ name: Span<UInt8>, hash: UInt64, with sample: Sample, now: Instant,
        at arrival: SampleArrival,
        _ parameters: FoldParameters, history: HistoryRing
    ) -> Verdict {
        let id = series.insert(name, hash: hash, Content(fold: SeriesFold(parameters)), now: now)
        series[id].newcomerPlace = newcomers.append(id)
        let verdict = series[id].fold.fold(sample, parameters, at: arrival)
        series[id].lastRow = history.add(
            sample, verdict, at: arrival, after: HistoryRing.none)
        return verdict
    }

    /// Takes a further sample of a series.
    @inline(__always)
    mutating func take(
        _ sample: Sample, of id: SeriesID, now: Instant, at arrival: SampleArrival,
        _ parameters: FoldParameters,
        history: HistoryRing
    ) -> Verdict {
        series.touch(id, now: now)
        clearNewcomer(id)
        let verdict = series[id].fold.fold(sample, parameters, at: arrival)
        series[id].lastRow = history.add(
            sample, verdict, at: arrival, after: series[id].lastRow)
        return verdict
    }

    mutating func remove(_ id: SeriesID) {
        clearNewcomer(id)
        series.remove(id)
    }

    /// Drops the series idle longest.
    /// - Returns: false when there is none.
    mutating func removeOldest() -> Bool {
        guard !series.oldest.isNone else { return false }
        remove(series.oldest)
        return true
    }

    /// Drops the oldest newcomer.
    /// - Returns: false when there is none.
    mutating func removeOldestNewcomer() -> Bool {
        guard let id = newcomers.oldest(where: { _ in true }) else { return false }
        remove(id)
        return true
    }

    @inline(__always)
    private mutating func clearNewcomer(_ id: SeriesID) {
        let place = series[id].newcomerPlace
        guard place >= 0 else { return }
        newcomers.remove(at: place)
        series[id].newcomerPlace = -1
    }
}

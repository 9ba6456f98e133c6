internal import Detection
internal import Synchronization
internal import Wire

/// The newest samples of all series together, with their verdicts: history as far as memory goes.
///
/// Rows are numbered on and on. A row knows the one before it of the same series, so a series is
/// read backwards from its last row.
final class HistoryRing: Sendable {
    /// No row.
    static let none = -1
    /// Rows are allocated in so many, when they come: a large array would be copied as it grows.
    private static let pageRows = 4_096
    /// Rows that are read at once, so that whoever adds one meanwhile waits for microseconds.
    private static let rowsAtOnce = 256

    private struct Row {
        let sample: Sample
        let verdict: Verdict
        let arrival: SampleArrival
        /// -1 for none.
        let previous: Int
    }

    private struct State {
        var pages: [[Row]] = []
        /// Rows that were ever added.
        var count = 0

        func row(_ number: Int, _ limit: Int) -> Row {
            let place = number % limit
            return pages[place / HistoryRing.pageRows][place % HistoryRing.pageRows]
        }
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: rows that are kept; 0 is off.
    init(limit: Int) { self.limit = limit }

    /// Adds a sample.
    /// - Parameter previous: the row before it of its series.
    /// - Returns: its row.
    @inline(__always)
    func add(
        _ sample: Sample, _ verdict: Verdict, at arrival: SampleArrival, after previous: Int
    ) -> Int {
        guard limit > 0 else { return HistoryRing.none }
        return add(
            Row(sample: sample, verdict: verdict, arrival: arrival, previous: previous))
    }

    private func add(_ row: Row) -> Int {
        state.withLock { state in
            let number = state.count
            let place = number % limit
            let page = place / HistoryRing.pageRows
            if page == state.pages.count {
                state.pages.append([])
                state.pages[page].reserveCapacity(min(limit, HistoryRing.pageRows))
            }
            let index = place % HistoryRing.pageRows
            if index == state.pages[page].count {
                state.pages[page].append(row)
            } else {
                state.pages[page][index] = row
            }
            state.count += 1
            return number
        }
    }

    /// Takes the rows of a series, oldest first.
    /// - Parameter last: its last row.
    func read(_ query: SeriesQuery, last: Int, into scan: inout HistoryScan) {
        let isJudged = query.alertThreshold != nil || query.explained != nil
        for row in rows(to: last, after: isJudged ? 0 : query.after).reversed() {
            if isJudged {
                if scan.count == 0, row.verdict.sequence > 1 {
                    scan.goOn(
                        after: SeriesTotals(
                            samples: row.verdict.sequence - 1, anomalies: 0, alerts: 0))
                }
                scan.take(row.sample, at: row.arrival)
            } else {
                scan.take(row.sample, row.verdict)
            }
            if scan.isComplete || scan.isTooLong { return }
        }
    }

    /// Newest first.
    private func rows(to last: Int, after sequence: Int) -> [Row] {
        var rows: [Row] = []
        var number = last
        while number >= 0 {
            number = state.withLock { state in
                var number = number
                for _ in 0..<HistoryRing.rowsAtOnce {
                    // A row that is gone has been replaced, and so have all before it.
                    guard number >= 0, number >= state.count - limit else {
                        return HistoryRing.none
                    }
                    let row = state.row(number, limit)
                    guard row.verdict.sequence > sequence else { return HistoryRing.none }
                    rows.append(row)
                    number = row.previous
                }
                return number
            }
        }
        return rows
    }
}

internal import Detection
internal import SeriesLog
package import System
internal import Wire

/// What became of a question about a series' samples.
enum HistoryOutcome: Sendable {
    case answered(Answer)
    case failed(StoreFailure)

    var outcome: Outcome {
        switch self {
        case .answered(let answer): .answered(answer)
        case .failed(let failure): .failed(failure)
        }
    }
}

/// Where samples are kept that have left the log. One thread at a time uses it.
protocol HistoryArchive: AnyObject {
    /// What the question is answered with.
    /// - Parameter tail: what the log holds of the series.
    func answer(_ query: SeriesQuery, _ tail: TailHistory) -> HistoryOutcome
}

/// What a log and a checkpoint hold of a series, and what is asked about it.
package struct HistoryQuestion: Sendable {
    let number: Int
    let query: SeriesQuery
    let history: SeriesHistory
}

package struct HistoryReply: Sendable {
    /// As the question was numbered.
    let number: Int
    let outcome: HistoryOutcome
}

/// Folds samples of the past again, and reads them where they are kept: so no loop and no flight
/// waits for that.
package typealias HistoryReader = SideThread<HistoryQuestion, HistoryReply>

/// Questions that wait, at most; more are refused.
let historyQuestionLimit = 64

extension SideThread<HistoryQuestion, HistoryReply> {
    /// - Parameters:
    ///   - timeToLive: SERIES_TTL in milliseconds.
    ///   - openArchive: for a store that keeps samples beside its log; called in the thread.
    convenience init(
        _ parameters: FoldParameters, timeToLive: Int,
        openArchive: @escaping @Sendable () -> (any HistoryArchive)? = { nil }
    ) throws(SystemError) {
        try self.init(limit: historyQuestionLimit) {
            let archive = openArchive()
            return { question in
                HistoryReply(
                    number: question.number,
                    outcome: archive?.answer(question.query, question.history.tail)
                        ?? question.answer(parameters, timeToLive: timeToLive))
            }
        }
    }
}

extension HistoryQuestion {
    /// Of what the log and the checkpoint hold alone.
    fileprivate func answer(_ parameters: FoldParameters, timeToLive: Int) -> HistoryOutcome {
        var scan = HistoryScan(query, parameters)
        scan.take(history, timeToLive: query.device == nil ? nil : timeToLive)
        return .answered(scan.answer())
    }
}

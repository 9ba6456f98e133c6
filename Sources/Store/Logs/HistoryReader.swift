internal import Detection
internal import SeriesLog
internal import Synchronization
internal import System
internal import Wire

/// What became of a question about a series' samples.
enum HistoryOutcome: Sendable {
    case answered(Answer)
    case failed(StoreFailure)
}

/// Where samples are kept that have left the log. One thread at a time uses it.
protocol HistoryArchive: AnyObject {
    /// What the question is answered with.
    /// - Parameter tail: what the log holds of the series.
    func answer(_ query: SeriesQuery, _ tail: TailHistory) -> HistoryOutcome
}

/// What a log and a checkpoint hold of a series, and what is asked about it.
package struct HistoryQuestion: Sendable {
    let query: SeriesQuery
    let history: SeriesHistory
}

/// A thread that folds samples of the past again, and reads them where they are kept: so no loop
/// and no flight waits for that. Questions are served one after the other, for one loop.
package final class HistoryReader<Question: Sendable>: Sendable {
    struct Reply: Sendable {
        /// As the question was numbered.
        let number: Int
        let outcome: HistoryOutcome
    }

    private struct State {
        var questions: [(number: Int, question: Question)] = []
        var replies: [Reply] = []
        var wakeUp: Int32?
        var isStopping = false
    }

    /// Questions that wait, at most; more are refused.
    private static var waitingLimit: Int { 64 }

    private let state = Mutex(State())
    private let begin: Bell
    private let end: Bell

    /// - Parameter open: called in the thread, which answers with what this returns.
    init(
        _ open: @escaping @Sendable () -> (Question) -> HistoryOutcome
    ) throws(SystemError) {
        begin = try Bell()
        end = try Bell()
        try DetachedThread.start { self.work(open) }
    }

    /// - Parameter wakeUp: wakes the loop that takes the replies.
    func serve(_ wakeUp: Int32) { state.withLock { $0.wakeUp = wakeUp } }

    /// - Parameter number: told with the reply.
    /// - Returns: false when too many questions wait.
    func ask(_ question: Question, number: Int) -> Bool {
        let isTaken = state.withLock { state in
            guard state.questions.count < HistoryReader.waitingLimit else { return false }
            state.questions.append((number, question))
            return true
        }
        if isTaken { begin.ring() }
        return isTaken
    }

    /// What came of questions, each once.
    func takeReplies() -> [Reply] {
        state.withLock { state in
            var taken: [Reply] = []
            swap(&taken, &state.replies)
            return taken
        }
    }

    /// Ends the thread, and waits for it.
    func stop() {
        state.withLock { state in
            state.isStopping = true
            state.questions = []
            state.wakeUp = nil
        }
        begin.ring()
        end.wait()
    }

    private func work(_ open: () -> (Question) -> HistoryOutcome) {
        serveAll(open())
        end.ring()
    }

    private func serveAll(_ answer: (Question) -> HistoryOutcome) {
        while true {
            begin.wait()
            while let next = next() {
                let reply = Reply(number: next.number, outcome: answer(next.question))
                state.withLock { state in
                    state.replies.append(reply)
                    if let wakeUp = state.wakeUp { WakeUp.signal(wakeUp) }
                }
            }
            if state.withLock({ $0.isStopping }) { return }
        }
    }

    private func next() -> (number: Int, question: Question)? {
        state.withLock { $0.questions.isEmpty ? nil : $0.questions.removeFirst() }
    }
}

extension HistoryReader<HistoryQuestion> {
    /// - Parameters:
    ///   - timeToLive: SERIES_TTL in milliseconds.
    ///   - openArchive: for a store that keeps samples beside its log; called in the thread.
    convenience init(
        _ parameters: FoldParameters, timeToLive: Int,
        openArchive: @escaping @Sendable () -> (any HistoryArchive)? = { nil }
    ) throws(SystemError) {
        try self.init {
            let archive = openArchive()
            return { question in
                if let archive {
                    return archive.answer(question.query, question.history.tail)
                }
                // Of what the log and the checkpoint hold alone.
                let query = question.query
                var scan = HistoryScan(query, parameters)
                scan.take(question.history, timeToLive: query.device == nil ? nil : timeToLive)
                return .answered(scan.answer())
            }
        }
    }
}

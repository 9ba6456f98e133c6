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

/// The thread that folds samples of the past again, and reads them where they are kept in a file:
/// so no loop and no flight waits for that. Questions are served one after the other.
package final class HistoryReader: Sendable {
    struct Question: Sendable {
        /// Told with the reply.
        let number: Int
        let query: SeriesQuery
        let history: SeriesHistory
    }

    struct Reply: Sendable {
        let number: Int
        let outcome: HistoryOutcome
    }

    private struct State {
        var questions: [Question] = []
        var replies: [Reply] = []
        var wakeUp: Int32?
        var isStopping = false
    }

    /// Questions that wait, at most; more are refused.
    static let waitingLimit = 64

    private let parameters: FoldParameters
    private let timeToLive: Int
    private let state = Mutex(State())
    private let begin: Bell
    private let end: Bell

    /// - Parameters:
    ///   - timeToLive: SERIES_TTL in milliseconds.
    ///   - openArchive: for a store that keeps samples beside its log; called in the thread.
    init(
        _ parameters: FoldParameters, timeToLive: Int,
        openArchive: @escaping @Sendable () -> (any HistoryArchive)? = { nil }
    ) throws(SystemError) {
        self.parameters = parameters
        self.timeToLive = timeToLive
        begin = try Bell()
        end = try Bell()
        try DetachedThread.start { self.work(openArchive) }
    }

    /// - Parameter wakeUp: wakes the loop that takes the replies.
    func serve(_ wakeUp: Int32) { state.withLock { $0.wakeUp = wakeUp } }

    /// - Returns: false when too many questions wait.
    func ask(_ question: Question) -> Bool {
        let isTaken = state.withLock { state in
            guard state.questions.count < HistoryReader.waitingLimit else { return false }
            state.questions.append(question)
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

    private func work(_ openArchive: () -> (any HistoryArchive)?) {
        var archive = openArchive()
        while true {
            begin.wait()
            while let question = next() { answer(question, archive) }
            if state.withLock({ $0.isStopping }) { break }
        }
        archive = nil
        end.ring()
    }

    private func next() -> Question? {
        state.withLock { $0.questions.isEmpty ? nil : $0.questions.removeFirst() }
    }

    private func answer(_ question: Question, _ archive: (any HistoryArchive)?) {
        let outcome =
            archive?.answer(question.query, question.history.tail)
            ?? answer(question.query, question.history)
        let reply = Reply(number: question.number, outcome: outcome)
        state.withLock { state in
            state.replies.append(reply)
            if let wakeUp = state.wakeUp { WakeUp.signal(wakeUp) }
        }
    }

    /// Of what the log and the checkpoint hold alone.
    private func answer(_ query: SeriesQuery, _ history: SeriesHistory) -> HistoryOutcome {
        var scan = HistoryScan(query, parameters)
        scan.take(history, timeToLive: query.device == nil ? nil : timeToLive)
        return .answered(scan.answer())
    }
}

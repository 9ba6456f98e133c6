internal import CLinux
internal import Synchronization

/// A thread beside a loop, for what would hold the loop up. What it is given is done one after the
/// other, and given back.
package final class SideThread<Task: Sendable, Finished: Sendable>: Sendable {
    private struct State {
        var tasks: [Task] = []
        var finished: [Finished] = []
        /// Wakes the loop that takes what is finished; nil while it does not run.
        var wakeUp: Int32?
        var isStopping = false
    }

    private let limit: Int
    private let state = Mutex(State())
    private let hasFinished = Atomic(false)
    private let begin: Bell
    private let end: Bell

    /// - Parameters:
    ///   - limit: tasks that wait, at most.
    ///   - open: called in the thread, which does each task with what this returns.
    package init(
        limit: Int, _ open: @escaping @Sendable () -> (Task) -> Finished
    ) throws(SystemError) {
        self.limit = limit
        begin = try Bell()
        end = try Bell()
        try DetachedThread.start {
            self.work(open())
            self.end.ring()
        }
    }

    /// - Parameter wakeUp: wakes the loop that takes what is finished.
    package func serve(_ wakeUp: Int32) { state.withLock { $0.wakeUp = wakeUp } }

    /// - Returns: false when too many tasks wait; the task is not done then.
    package func give(_ task: Task) -> Bool {
        let isTaken = state.withLock { state in
            guard state.tasks.count < limit else { return false }
            state.tasks.append(task)
            return true
        }
        if isTaken { begin.ring() }
        return isTaken
    }

    /// What has been finished since the last time.
    package func takeFinished() -> [Finished] {
        guard hasFinished.exchange(false, ordering: .acquiring) else { return [] }
        return state.withLock { state in
            var taken: [Finished] = []
            swap(&taken, &state.finished)
            return taken
        }
    }

    /// Waits until the thread has ended. The task that it is at is finished before, others are not.
    package func stop() {
        state.withLock { state in
            state.tasks = []
            state.wakeUp = nil
            state.isStopping = true
        }
        begin.ring()
        end.wait()
    }

    private func work(_ act: (Task) -> Finished) {
        // Where there are fewer processors than threads, the loop comes first.
        tm_lower_priority()
        while true {
            begin.wait()
            while let task = next() {
                let result = act(task)
                state.withLock { state in
                    state.finished.append(result)
                    hasFinished.store(true, ordering: .releasing)
                    if let wakeUp = state.wakeUp { WakeUp.signal(wakeUp) }
                }
            }
            if state.withLock({ $0.isStopping }) { return }
        }
    }

    private func next() -> Task? {
        state.withLock { $0.tasks.isEmpty ? nil : $0.tasks.removeFirst() }
    }
}

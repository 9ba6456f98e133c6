internal import Synchronization
internal import System

/// The thread that has the file: what it writes may wait for the disk, and no loop does.
///
/// One flight at a time is with it. What comes meanwhile gathers for the next one, so that one
/// transaction stores all of it.
final class FileWriter: Sendable {
    private struct State {
        var flight: FileFlight?
        var landing: FileLanding?
        var isStopping = false
    }

    private let state = Mutex(State())
    private let begin: Bell
    private let end: Bell
    private let wakeUp: Int32

    /// - Parameter wakeUp: wakes the loop that takes the landings.
    init(_ file: SharedFile, wakeUp: Int32) throws(SystemError) {
        begin = try Bell()
        end = try Bell()
        self.wakeUp = wakeUp
        try DetachedThread.start { self.work(on: file) }
    }

    private func work(on file: SharedFile) {
        while true {
            begin.wait()
            let (flight, isStopping) = state.withLock { ($0.flight.take(), $0.isStopping) }
            if let flight {
                let landing = file.execute(flight)
                state.withLock { $0.landing = landing }
                WakeUp.signal(wakeUp)
            }
            if isStopping { break }
        }
        file.closeFile()
        end.ring()
    }

    func send(_ flight: FileFlight) {
        state.withLock { $0.flight = flight }
        begin.ring()
    }

    /// What came of the flight, once.
    func takeLanding() -> FileLanding? { state.withLock { $0.landing.take() } }

    /// Ends the thread; the file is closed afterwards.
    func stop() {
        state.withLock { $0.isStopping = true }
        begin.ring()
        end.wait()
    }
}

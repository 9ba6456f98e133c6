internal import Bytes
internal import Synchronization
internal import System
internal import Telemetry

/// The thread that has the file: what it writes may wait for the disk, and no loop does.
///
/// One flight at a time is with it. What comes meanwhile gathers for the next one, so that one
/// transaction stores all of it.
final class FileWriter: Sendable {
    private struct State {
        var flight: FileFlight?
        var landing: FileLanding?
        var wakeUp: Int32?
        var isStopping = false
    }

    private let state = Mutex(State())
    private let begin: Bell
    private let end: Bell

    init(_ file: sending LogFile, _ metrics: FileMetrics) throws(SystemError) {
        begin = try Bell()
        end = try Bell()
        let handed = Mutex<LogFile?>(file)
        try DetachedThread.start {
            self.work(on: handed.withLock { $0.take() }, metrics)
        }
    }

    private func work(on file: LogFile?, _ metrics: FileMetrics) {
        while true {
            begin.wait()
            let (flight, isStopping) = state.withLock { ($0.flight.take(), $0.isStopping) }
            if let flight, let file {
                let start = Clock.now()
                let landing = file.execute(flight)
                if flight.writes { metrics.durations.record(Clock.now() - start) }
                state.withLock { state in
                    state.landing = landing
                    if let wakeUp = state.wakeUp { WakeUp.signal(wakeUp) }
                }
            }
            if isStopping { break }
        }
        file?.close()
        end.ring()
    }

    /// - Parameter wakeUp: wakes the loop that takes the landings.
    func serve(_ wakeUp: Int32) {
        state.withLock { $0.wakeUp = wakeUp }
    }

    func send(_ flight: FileFlight) {
        state.withLock { $0.flight = flight }
        begin.ring()
    }

    /// What came of the flight, once.
    func takeLanding() -> FileLanding? { state.withLock { $0.landing.take() } }

    /// Ends the thread; the file is closed afterwards.
    func stop() {
        state.withLock { state in
            state.isStopping = true
            state.wakeUp = nil
        }
        begin.ring()
        end.wait()
    }
}

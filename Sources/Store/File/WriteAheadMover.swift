internal import Bytes
internal import Synchronization
internal import System

/// A thread that moves what was written ahead into the file itself, so that no flight waits for
/// that. While flights go on without a break it never gets to the end, and what is written ahead
/// cannot begin anew; when it has become long `LogFile` moves the rest between two flights.
final class WriteAheadMover: Sendable {
    private let path: String
    private let identity: FileIdentity
    private let begin: Bell
    private let end: Bell
    private let isStopping = Atomic(false)
    private let foundLong = Atomic(false)

    /// Pages written ahead from which the rest is moved at once: 32 MiB of them.
    private static let pageLimit = 8_192

    private static let passes = 8
    private static let shortPass = TimeSpan.milliseconds(10)

    init(path: String, identity: FileIdentity) throws(SystemError) {
        self.path = path
        self.identity = identity
        begin = try Bell()
        end = try Bell()
        try DetachedThread.start { self.work() }
    }

    private func work() {
        // A fault will be met by the writer too, who tells of it.
        let database = try? Database(path: path)
        while true {
            begin.wait()
            if isStopping.load(ordering: .acquiring) { break }
            if FileIdentity(path) == identity {
                let isLong = move(in: database)
                if isLong { foundLong.store(true, ordering: .relaxed) }
            }
        }
        end.ring()
    }

    /// - Returns: whether what is written ahead is long. Then little of it is left to be moved:
    ///   what came during one pass is moved in the next, which is shorter.
    private func move(in database: Database?) -> Bool {
        for _ in 0..<WriteAheadMover.passes {
            let began = Clock.now()
            let pages = (try? database?.moveWrittenAhead()) ?? 0
            if pages < WriteAheadMover.pageLimit { return false }
            database?.sync()
            if Clock.now() - began < WriteAheadMover.shortPass { break }
        }
        return true
    }

    /// Moves what is written ahead by now, soon.
    func move() { begin.ring() }

    /// Whether what is written ahead has become long, once.
    func takeFoundLong() -> Bool { foundLong.exchange(false, ordering: .relaxed) }

    /// Ends the thread, and waits for it.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        begin.ring()
        end.wait()
    }
}

internal import Synchronization
internal import System

/// A thread that moves what was written ahead into the file itself, so that no flight waits for
/// that. While flights go on without a break it never gets to the end; `LogFile` does when what is
/// written ahead has become long.
final class FileCheckpointer: Sendable {
    private let path: String
    private let identity: FileIdentity
    private let begin: Bell
    private let end: Bell
    private let isStopping = Atomic(false)

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
                try? database?.run("PRAGMA wal_checkpoint(PASSIVE)")
            }
        }
        end.ring()
    }

    func moveOn() { begin.ring() }

    /// Ends the thread, and waits for it.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        begin.ring()
        end.wait()
    }
}

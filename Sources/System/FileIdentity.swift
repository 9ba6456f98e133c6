internal import CLinux
internal import Synchronization

/// Which file a path leads to: another file in its place has another identity.
package struct FileIdentity: Equatable, Sendable {
    private let device: UInt64
    private let number: UInt64

    /// nil when there is no file.
    package init?(_ path: String) {
        guard let status = FileIdentity.status(path) else { return nil }
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
    }

    /// The length of a file in bytes; 0 when there is none.
    package static func bytes(_ path: String) -> Int {
        status(path).map { Int($0.st_size) } ?? 0
    }

    fileprivate static func status(_ path: String) -> stat? {
        var status = stat()
        // SAFETY: the call reads the path and writes the structure.
        guard unsafe stat(path, &status) == 0 else { return nil }
        return status
    }
}

/// What tells whether a file has changed: which one it is, its length, and when it was written.
private struct FileState: Equatable, Sendable {
    private let device: UInt64
    private let number: UInt64
    private let bytes: Int
    private let seconds: Int
    private let nanoseconds: Int

    /// nil when there is no file.
    init?(_ path: String) {
        guard let status = FileIdentity.status(path) else { return nil }
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
        bytes = Int(status.st_size)
        seconds = Int(status.st_mtim.tv_sec)
        nanoseconds = Int(status.st_mtim.tv_nsec)
    }
}

/// Files that are read again when they change.
package final class WatchedFiles: Sendable {
    private let paths: [String]
    private let seen: Mutex<[FileState?]>

    /// As they are now; what is read from here on is as new.
    package init(_ paths: [String]) {
        self.paths = paths
        seen = Mutex(paths.map { FileState($0) })
    }

    package var isEmpty: Bool { paths.isEmpty }

    /// Whether one of them has changed since this was asked last.
    package func haveChanged() -> Bool {
        let states = paths.map { FileState($0) }
        return seen.withLock { before in
            defer { before = states }
            return before != states
        }
    }
}

/// A file that one process at a time has locked. The lock ends with the process, whatever way.
package struct FileLock: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    /// - Returns: nil when another process has it.
    package static func take(_ path: String) throws(FileError) -> FileLock? {
        // SAFETY: the call reads the path.
        let number = unsafe tm_open_lock(path)
        guard number >= 0 else { throw FileError(path: path, reason: SystemError("open")) }
        let lock = FileLock(descriptor: FileDescriptor(owning: number))
        guard flock(number, LOCK_EX | LOCK_NB) != 0 else { return lock }
        let error = SystemError("flock")
        guard error.code == EWOULDBLOCK else { throw FileError(path: path, reason: error) }
        return nil
    }
}

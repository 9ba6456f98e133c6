internal import CLinux

/// A file or folder that could not be used, with its path.
package struct FileError: Error, CustomStringConvertible {
    package let path: String
    package let reason: SystemError

    package init(path: String, reason: SystemError) {
        self.path = path
        self.reason = reason
    }

    package var description: String { "\(path): \(reason)" }
}

/// Whole files and folders, for programs at their start and end.
package enum Files {
    /// Largest file read, in bytes: everything is held in memory.
    package static let sizeLimit = 1 << 30
    private static let readBytes = 1 << 16

    package static func read(_ path: String) throws(FileError) -> [UInt8] {
        // SAFETY: the path is a C string for the length of the call; so below.
        let number = unsafe tm_open_to_read(path)
        guard number >= 0 else { throw FileError(path: path, reason: SystemError("open")) }
        defer { _ = close(number) }
        var bytes: [UInt8] = []
        while bytes.count < sizeLimit {
            let start = bytes.count
            bytes.append(contentsOf: repeatElement(0, count: readBytes))
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                // SAFETY: the kernel fills at most `readBytes` bytes after `start`.
                retrying {
                    unsafe CLinux.read(
                        number, buffer.baseAddress.unsafelyUnwrapped + start, readBytes)
                }
            }
            bytes.removeLast(readBytes - max(0, count))
            if count == 0 { return bytes }
            if count < 0 { throw FileError(path: path, reason: SystemError("read")) }
        }
        throw FileError(path: path, reason: SystemError("read", EFBIG))
    }

    /// Writes a file anew, whole.
    package static func write(_ path: String, _ content: Span<UInt8>) throws(FileError) {
        // SAFETY: as in `read`.
        let number = unsafe tm_open_to_write(path)
        guard number >= 0 else { throw FileError(path: path, reason: SystemError("open")) }
        defer { _ = close(number) }
        var offset = 0
        while offset < content.count {
            let count = unsafe content.extracting(offset..<content.count).withUnsafeBytes { rest in
                // SAFETY: the kernel reads at most `rest.count` bytes.
                retrying { unsafe CLinux.write(number, rest.baseAddress, rest.count) }
            }
            guard count > 0 else { throw FileError(path: path, reason: SystemError("write")) }
            offset += count
        }
    }

    package static func write(_ path: String, _ text: String) throws(FileError) {
        try write(path, Array(text.utf8).span)
    }

    /// Whether a file could be written there, without touching it: for what is written only after a
    /// long run.
    package static func checkWritable(_ path: String) throws(FileError) {
        if isFolder(path) { throw FileError(path: path, reason: SystemError("open", EISDIR)) }
        // SAFETY: the calls read the path, which Swift passes as a C string.
        if unsafe access(path, F_OK) == 0 {
            guard unsafe access(path, W_OK) == 0 else {
                throw FileError(path: path, reason: SystemError("open"))
            }
            return
        }
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        guard isFolder(folder) else {
            throw FileError(path: path, reason: SystemError("open", ENOENT))
        }
        // SAFETY: as above.
        guard unsafe access(folder, W_OK) == 0 else {
            throw FileError(path: path, reason: SystemError("open"))
        }
    }

    /// Makes a folder with all folders above it; one that is there already is fine.
    package static func makeFolder(_ path: String) throws(FileError) {
        var prefix = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            prefix += part
            // SAFETY: as in `read`.
            guard unsafe mkdir(prefix, 0o755) == 0 || tm_errno() == EEXIST else {
                throw FileError(path: prefix, reason: SystemError("mkdir"))
            }
            prefix += "/"
        }
    }

    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        // SAFETY: the call fills the structure.
        guard unsafe stat(path, &status) == 0 else { return false }
        return status.st_mode & UInt32(S_IFMT) == UInt32(S_IFDIR)
    }

    /// The paths of all files below a folder, sorted, so that every machine sees one order.
    package static func files(below path: String) throws(FileError) -> [String] {
        // SAFETY: the call reads the path, which Swift passes as a C string.
        guard let folder = unsafe opendir(path) else {
            throw FileError(path: path, reason: SystemError("opendir"))
        }
        // SAFETY: opendir succeeded; the folder is closed once, here.
        defer { unsafe closedir(folder) }
        var found: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe entryName(entry)
            if name == "." || name == ".." { continue }
            let child = path.hasSuffix("/") ? path + name : path + "/" + name
            found += isFolder(child) ? try files(below: child) : [child]
        }
        return found.sorted()
    }

    private static func entryName(_ entry: UnsafeMutablePointer<dirent>) -> String {
        unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            // SAFETY: d_name is a zero-terminated string inside the entry.
            let name = unsafe bytes.prefix { $0 != 0 }
            return unsafe String(decoding: name, as: UTF8.self)
        }
    }
}

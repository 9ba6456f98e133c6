internal import CLinux

/// Reads a file, standard input or what a program writes, in blocks of whole lines: it may be
/// larger than memory.
package struct LineReader: ~Copyable {
    private let descriptor: FileDescriptor
    private let name: String
    private let blockBytes: Int
    /// What follows the last line that was told.
    private var rest: [UInt8] = []
    private var isAtEnd = false

    /// - Parameters:
    ///   - path: nil for standard input.
    ///   - blockBytes: of a block, about; no line may be longer.
    package init(_ path: String?, blockBytes: Int) throws(FileError) {
        name = path ?? "standard input"
        self.blockBytes = blockBytes
        // SAFETY: the call reads the path.
        let number = path.map { unsafe tm_open_to_read($0) } ?? dup(STDIN_FILENO)
        guard number >= 0 else { throw FileError(path: name, reason: SystemError("open")) }
        descriptor = FileDescriptor(owning: number)
    }

    /// - Parameter name: by which errors call what is read.
    package init(_ descriptor: consuming FileDescriptor, name: String, blockBytes: Int) {
        self.descriptor = descriptor
        self.name = name
        self.blockBytes = blockBytes
    }

    /// The next lines; nil when there are none.
    package mutating func next() throws(FileError) -> [UInt8]? {
        while !isAtEnd {
            if rest.count >= blockBytes, let end = rest.lastIndex(of: UInt8(ascii: "\n")) {
                let block = Array(rest[...end])
                rest.removeFirst(end + 1)
                return block
            }
            guard rest.count < 2 * blockBytes else {
                throw FileError(path: name, reason: SystemError("a line is too long", EFBIG))
            }
            try readMore()
        }
        guard !rest.isEmpty else { return nil }
        defer { rest = [] }
        return rest
    }

    private mutating func readMore() throws(FileError) {
        let start = rest.count
        let size = blockBytes
        let number = descriptor.number
        rest.append(contentsOf: repeatElement(0, count: size))
        let count = unsafe rest.withUnsafeMutableBytes { buffer in
            // SAFETY: the kernel fills at most `size` bytes after `start`.
            retrying {
                unsafe read(number, buffer.baseAddress.unsafelyUnwrapped + start, size)
            }
        }
        rest.removeLast(size - max(0, count))
        guard count >= 0 else { throw FileError(path: name, reason: SystemError("read")) }
        if count == 0 { isAtEnd = true }
    }
}

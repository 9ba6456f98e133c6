internal import CLinux

/// Standard output and error, without buffers of their own: what is written is there.
package enum StandardStreams {
    package static func writeOutput(_ bytes: Span<UInt8>) { write(bytes, to: STDOUT_FILENO) }
    package static func writeError(_ bytes: Span<UInt8>) { write(bytes, to: STDERR_FILENO) }

    /// Writes to standard error what it takes at once: without a reader a pipe is full some day.
    /// - Parameter bytes: of which at most 4096 are written, as many as a pipe with room takes.
    /// - Returns: whether it was taken.
    package static func tryWriteError(_ bytes: Span<UInt8>) -> Bool {
        var state = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        // SAFETY: the call reads and writes one structure.
        guard unsafe poll(&state, 1, 0) == 1, Int32(state.revents) & POLLOUT != 0 else {
            return false
        }
        write(bytes.extracting(first: 4096), to: STDERR_FILENO)
        return true
    }

    package static func writeOutput(_ text: String) { writeOutput(Array(text.utf8).span) }
    package static func writeError(_ text: String) { writeError(Array(text.utf8).span) }

    /// Whether standard output is a terminal.
    package static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    /// Whether standard error is a terminal.
    package static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes all of it; gives up silently when nobody reads any more.
    private static func write(_ bytes: Span<UInt8>, to descriptor: Int32) {
        var offset = 0
        while offset < bytes.count {
            let count = unsafe bytes.extracting(offset..<bytes.count).withUnsafeBytes { rest in
                // SAFETY: the kernel reads at most `rest.count` bytes.
                retrying { unsafe CLinux.write(descriptor, rest.baseAddress, rest.count) }
            }
            guard count > 0 else { return }
            offset += count
        }
    }
}

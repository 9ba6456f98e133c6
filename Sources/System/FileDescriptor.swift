package import Bytes
internal import CLinux

/// An open file descriptor with one owner; closed when the owner lets go.
package struct FileDescriptor: ~Copyable {
    package let number: Int32

    /// Takes over a descriptor that nobody else will close.
    package init(owning number: Int32) {
        precondition(number >= 0, "no descriptor is negative")
        self.number = number
    }

    /// Hands the descriptor over: whoever gets the number closes it.
    package consuming func release() -> Int32 {
        let number = self.number
        discard self
        return number
    }

    deinit {
        // Linux closes the descriptor even when it reports EINTR; closing again would hit a
        // stranger's.
        _ = close(number)
    }

    /// Reads what has arrived into the buffer's free space, at most `byteCount` bytes.
    package borrowing func receive(into buffer: inout ByteBuffer, atMost byteCount: Int) -> Transfer
    {
        let descriptor = number
        var result = 0
        let filled = unsafe buffer.fill(byteCount) { space in
            // SAFETY: the kernel writes at most `space.count` bytes to the given start.
            result = retrying { unsafe recv(descriptor, space.baseAddress, space.count, 0) }
            return max(result, 0)
        }
        guard filled != nil else { return .failed(ENOBUFS) }
        return FileDescriptor.outcome(result)
    }

    /// Writes from the buffer's front and consumes what the kernel took.
    package borrowing func send(from buffer: inout ByteBuffer) -> Transfer {
        let descriptor = number
        let result = unsafe buffer.readable.withUnsafeBytes { bytes in
            // SAFETY: the kernel reads at most `bytes.count` bytes from the given start.
            retrying {
                unsafe CLinux.send(
                    descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            }
        }
        if result > 0 { buffer.consume(result) }
        return result == 0 ? .moved(0) : FileDescriptor.outcome(result)
    }

    /// Says that nothing more will be sent; the other side reads an end.
    package borrowing func finishSending() {
        _ = shutdown(number, Int32(SHUT_WR))
    }

    private static func outcome(_ result: Int) -> Transfer {
        if result > 0 { return .moved(result) }
        if result == 0 { return .ended }
        let code = tm_errno()
        return code == EAGAIN || code == EWOULDBLOCK ? .wouldBlock : .failed(code)
    }
}

/// What reading or writing a non-blocking descriptor came to.
package enum Transfer: Equatable {
    case moved(Int)
    case wouldBlock
    /// The other side has finished; reading only.
    case ended
    case failed(Int32)
}

internal import CLinux

/// Wakes a loop from another thread. Many wakes before the loop looks count as one.
package struct WakeUp: ~Copyable {
    package let descriptor: FileDescriptor

    /// Takes over a descriptor that `open` gave.
    package init(owning number: Int32) {
        descriptor = FileDescriptor(owning: number)
    }

    package static func open() throws(SystemError) -> Int32 {
        Int32(try checked("eventfd") { Int(eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))) })
    }

    /// Wakes the loop that watches the descriptor of this number; from any thread.
    package static func signal(_ descriptor: Int32) {
        var one: UInt64 = 1
        // SAFETY: the kernel reads the eight bytes of the value.
        // A full counter means that the loop has been woken already.
        _ = unsafe write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Takes all wakes so far.
    package borrowing func clear() {
        var count: UInt64 = 0
        // SAFETY: the kernel writes the eight bytes of the value.
        _ = unsafe read(descriptor.number, &count, MemoryLayout<UInt64>.size)
    }
}

/// Signals as readable events. Create it before the first thread, so that all inherit the mask.
package struct SignalQueue: ~Copyable {
    package let descriptor: FileDescriptor

    /// Takes SIGTERM and SIGINT over; SIGPIPE is ignored, writing to a closed socket just fails.
    package init() throws(SystemError) {
        // SAFETY: the C library fills the set; all calls below only read it.
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGTERM)
        unsafe sigaddset(&set, SIGINT)
        unsafe pthread_sigmask(Int32(SIG_BLOCK), &set, nil)
        tm_ignore_signal(SIGPIPE)
        let number = unsafe signalfd(-1, &set, Int32(SFD_NONBLOCK | SFD_CLOEXEC))
        guard number >= 0 else { throw SystemError("signalfd") }
        descriptor = FileDescriptor(owning: number)
    }

    /// The next signal that has come, nil when none has.
    package borrowing func take() -> Int32? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        // SAFETY: the kernel writes at most `size` bytes into the structure.
        let count = unsafe read(descriptor.number, &information, size)
        return count == size ? Int32(information.ssi_signo) : nil
    }
}

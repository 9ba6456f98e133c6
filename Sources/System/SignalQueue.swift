internal import CLinux

/// Signals as readable events. Create it before the first thread, so that all inherit the mask.
package struct SignalQueue: ~Copyable {
    package let descriptor: FileDescriptor

    /// Takes SIGTERM, SIGINT, SIGQUIT and SIGHUP over. SIGPIPE and SIGXFSZ are ignored: writing to
    /// a closed socket, or beyond the limit of a file, just fails. SIGUSR1, SIGUSR2 and SIGALRM
    /// mean nothing here, and must not end the process.
    package init() throws(SystemError) {
        // SAFETY: the C library fills the set; all calls below only read it.
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGTERM)
        unsafe sigaddset(&set, SIGINT)
        unsafe sigaddset(&set, SIGQUIT)
        unsafe sigaddset(&set, SIGHUP)
        unsafe pthread_sigmask(Int32(SIG_BLOCK), &set, nil)
        for number in [SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM] { tm_ignore_signal(number) }
        // SAFETY: the call reads the set.
        let number = unsafe signalfd(-1, &set, Int32(SFD_NONBLOCK | SFD_CLOEXEC))
        guard number >= 0 else { throw SystemError("signalfd") }
        descriptor = FileDescriptor(owning: number)
    }

    /// The signal that asks for files to be read again.
    package static var reload: Int32 { SIGHUP }

    /// The next signal that has come; nil when none has.
    package borrowing func next() -> Int32? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        // SAFETY: the kernel writes at most `size` bytes into the structure.
        let count = unsafe read(descriptor.number, &information, size)
        return count == size ? Int32(information.ssi_signo) : nil
    }
}

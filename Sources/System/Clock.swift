package import Bytes
internal import CLinux

/// The machine's clocks. Both are read without entering the kernel.
package enum Clock {
    /// Monotonic time: for durations and deadlines.
    package static func now() -> Instant {
        Instant(nanoseconds: read(CLOCK_MONOTONIC))
    }

    /// Unix time in nanoseconds: for timestamps people read.
    package static func unixNanoseconds() -> Int64 {
        read(CLOCK_REALTIME)
    }

    /// Processor time this thread has used.
    package static func threadProcessorTime() -> TimeSpan {
        TimeSpan(nanoseconds: read(CLOCK_THREAD_CPUTIME_ID))
    }

    /// Processor time the whole process has used.
    package static func processProcessorTime() -> TimeSpan {
        TimeSpan(nanoseconds: read(CLOCK_PROCESS_CPUTIME_ID))
    }

    /// Does nothing for a while.
    package static func sleep(_ span: TimeSpan) {
        var left = timespec(
            tv_sec: Int(span.nanoseconds / 1_000_000_000),
            tv_nsec: Int(span.nanoseconds % 1_000_000_000))
        var rest = timespec()
        // SAFETY: both structures live until the call returns.
        while unsafe nanosleep(&left, &rest) != 0, tm_errno() == EINTR { left = rest }
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // SAFETY: the C library fills the structure.
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

internal import Synchronization
internal import Telemetry

/// What one thread saw in one interval of the run.
struct Interval: Sendable {
    /// Counted from the end of the warm-up; its own intervals are negative.
    var number = 0
    var sent = 0
    var answered = 0
    /// Requests that came to some end, and those of them that failed.
    var ended = 0
    var failed = 0
    /// Requests that were sent again.
    var retries = 0
    /// Connections that could not be made.
    var connectFailures = 0
    var latency: Histogram

    /// - Parameter latencyLimit: the longest latency that is told apart, in nanoseconds.
    init(latencyLimit: Int) { latency = Histogram(limit: latencyLimit) }

    mutating func merge(_ other: Interval) {
        sent += other.sent
        answered += other.answered
        ended += other.ended
        failed += other.failed
        retries += other.retries
        connectFailures += other.connectFailures
        latency.merge(other.latency)
    }

    /// Forgets everything; its memory stays.
    mutating func reset() {
        sent = 0
        answered = 0
        ended = 0
        failed = 0
        retries = 0
        connectFailures = 0
        latency.reset()
    }
}

/// Hands a thread's finished intervals to whoever shows them.
///
/// Two intervals change hands by exchange, so the sending thread neither copies nor allocates nor
/// waits: while the other side has not emptied the last one, it goes on filling its own.
final class IntervalMailbox: Sendable {
    private struct Contents {
        var interval: Interval
        var isFull = false
    }

    private let contents: Mutex<Contents>

    init(latencyLimit: Int) {
        contents = Mutex(Contents(interval: Interval(latencyLimit: latencyLimit)))
    }

    /// Exchanges a finished interval for an empty one.
    /// - Returns: false when nobody has taken the last one yet.
    func deposit(_ interval: inout Interval) -> Bool {
        contents.withLockIfAvailable { contents in
            guard !contents.isFull else { return false }
            swap(&contents.interval, &interval)
            contents.isFull = true
            return true
        } ?? false
    }

    /// Takes a finished interval and leaves an empty one, which `spare` must be.
    func collect(_ spare: inout Interval) -> Bool {
        contents.withLock { contents in
            guard contents.isFull else { return false }
            swap(&contents.interval, &spare)
            contents.isFull = false
            return true
        }
    }
}

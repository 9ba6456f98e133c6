package import Bytes

/// How long a client waits before it sends a request again.
package enum RetryPause {
    /// The longest wait that is chosen or that a server's Retry-After is granted, in seconds.
    private static let limit = 10.0
    /// Before the first retry, in seconds; it doubles from one to the next.
    private static let first = 0.05
    /// Up to so much of the wait is added by chance: clients that failed together come back apart.
    private static let spread = 0.5

    /// No wait is longer than this.
    package static let longest = TimeSpan.seconds(limit * (1 + spread))

    /// - Parameters:
    ///   - retry: 1 for the first.
    ///   - retryAfterSeconds: what the server asks for; nil where it asks for nothing.
    ///   - chance: 0 to 1, drawn anew each time.
    package static func before(retry: Int, retryAfterSeconds: Int?, chance: Double) -> TimeSpan {
        // The tenth doubling is beyond the limit.
        let own = first * Double(1 << max(0, min(retry - 1, 10)))
        let asked = Double(max(0, retryAfterSeconds ?? 0))
        return .seconds(min(limit, max(own, asked)) * (1 + spread * chance))
    }
}

internal import Bytes

/// What one connection may hold, and how long it may take.
enum ConnectionLimits {
    /// How much is read at once.
    static let readBytes = 64 * 1024
    /// When more bytes of replies wait than this, the connection does not read any more: a client
    /// that does not read its replies cannot send more requests.
    static let outputHighWaterBytes = 256 * 1024
    /// Pieces of a long reply that are made in one turn: about a millisecond.
    static let piecesAtOnce = 4
    /// Most bytes of replies that one connection may hold: several times the longest reply.
    static let outputBytes = 256 * 1024 * 1024
    /// After the last reply the connection still reads for so long, and so many bytes at most. If
    /// it closed at once, the kernel would send a reset, and the client could lose the reply.
    static let lingerTime = TimeSpan.seconds(2)
    static let lingerBytes = 16 * 1024 * 1024
    /// A connection without a request is closed so much later than clients are told, so that who
    /// keeps to that never meets the end. At most a quarter of the time.
    static let idleGrace = TimeSpan.seconds(2)

    static func idleTime(_ told: TimeSpan) -> TimeSpan {
        told + min(idleGrace, TimeSpan(nanoseconds: told.nanoseconds / 4))
    }

    /// A body that comes as fast as this is not cut for its time.
    private static let leastBytesPerSecond = 1_000.0

    /// Whether so much of a body has come as fast as it must, so that a slow link is not cut.
    static func isFast(_ bytes: Int, in span: TimeSpan) -> Bool {
        Double(bytes) >= leastBytesPerSecond * span.seconds
    }
}

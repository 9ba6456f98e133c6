internal import Bytes
internal import HTTPClient

/// One connection of the generator, and the request that is under way on it.
final class LoadConnection {
    /// Largest response held: verdicts and listings are far below it.
    private static let bodyLimit = 16 * 1024 * 1024
    static let tokenKind: UInt8 = 1

    let index: Int
    /// Its number among the connections of all threads.
    let speaker: Int
    var http: HTTPConnection
    /// The request that is under way, or was the last.
    var request = RequestState()
    /// Its copy; nil where it is not sent again whatever happens.
    var held: HeldRequest?
    /// Which of its host's addresses it is made to; it goes on to the next when one fails.
    var route: Int
    /// Addresses that failed one after the other.
    var failedRoutes = 0
    /// Whether a request is under way, be the connection there yet or not.
    var hasRequest = false
    /// Whether it stands in the list of free connections.
    var isListed = false
    /// Before this it is not opened.
    var opensAt = Instant.zero
    /// When its request was sent, or its opening began.
    var since = Instant.zero
    /// When the loop's timers bring it up next.
    var lookAt = Instant.never

    init(index: Int, speaker: Int, route: Int) {
        self.index = index
        self.speaker = speaker
        self.route = route
        http = HTTPConnection(
            tokenKind: LoadConnection.tokenKind, index: index,
            requestLimit: Traffic.requestLimit, bodyLimit: LoadConnection.bodyLimit)
    }
}

internal import HTTPClient
internal import System

/// How connections to one target are made.
struct Route: Sendable {
    /// All addresses of its host, at least one.
    let endpoints: [SocketAddress]
    /// Nil for http.
    let security: HTTPConnection.Security?
}

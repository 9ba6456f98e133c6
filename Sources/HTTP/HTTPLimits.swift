/// The limits of a request. Each has a status that the client gets if it exceeds the limit.
package struct HTTPLimits: Sendable {
    /// Request line in bytes; beyond it 414. Far longer than the targets of this service, and as
    /// long as proxies commonly allow.
    package var requestLineBytes = 8 * 1024
    /// Whole head in bytes; beyond it 431. It leaves room for cookies and tracing headers.
    package var headBytes = 16 * 1024
    /// Header fields in a head; beyond it 431.
    package var headerCount = 100
    /// Body in bytes after decoding; beyond it 413.
    package var bodyBytes = 8 * 1024 * 1024
    /// Size line of a chunk with its extensions, and the trailer section; beyond it 400. The
    /// service uses neither extensions nor trailers, so long ones only cost time.
    package var chunkHeadBytes = 1024
    /// Largest unwanted body, in bytes, that is read and dropped so that the connection can stay
    /// open. With a larger one the connection is closed after the response.
    package var discardBytes = 64 * 1024

    package init() {}
}

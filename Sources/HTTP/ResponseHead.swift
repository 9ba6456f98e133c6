package import Bytes

/// The media types of this service's responses.
package enum MediaType: Sendable {
    case json, problem, prometheusText, openMetrics

    var name: StaticString {
        switch self {
        case .json: "application/json"
        case .problem: "application/problem+json"
        case .prometheusText: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }
}

/// A response without its body.
package struct ResponseHead {
    package var status: HTTPStatus
    package var mediaType = MediaType.json
    package var bodyBytes = 0
    /// Its length is not known: it follows in chunks, or up to the connection's end where the
    /// request was HTTP/1.0.
    package var isChunked = false
    /// Whether the connection stays open after the response.
    package var keepAlive = true
    /// Whether the request was HTTP/1.0; then a response must say that the connection stays open.
    package var isVersion10 = false
    /// Where the connection stays open: it is closed after so many seconds without a request; nil
    /// says nothing of that.
    package var idleSeconds: Int?
    /// For 204 and 405: the methods that the path allows.
    package var allow: StaticString?
    /// For 415: whether to say which content codings are served.
    package var tellsCodings = false
    /// For 429 and 503: seconds until the client should try again.
    package var retryAfterSeconds: Int?
    /// For 401: whether to add `WWW-Authenticate: Bearer`.
    package var asksForBearerToken = false
    /// For a preflight of a browser's page: the headers that its requests may carry, and how long
    /// it may remember that.
    package var allowsHeaders = false

    package init(_ status: HTTPStatus) { self.status = status }
}

extension ByteBuffer {
    /// Appends a response's head with its empty line.
    /// - Parameters:
    ///   - date: the text of the Date header.
    ///   - origin: of a browser's page that may read the response, or `*`; nil for none.
    package mutating func append(
        _ head: ResponseHead, date: borrowing ByteBuffer, allowedOrigin origin: String? = nil
    ) {
        if head.status == .noContent {
            appendStatus(of: head, date: date)
        } else if head.isChunked {
            appendStatus(of: head, date: date)
            append("\r\nContent-Type: ")
            append(head.mediaType.name)
            if !head.isVersion10 { append("\r\nTransfer-Encoding: chunked") }
        } else {
            append(beginningOf: head, date: date)
            append(integer: head.bodyBytes)
        }
        if !head.keepAlive {
            append("\r\nConnection: close")
        } else if head.isVersion10 {
            append("\r\nConnection: keep-alive")
        }
        appendRareHeaders(head)
        if let origin { append(pageHeadersFor: origin, head) }
        append("\r\n\r\n")
    }

    /// Appends the beginning of a response's head, up to the value of Content-Length.
    package mutating func append(beginningOf head: ResponseHead, date: borrowing ByteBuffer) {
        appendStatus(of: head, date: date)
        append("\r\nContent-Type: ")
        append(head.mediaType.name)
        append("\r\nContent-Length: ")
    }

    private mutating func appendStatus(of head: ResponseHead, date: borrowing ByteBuffer) {
        append("HTTP/1.1 ")
        append(integer: Int(head.status.rawValue))
        append(" ")
        append(head.status.phrase)
        append("\r\nDate: ")
        append(date.readable)
        if let seconds = head.idleSeconds {
            append("\r\nKeep-Alive: timeout=")
            append(integer: seconds)
        }
    }

    private mutating func appendRareHeaders(_ head: ResponseHead) {
        if let allow = head.allow {
            append("\r\nAllow: ")
            append(allow)
        }
        if head.tellsCodings {
            append("\r\nAccept-Encoding: ")
            append(ContentCoding.served)
        }
        if let seconds = head.retryAfterSeconds {
            append("\r\nRetry-After: ")
            append(integer: seconds)
        }
        if head.asksForBearerToken { append("\r\nWWW-Authenticate: Bearer") }
    }

    /// Appends what the Fetch standard asks for where a page of another origin is let in.
    private mutating func append(pageHeadersFor origin: String, _ head: ResponseHead) {
        append("\r\nAccess-Control-Allow-Origin: ")
        append(text: origin)
        append("\r\nVary: Origin\r\nAccess-Control-Expose-Headers: Retry-After")
        guard head.allowsHeaders else { return }
        if let allow = head.allow {
            append("\r\nAccess-Control-Allow-Methods: ")
            append(allow)
        }
        append(
            """
            \r\nAccess-Control-Allow-Headers: Authorization, Content-Type, Content-Encoding, \
            Idempotency-Key\r\nAccess-Control-Max-Age: 600
            """)
    }
}

extension ByteBuffer {
    /// Appends a chunk of a body that is sent in chunks (RFC 9112 section 7.1); not an empty one,
    /// which would be the last.
    package mutating func append(chunk bytes: Span<UInt8>) {
        append(text: String(bytes.count, radix: 16))
        append("\r\n")
        append(bytes)
        append("\r\n")
    }

    package mutating func appendLastChunk() { append("0\r\n\r\n") }
}

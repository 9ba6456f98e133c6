/// What a connection may ask of the server. Each limit has a status that says it was passed.
package struct HTTPLimits: Sendable {
    /// Request line in bytes; beyond it 414. Longer than any target this service knows, as long as
    /// what proxies commonly let through.
    package var requestLineBytes = 8 * 1024
    /// Whole head in bytes; beyond it 431. Room for the cookies and tracing headers of others.
    package var headBytes = 16 * 1024
    /// Header fields in a head; beyond it 431.
    package var headerCount = 100
    /// Body in bytes after decoding; beyond it 413.
    package var bodyBytes = 8 * 1024 * 1024
    /// Size line of a chunk with its extensions, and the trailer section; beyond it 400. This
    /// service uses neither, so what is longer is an attempt to keep it busy.
    package var chunkHeadBytes = 1024
    /// How much of a body nobody wants is read so that the connection can go on; beyond it the
    /// connection is closed after the answer.
    package var discardBytes = 64 * 1024

    package init() {}
}

/// The statuses this service answers with.
package enum HTTPStatus: UInt16, Sendable {
    case ok = 200
    case accepted = 202
    case badRequest = 400
    case unauthorized = 401
    case notFound = 404
    case methodNotAllowed = 405
    case requestTimeout = 408
    case lengthRequired = 411
    case contentTooLarge = 413
    case uriTooLong = 414
    case unsupportedMediaType = 415
    case tooManyRequests = 429
    case headersTooLarge = 431
    case internalError = 500
    case notImplemented = 501
    case serviceUnavailable = 503
    case versionNotSupported = 505

    /// The reason phrase of RFC 9110 (RFC 6585 for 429 and 431).
    package var phrase: StaticString {
        switch self {
        case .ok: "OK"
        case .accepted: "Accepted"
        case .badRequest: "Bad Request"
        case .unauthorized: "Unauthorized"
        case .notFound: "Not Found"
        case .methodNotAllowed: "Method Not Allowed"
        case .requestTimeout: "Request Timeout"
        case .lengthRequired: "Length Required"
        case .contentTooLarge: "Content Too Large"
        case .uriTooLong: "URI Too Long"
        case .unsupportedMediaType: "Unsupported Media Type"
        case .tooManyRequests: "Too Many Requests"
        case .headersTooLarge: "Request Header Fields Too Large"
        case .internalError: "Internal Server Error"
        case .notImplemented: "Not Implemented"
        case .serviceUnavailable: "Service Unavailable"
        case .versionNotSupported: "HTTP Version Not Supported"
        }
    }
}

/// Why a request is refused before anybody looks at what it asks for. After a refusal the
/// connection is closed: where one message ends and the next begins can't be trusted any more.
package struct HTTPRefusal: Error, Equatable {
    package let status: HTTPStatus
    package let detail: String

    package init(_ status: HTTPStatus, _ detail: String) {
        self.status = status
        self.detail = detail
    }
}

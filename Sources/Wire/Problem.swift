internal import Bytes
package import HTTP

/// Why a store cannot do what it was asked for.
package enum StoreFailure: Equatable, Sendable {
    case unreachable
    case timedOut
    case queueFull
    /// The connection was cut with the samples in flight. Nobody can tell whether they arrived.
    case unsettled
    case notReplicated
    /// Fewer replicas are there than must have each sample.
    case tooFewReplicas
    /// Redis refuses the command.
    case refused
    /// Redis is nearly full: known devices go on, new ones would leave no room to tidy up.
    case noRoom
    /// Redis may drop keys that it was given to keep.
    case evicts
    /// A newer build has written there.
    case newerVersion
    /// The store has not been read yet.
    case opening
    /// There is no room on the file's disk.
    case diskFull
    /// The file was removed, or another one is in its place.
    case fileGone
    /// The file cannot be read or written.
    case fileFailed

    package var detail: StaticString {
        switch self {
        case .unreachable: "Redis is unreachable"
        case .noRoom: "Redis uses over 80 % of its memory: samples of new devices are refused"
        case .evicts: "Redis may evict keys: its maxmemory-policy must be noeviction"
        case .newerVersion: "the store holds what a newer version of this program has written"
        case .opening: "the store is being opened"
        case .diskFull: "the disk of the store's file is full"
        case .fileGone: "the store's file was removed or replaced: put it back, or restart"
        case .fileFailed: "the store's file cannot be read or written; the log has the reason"
        case .timedOut: "the store did not answer in time (Redis: REDIS_TIMEOUT)"
        case .queueFull: "too many samples wait for the store"
        case .unsettled: "the way to the store was cut; the samples may be stored or not"
        case .notReplicated: "Redis' replicas did not confirm; the samples may be stored or not"
        case .tooFewReplicas:
            "Redis has fewer replicas than REDIS_REPLICAS wants; REDIS_REPLICAS_STRICT refuses that"
        case .refused: "Redis refuses the command; the log has its reason"
        }
    }
}

/// Why a request is refused. Each has a status and a sentence (RFC 9457).
package enum Problem {
    case noSuchPath
    case methodNotAllowed(Endpoint)
    case unauthorized(isRead: Bool)
    case foreignOrigin
    case unmetExpectation
    case overQuota(requestsPerSecond: Int, retryAfterSeconds: Int)
    /// Wrong tokens, too many from one address.
    case tooManyTokens(retryAfterSeconds: Int)
    case lengthRequired
    case unsupportedCoding(isRemoteWrite: Bool)
    /// The body is not of the coding that its head names.
    case badCoding
    /// What the body holds, decoded, is over the limit.
    case tooLongDecoded(limit: Int)
    case badKey
    case badQuery(QueryError)
    case badBody(SampleError)
    /// Samples were sent, and none of them is good.
    case noGoodSample(rejected: Int, first: SampleError?)
    /// What a collector sent is stored but for what is bad. `number` is that of the first bad line,
    /// or sample.
    case partlyBad(accepted: Int, rejected: Int, number: Int, first: SampleError?)
    /// The parameter that names the device.
    case unknownDevice(parameter: StaticString)
    case unknownIncident
    /// The series has not come so far.
    case unknownSample
    /// It has left the history, or another version of the fold, or other settings, judged it.
    case sampleGone
    /// The body of a feedback says something else than is allowed.
    case badFeedback(String)
    /// More samples would have to be judged again than is allowed.
    case tooManyToJudge
    case notReady(String)
    /// From one address.
    case tooManyConnections(limit: Int)
    /// There is no room for the connection.
    case crowded
    case unavailable(StoreFailure)
    /// So many samples of the request are stored. Sent again with its key, it is completed.
    case storedPartly(StoreFailure, accepted: Int)
    /// The request could not even be read.
    case unreadable(HTTPRefusal)

    package var head: ResponseHead {
        var head = ResponseHead(status)
        head.mediaType = .problem
        switch self {
        case .methodNotAllowed(let endpoint): head.allow = endpoint.allow
        case .unauthorized: head.asksForBearerToken = true
        case .unsupportedCoding(let isRemoteWrite): head.tellsCodings = !isRemoteWrite
        case .overQuota(_, let seconds), .tooManyTokens(let seconds):
            head.retryAfterSeconds = seconds
        default: if status == .serviceUnavailable { head.retryAfterSeconds = 1 }
        }
        return head
    }

    private var status: HTTPStatus {
        switch self {
        case .noSuchPath, .unknownDevice, .unknownIncident, .unknownSample: .notFound
        case .sampleGone: .gone
        case .methodNotAllowed: .methodNotAllowed
        case .unauthorized: .unauthorized
        case .foreignOrigin: .forbidden
        case .unmetExpectation: .expectationFailed
        case .overQuota, .tooManyTokens, .tooManyConnections: .tooManyRequests
        case .lengthRequired: .lengthRequired
        case .unsupportedCoding: .unsupportedMediaType
        case .tooLongDecoded: .contentTooLarge
        case .badCoding, .badKey, .badQuery, .badFeedback, .badBody, .noGoodSample, .partlyBad,
            .tooManyToJudge:
            .badRequest
        case .notReady, .crowded, .unavailable, .storedPartly: .serviceUnavailable
        case .unreadable(let refusal): refusal.status
        }
    }

    /// Samples of the request that are stored; nil where that is not told.
    fileprivate var accepted: Int? {
        switch self {
        case .storedPartly(_, let accepted), .partlyBad(let accepted, _, _, _): accepted
        default: nil
        }
    }

    package var detail: String {
        switch self {
        case .noSuchPath: "no such path"
        case .methodNotAllowed(let endpoint): "the path allows \(endpoint.allow)"
        case .unauthorized(let isRead):
            "a \(isRead ? "GET" : "POST") needs the header Authorization: Bearer with a token of "
                + (isRead ? "READ_TOKEN or AUTH_TOKEN" : "AUTH_TOKEN")
        case .foreignOrigin:
            "Origin: a page of another site may not send samples here; CORS_ORIGINS lets it"
        case .unmetExpectation: "Expect: allowed is 100-continue"
        case .overQuota(let rate, _): "over \(rate) requests a second from one address"
        case .tooManyTokens: "too many wrong tokens from one address"
        case .tooManyConnections(let limit):
            "over \(limit) connections from one address (MAX_CONNECTIONS_PER_CLIENT)"
        case .lengthRequired: "a POST needs Content-Length or Transfer-Encoding: chunked"
        case .unsupportedCoding(let isRemoteWrite):
            "Content-Encoding: allowed is "
                + (isRemoteWrite ? "snappy" : "one of \(ContentCoding.served)")
        case .badCoding: "the body is not of its Content-Encoding, or ends too early"
        case .tooLongDecoded(let limit): "the body holds more than MAX_BODY_BYTES (\(limit))"
        case .badKey:
            "Idempotency-Key: allowed is one such header of 1 to \(KeyHeader.limit) visible ASCII "
                + "characters (0x21 to 0x7E)"
        case .badQuery(let error): "\(error.detail)"
        case .badBody(let error): error.detail
        case .noGoodSample(let rejected, let first):
            "no good sample among \(rejected); the first: \(first?.detail ?? "none")"
        case .partlyBad(let accepted, let rejected, let number, let first):
            "\(rejected) are bad, \(accepted) samples are stored; number \(number): "
                + (first?.detail ?? "none")
        case .unknownDevice(let parameter): "\(parameter): no such device"
        case .unknownIncident: "no such incident, or it is forgotten by now"
        case .unknownSample: "sequence: the series has no such sample yet"
        case .sampleGone:
            "sequence: the history has this sample no more, or it was judged with other settings or "
                + "by another version; incidents keep their explanation"
        case .badFeedback(let detail): detail
        case .tooManyToJudge:
            "alert_threshold: more than \(SeriesQuery.judgedLimit) samples would be judged again"
        case .notReady(let reason): reason
        case .crowded: "all connections are busy (MAX_CONNECTIONS)"
        case .unavailable(let failure), .storedPartly(let failure, _): "\(failure.detail)"
        case .unreadable(let refusal): refusal.detail
        }
    }
}

extension ByteBuffer {
    /// Appends the body of a refusal.
    package mutating func append(_ problem: Problem, _ status: HTTPStatus) {
        append("{\"type\":\"about:blank\",\"title\":\"")
        append(status.phrase)
        append("\",\"status\":")
        append(integer: Int(status.rawValue))
        append(",\"detail\":")
        append(jsonString: problem.detail)
        if let accepted = problem.accepted {
            append(",\"accepted\":")
            append(integer: accepted)
        }
        append("}")
    }
}

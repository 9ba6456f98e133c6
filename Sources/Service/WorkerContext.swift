internal import Bytes
internal import Wire
internal import Detection
internal import System
internal import HTTP
internal import SeriesLog

/// A request as far as it matters after its head: what is asked, and how the answer is framed.
struct PendingRequest {
    var task = RequestTask.notFound
    var path = Path.unknown
    var method = HTTPMethod.other
    var isVersion10 = false
    var keepAlive = true
    var verdicts = VerdictSelection.flagged
    var started = Instant.zero
}

/// What is to be done for a request.
enum RequestTask {
    case ingest
    case get
    case notFound
    case methodNotAllowed
    case unauthorized
    case overQuota(retryAfterSeconds: Int)
    case lengthRequired
    case unsupportedCoding
    case badQuery(StaticString)
}

/// What a head leads to.
enum HeadDecision {
    case readBody(PendingRequest)
    case answer(PendingRequest)
}

/// How long a connection may take over each of its phases.
struct Timeouts {
    let idle: TimeSpan
    let head: TimeSpan
    let body: TimeSpan
}

/// What a worker lends to the connection it is serving: time, scratch memory, metrics, the log.
struct WorkerContext: ~Copyable {
    /// Most bytes of answers one connection may have waiting: the longest batch's, several times.
    static let answerLimitBytes = 256 * 1024 * 1024

    let shared: SharedState
    let metrics: WorkerMetrics
    let timeouts: Timeouts
    private(set) var now: Instant
    /// The wall clock in whole seconds: clients of the seeds read timestamps as integers.
    private(set) var unixSeconds = 0
    private var date = ByteBuffer(limit: 64)
    /// The head of the answer nearly every request gets, up to its length; made once a second.
    private var acceptedHead = ByteBuffer(limit: 256)
    /// Memory this worker's connections hold for requests that are still arriving.
    var bufferedBytes = 0
    /// This worker's share of MAX_BUFFERED_BYTES.
    let bufferLimitBytes: Int
    var batch = SampleBatch()
    /// The verdicts on it, in the same order.
    var verdicts: [Verdict] = []
    /// The log in Redis; nil when series live in this process.
    var redis: RedisLog?
    let redisMetrics: RedisMetrics?
    /// Requests that wait for Redis.
    var waiting = WaitingTable()
    /// Samples of this turn for the seeds' readable keys.
    var mirrored: [MirroredSample] = []
    /// The body of the answer being made.
    var answer = ByteBuffer(limit: answerLimitBytes)

    init(_ shared: SharedState, workerIndex: Int, redis: consuming RedisLog?) {
        self.shared = shared
        self.redis = redis
        redisMetrics = shared.redisMetrics.isEmpty ? nil : shared.redisMetrics[workerIndex]
        metrics = shared.metrics[workerIndex]
        let configuration = shared.configuration
        timeouts = Timeouts(
            idle: configuration.idleTimeout, head: configuration.headTimeout,
            body: configuration.bodyTimeout)
        bufferLimitBytes = configuration.bufferLimitBytes / shared.metrics.count
        now = Clock.now()
        tellTime()
    }

    /// Reads the clocks; once per turn of the loop.
    mutating func tellTime() {
        now = Clock.now()
        let nanoseconds = Int(Clock.unixNanoseconds())
        redis?.tellTime(now, unixMilliseconds: nanoseconds / 1_000_000)
        let seconds = nanoseconds / 1_000_000_000
        guard seconds != unixSeconds || date.isEmpty else { return }
        unixSeconds = seconds
        date.removeAll()
        date.append(httpDate: seconds)
        acceptedHead.removeAll()
        acceptedHead.append(beginningOf: ResponseHead(.accepted), date: date)
    }

    // MARK: Deciding

    /// What to do about a request, from its head alone.
    mutating func decide(
        _ head: RequestHead, _ bytes: Span<UInt8>, from peer: PeerAddress, started: Instant
    ) -> HeadDecision {
        var request = PendingRequest()
        request.method = head.method
        request.isVersion10 = head.isVersion10
        request.keepAlive = head.keepAlive
        endIfDraining(&request)
        request.started = started
        switch Router.route(head, bytes) {
        case .notFound: return .answer(request)
        case .methodNotAllowed(let path):
            request.path = path
            request.task = .methodNotAllowed
            return .answer(request)
        case .get(let path):
            request.path = path
            request.task = isWatching(path) ? .get : overQuota(peer) ?? .get
            return .answer(request)
        case .post(let path):
            request.path = path
            return decidePost(head, bytes, peer, request)
        }
    }

    /// While the process drains, a request is its connection's last: asked when its head has come,
    /// and again when its answer is made, which may be long after.
    func endIfDraining(_ request: inout PendingRequest) {
        if shared.isDraining { request.keepAlive = false }
    }

    private func decidePost(
        _ head: RequestHead, _ bytes: Span<UInt8>, _ peer: PeerAddress, _ request: PendingRequest
    ) -> HeadDecision {
        var request = request
        if !isAuthorized(head, bytes) {
            request.task = .unauthorized
            return .answer(request)
        }
        if let over = overQuota(peer) {
            request.task = over
            return .answer(request)
        }
        if head.framing == .none {
            request.task = .lengthRequired
            return .answer(request)
        }
        if !head.contentCoding.isEmpty,
            !bytes.spells(head.contentCoding, "identity", ignoringCase: true)
        {
            request.task = .unsupportedCoding
            return .answer(request)
        }
        if !head.query.isEmpty {
            do throws(QueryError) {
                request.verdicts = try Query(head.query, bytes).verdicts
            } catch {
                request.task = .badQuery(error.detail)
                return .answer(request)
            }
        }
        request.task = .ingest
        return .readBody(request)
    }

    /// Compares the bearer token in time that does not depend on where it differs.
    private func isAuthorized(_ head: RequestHead, _ bytes: Span<UInt8>) -> Bool {
        let token = shared.configuration.authToken
        if token.isEmpty { return true }
        let given = bytes.extracting(head.authorization)
        let scheme = "bearer " as StaticString
        let schemeLength = scheme.utf8CodeUnitCount
        guard given.count == schemeLength + token.utf8.count,
            given.spells(ByteRange(0, schemeLength), scheme, ignoringCase: true)
        else { return false }
        var difference: UInt8 = 0
        for (index, byte) in token.utf8.enumerated() {
            difference |= byte ^ given[schemeLength + index]
        }
        return difference == 0
    }

    /// Whether a GET of the path is a probe or a scrape, which are never refused: they tell whether
    /// the service is well.
    private func isWatching(_ path: Path) -> Bool {
        switch path {
        case .health, .ready, .metrics, .prometheus, .metricsPrometheus: true
        case .ingest, .analyze, .stats, .devices, .anomalies, .unknown: false
        }
    }

    private func overQuota(_ peer: PeerAddress) -> RequestTask? {
        if shared.quota.isOff { return nil }
        guard let wait = shared.quota.take(peer, now: now) else { return nil }
        return .overQuota(retryAfterSeconds: max(1, Int(wait.seconds.rounded(.up))))
    }

    // MARK: Answering

    /// Appends the answer whose body stands in `answer`, and counts the request.
    mutating func send(
        _ head: ResponseHead, to request: PendingRequest, into output: inout ByteBuffer
    ) {
        var head = head
        head.keepAlive = request.keepAlive
        head.isVersion10 = request.isVersion10
        head.bodyBytes = answer.count
        if head.status == .accepted, head.keepAlive, !head.isVersion10 {
            output.append(acceptedHead.readable)
            output.append(integer: answer.count)
            output.append("\r\n\r\n")
        } else {
            output.append(head, date: date)
        }
        if request.method != .head { output.append(answer.readable) }
        answer.removeAll()
        if answer.capacity > 1024 * 1024 { answer.releaseMemory() }
        metrics.countRequest(
            request.method, request.path, head.status, took: Clock.now() - request.started)
    }

    /// Appends an error as RFC 9457 describes it.
    mutating func sendProblem(
        _ head: ResponseHead, _ detail: String, to request: PendingRequest,
        into output: inout ByteBuffer
    ) {
        var head = head
        head.mediaType = .problem
        answer.removeAll()
        answer.append("{\"type\":\"about:blank\",\"title\":\"")
        answer.append(head.status.phrase)
        answer.append("\",\"status\":")
        answer.append(integer: Int(head.status.rawValue))
        answer.append(",\"detail\":")
        answer.append(jsonString: detail)
        answer.append("}")
        send(head, to: request, into: &output)
    }

    /// Answers a request that could not even be parsed.
    mutating func answer(
        _ refusal: HTTPRefusal, started: Instant, into output: inout ByteBuffer
    ) {
        var request = PendingRequest()
        request.keepAlive = false
        request.started = started
        var head = ResponseHead(refusal.status)
        if refusal.status == .serviceUnavailable { head.retryAfterSeconds = 1 }
        sendProblem(head, refusal.detail, to: request, into: &output)
    }

    /// Answers a request that needs no body, or begins to.
    /// - Parameter token: whose request it is, should it have to wait.
    mutating func answer(
        _ request: PendingRequest, head: RequestHead, _ bytes: Span<UInt8>, for token: Token,
        into output: inout ByteBuffer
    ) -> Progress {
        var problem = ResponseHead(.notFound)
        let detail: String
        switch request.task {
        case .get, .ingest:
            return answerGet(request, head, bytes, for: token, into: &output)
        case .notFound: detail = "no such path"
        case .methodNotAllowed:
            problem = ResponseHead(.methodNotAllowed)
            problem.allow = request.path.allow
            detail = "the path allows \(request.path.allow)"
        case .unauthorized:
            problem = ResponseHead(.unauthorized)
            problem.asksForBearerToken = true
            detail = "a POST needs the header Authorization: Bearer with the service's token"
        case .overQuota(let seconds):
            problem = ResponseHead(.tooManyRequests)
            problem.retryAfterSeconds = seconds
            detail = "over \(shared.configuration.clientQuota) requests a second from one address"
        case .lengthRequired:
            problem = ResponseHead(.lengthRequired)
            detail = "a POST needs Content-Length or Transfer-Encoding: chunked"
        case .unsupportedCoding:
            problem = ResponseHead(.unsupportedMediaType)
            detail = "Content-Encoding: only identity is served"
        case .badQuery(let text):
            problem = ResponseHead(.badRequest)
            detail = "\(text)"
        }
        sendProblem(problem, detail, to: request, into: &output)
        return .answered
    }
}

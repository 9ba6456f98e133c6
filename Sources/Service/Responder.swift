internal import Telemetry
internal import Bytes
internal import Wire
internal import Detection
internal import System
internal import HTTP
internal import Store

/// What follows from a request's head.
enum HeadDecision {
    /// Samples follow in the body, or what is told of an incident. Samples that name no device are
    /// of this one; or it is the incident's ID.
    case readBody(about: [UInt8]?)
    /// Nothing more is needed: the question, and the parameters of its query.
    case reply(Question, Query)
    /// The methods of the path are to be told.
    case tellMethods
    case refuse(Problem)
}

/// How far a request with a body has come.
enum BodyProgress {
    /// The reply stands in the output, or is a long one and begins there.
    case replied
    case waiting(TicketID)
    /// It is not for a loop: nothing was done with it.
    case large
}

/// Replies to the requests of one loop: decides what a request is, asks the store, writes the reply
/// and counts it. Lends connections what they share: the time, scratch memory, metrics.
struct Responder<Series: Store & ~Copyable>: ~Copyable {
    let shared: SharedState
    let metrics: RequestMetrics
    private(set) var now: Instant
    /// The wall clock in whole seconds, because clients of the five services read integers.
    var unixSeconds = 0
    private var date = ByteBuffer(limit: 64)
    /// The head of the reply nearly every request gets, up to its length; made once a second.
    private var acceptedHead = ByteBuffer(limit: 256)
    /// Memory this loop's connections hold for requests that are still arriving.
    var bufferedBytes = 0
    /// That for replies which their clients have not read yet.
    var unreadBytes = 0
    /// This loop's share of MAX_BUFFERED_BYTES.
    let bufferLimitBytes: Int
    /// Whose requests wait for the store.
    var waiting = WaitingTable()
    /// The samples of the request that is served now.
    var batch = SampleBatch()
    /// The body of the reply being made.
    var body = ByteBuffer(limit: ConnectionLimits.outputBytes)
    let decoder: BodyDecoder
    let largeBodies: LargeBodies
    /// A reply that is made as it is sent, for the connection that is served now.
    var longReply: LongReply?
    private var tokens: AccessTokens
    // The next two share a word: where this part of the struct gets longer by one, each of the
    // copies that the compiler makes of it costs 24 instructions more.
    private var tokenVersion: Int32
    /// There were large bodies: until then nothing is asked about them.
    var hasLargeBodies = false
    /// Last, so that the offsets of the others are known without it: the compiler (Swift 6.3) asks
    /// the runtime for the offset of a field that follows one of a generic type.
    var store: Series

    /// - Parameter wakeUp: wakes the loop from other threads.
    init(_ shared: SharedState, _ store: consuming Series, loop: Int, wakeUp: Int32) {
        self.shared = shared
        self.store = store
        decoder = BodyDecoder(shared.configuration)
        largeBodies = LargeBodies(shared.configuration, wakeUp: wakeUp)
        metrics = shared.metrics[loop]
        tokenVersion = Int32(truncatingIfNeeded: shared.access.version)
        tokens = shared.access.currentTokens
        bufferLimitBytes = shared.configuration.bufferLimitBytes / shared.metrics.count
        now = Clock.now()
        tellTime(now)
    }

    /// Tells the time, and reads the wall clock; once per turn of the loop.
    mutating func tellTime(_ now: Instant) {
        self.now = now
        let milliseconds = Int(Clock.unixNanoseconds()) / 1_000_000
        store.tellTime(now, unixMilliseconds: milliseconds)
        let seconds = milliseconds / 1000
        guard seconds != unixSeconds || date.isEmpty else { return }
        unixSeconds = seconds
        let version = Int32(truncatingIfNeeded: shared.access.version)
        if tokenVersion != version {
            tokenVersion = version
            tokens = shared.access.currentTokens
        }
        date.removeAll()
        date.append(httpDate: seconds)
        acceptedHead.removeAll()
        var head = ResponseHead(.accepted)
        head.idleSeconds = idleSeconds
        acceptedHead.append(beginningOf: head, date: date)
    }

    /// After how long without a request a connection is closed, as responses tell it; nil where it
    /// is less than a second.
    private var idleSeconds: Int? {
        let seconds = Int(shared.configuration.idleTimeout.seconds)
        return seconds > 0 ? seconds : nil
    }

    // MARK: Deciding

    /// What to do about a request, from its head alone.
    /// - Parameter isExtra: it came when there was no room for its connection.
    mutating func decide(
        _ request: inout Request, head: RequestHead, _ bytes: Span<UInt8>,
        from peer: PeerAddress, isExtra: Bool
    ) -> HeadDecision {
        if isExtra, head.method == .post || !request.endpoint.traits.isProbe {
            return .refuse(.crowded)
        }
        // Before all else: what is refused costs too.
        if head.method == .post || !request.endpoint.traits.isProbe,
            let problem = overQuota(peer, head: head, bytes)
        {
            return .refuse(problem)
        }
        var isForeign = false
        if !head.origin.isEmpty {
            switch shared.access.origin(of: head, bytes) {
            case .own: break
            case .allowed(let place): request.allowedOrigin = Int16(clamping: place)
            case .foreign: isForeign = true
            }
        }
        if head.hasUnmetExpectation { return .refuse(.unmetExpectation) }
        switch request.endpoint.route(head.method) {
        case .noSuchPath: return .refuse(.noSuchPath)
        case .methodNotAllowed: return .refuse(.methodNotAllowed(request.endpoint))
        case .options: return .tellMethods
        case .get(let question):
            let traits = request.endpoint.traits
            if !traits.isOpen, !tokens.allowsRead(bytes.extracting(head.authorization)) {
                return .refuse(unauthorized(peer, head: head, bytes, isRead: true))
            }
            do throws(QueryError) {
                if case .incident = question { return incident(head, bytes) }
                return .reply(question, try Query(head.query, bytes))
            } catch {
                return .refuse(.badQuery(error))
            }
        case .post:
            if isForeign { return .refuse(.foreignOrigin) }
            return decide(onPost: &request, head: head, bytes: bytes, from: peer)
        }
    }

    private mutating func decide(
        onPost request: inout Request, head: RequestHead, bytes: Span<UInt8>,
        from peer: PeerAddress
    ) -> HeadDecision {
        if let problem = problem(ofPost: head, bytes, from: peer) { return .refuse(problem) }
        if request.endpoint == .incidentFeedback {
            guard let text = Endpoint.incident(of: head.path, bytes) else {
                return .refuse(.unknownIncident)
            }
            return .readBody(about: text)
        }
        let isRemote = request.endpoint == .remoteWrite
        guard let coding = ContentCoding(head.contentCoding, bytes),
            (coding == .snappy) == isRemote
        else { return .refuse(.unsupportedCoding(isRemoteWrite: isRemote)) }
        request.coding = coding
        // Prometheus sends the same bytes again when it does not know whether they came.
        if isRemote { request.key = RequestKey(bytes.extracting(head.path)) }
        if case .key(let range) = head.idempotencyKey {
            request.key = RequestKey(bytes.extracting(range))
        }
        guard !head.query.isEmpty else { return .readBody(about: nil) }
        do throws(QueryError) {
            let query = try Query(head.query, bytes)
            request.selection = query.verdicts
            if request.endpoint.takesLines {
                guard let precision = query.precision else { throw Query.badPrecision }
                request.precision = precision
            }
            return .readBody(about: query.deviceID)
        } catch {
            return .refuse(.badQuery(error))
        }
    }

    private func problem(
        ofPost head: RequestHead, _ bytes: Span<UInt8>, from peer: PeerAddress
    ) -> Problem? {
        guard tokens.allowsPost(bytes.extracting(head.authorization)) else {
            return unauthorized(peer, head: head, bytes, isRead: false)
        }
        if head.framing == .none { return .lengthRequired }
        if head.idempotencyKey == .bad { return .badKey }
        return nil
    }

    private func overQuota(
        _ peer: PeerAddress, head: RequestHead, _ bytes: Span<UInt8>
    ) -> Problem? {
        if shared.quota.isOff { return nil }
        guard let client = shared.access.client(of: peer, head, bytes),
            let wait = shared.quota.count(client, now: now)
        else { return nil }
        return overQuota(wait)
    }

    /// Nobody guesses tokens by the thousand. A right one is never refused for it.
    private func unauthorized(
        _ peer: PeerAddress, head: RequestHead, _ bytes: Span<UInt8>, isRead: Bool
    ) -> Problem {
        guard !head.authorization.isEmpty else { return .unauthorized(isRead: isRead) }
        metrics.add(1, .wrongTokens)
        guard let client = shared.access.client(of: peer, head, bytes),
            let wait = shared.wrongTokens.count(client, now: now)
        else { return .unauthorized(isRead: isRead) }
        return .tooManyTokens(retryAfterSeconds: max(1, Int(wait.seconds.rounded(.up))))
    }

    /// Counts a request whose head could not be read. Its client is the peer, whoever it speaks
    /// for.
    /// - Returns: what it is told instead, when it makes too many.
    func overQuota(unreadableFrom peer: PeerAddress) -> Problem? {
        if shared.quota.isOff || shared.access.trusts(peer) { return nil }
        guard let wait = shared.quota.count(peer, now: now) else { return nil }
        return overQuota(wait)
    }

    private func overQuota(_ wait: TimeSpan) -> Problem {
        .overQuota(
            requestsPerSecond: shared.configuration.clientQuota,
            retryAfterSeconds: max(1, Int(wait.seconds.rounded(.up))))
    }

    // MARK: Replying

    /// Replies to a question.
    /// - Returns: as `store(_:body:byteCount:about:into:)`.
    mutating func reply(
        _ request: Request, to question: Question, _ query: Query, accepts: Span<UInt8>,
        into output: inout ByteBuffer
    ) -> TicketID? {
        let limit = query.limit ?? Query.defaultPage
        switch question {
        case .analysis: return ask(request, .analysis(device: query.deviceID), into: &output)
        case .stats: return ask(request, .stats, into: &output)
        case .devices:
            return ask(request, .devices(after: query.after, limit: limit), into: &output)
        case .anomalies:
            let filter = AnomalyFilter(
                device: query.deviceID, alertsOnly: query.alertsOnly, limit: limit)
            return ask(request, .anomalies(filter), into: &output)
        case .series:
            do throws(QueryError) {
                return ask(request, .series(try SeriesQuery(query)), into: &output)
            } catch {
                refuse(request, .badQuery(error), into: &output)
            }
        case .explanation:
            do throws(QueryError) {
                return ask(request, .series(try SeriesQuery(explaining: query)), into: &output)
            } catch {
                refuse(request, .badQuery(error), into: &output)
            }
        case .incidents, .incident: reply(request, incidents(query), into: &output)
        case .health: reply(request, .constant("{\"status\":\"healthy\"}"), into: &output)
        case .readiness: reply(request, readiness(), into: &output)
        case .scrape: replyWithMetrics(request, accepts: accepts, into: &output)
        case .ping: send(ResponseHead(.noContent), to: request, into: &output)
        }
        return nil
    }

    private mutating func ask(
        _ request: Request, _ call: Call, into output: inout ByteBuffer
    ) -> TicketID? {
        switch store.ask(call) {
        case .waiting(let ticket): return ticket
        case .answered(let answer): reply(request, answer, into: &output)
        case .failed(let failure): refuse(request, .unavailable(failure), into: &output)
        }
        return nil
    }

    private func readiness() -> Answer {
        if shared.isDraining { return .problem(.notReady("the process is stopping")) }
        if let failure = shared.store.failure {
            let reason = shared.store.failureReason
            return .problem(
                .notReady("\(failure.detail)" + (reason.isEmpty ? "" : " (\(reason.prefix(300)))")))
        }
        return .constant("{\"status\":\"ready\"}")
    }

    /// Replies to a request that waited, with what became of it.
    mutating func reply(_ request: Request, _ outcome: Outcome, into output: inout ByteBuffer) {
        switch outcome {
        case .stored: replyWithVerdicts(request, into: &output)
        case .answered(let answer): reply(request, answer, into: &output)
        case .failed(let failure): refuse(request, .unavailable(failure), into: &output)
        case .storedPartly(let failure, let accepted):
            refuse(request, .storedPartly(failure, accepted: accepted), into: &output)
        }
    }

    /// Replies to a request whose samples are stored and stand in `batch`, with their verdicts.
    @inline(__always)
    mutating func replyWithVerdicts(_ request: Request, into output: inout ByteBuffer) {
        countStored()
        guard !request.endpoint.answersNothing else {
            return replyWithNothing(request, into: &output)
        }
        let status = request.endpoint.traits.postStatus ?? .accepted
        if batch.samples.count > LongReply.verdictsAtOnce,
            batch.listedCount(request.selection) > LongReply.verdictsAtOnce
        {
            return beginLongReply(request, status, into: &output)
        }
        body.append(verdictsOf: batch, to: request)
        send(ResponseHead(status), to: request, into: &output)
    }

    /// Replies to a collector whose samples are stored.
    @inline(never)
    mutating func replyWithNothing(_ request: Request, into output: inout ByteBuffer) {
        guard batch.rejected > 0 else {
            return send(ResponseHead(.noContent), to: request, into: &output)
        }
        let first = batch.faults.first
        refuse(
            request,
            .partlyBad(
                accepted: batch.samples.count, rejected: batch.rejected,
                number: first?.index ?? 0, first: first?.error), into: &output)
    }

    mutating func reply(
        _ request: Request, _ answer: Answer, into output: inout ByteBuffer
    ) {
        let frame = AnalysisFrame(
            windowSize: shared.parameters.windowSize,
            alertThreshold: shared.parameters.alertThreshold, computedAt: unixSeconds)
        if case .explanation(var explanation) = answer {
            explanation.habits = shared.store.incidents.habits(of: explanation.device ?? [])
            body.append(.explanation(explanation), frame)
        } else {
            body.append(answer, frame)
        }
        send(answer.head, to: request, into: &output)
    }

    private mutating func replyWithMetrics(
        _ request: Request, accepts: Span<UInt8>, into output: inout ByteBuffer
    ) {
        let isOpenMetrics = AcceptHeader.prefers(
            "application/openmetrics-text", to: "text/plain", in: accepts)
        var scrape = Scrape(shared, isOpenMetrics ? .openMetrics : .prometheusText)
        scrape.write(into: &body)
        var head = ResponseHead(.ok)
        head.mediaType = isOpenMetrics ? .openMetrics : .prometheusText
        send(head, to: request, into: &output)
    }

    /// Replies to OPTIONS.
    mutating func tellMethods(_ request: Request, into output: inout ByteBuffer) {
        var head = ResponseHead(.noContent)
        head.allow = request.endpoint.allow
        head.allowsHeaders = true
        send(head, to: request, into: &output)
    }

    /// Refuses a request, as RFC 9457 describes it.
    mutating func refuse(_ request: Request, _ problem: Problem, into output: inout ByteBuffer) {
        let head = problem.head
        body.append(problem, head.status)
        send(head, to: request, into: &output)
    }

    /// Appends the reply whose body stands in `body`, and counts the request.
    mutating func send(
        _ head: ResponseHead, to request: Request, into output: inout ByteBuffer
    ) {
        if head.status == .accepted, request.keepAlive, !request.isVersion10,
            request.allowedOrigin < 0, !head.isChunked
        {
            output.append(acceptedHead.readable)
            output.append(integer: body.count)
            output.append("\r\n\r\n")
        } else {
            var head = head
            head.keepAlive = request.keepAlive
            if request.keepAlive { head.idleSeconds = idleSeconds }
            head.isVersion10 = request.isVersion10
            head.bodyBytes = body.count
            let origin =
                request.allowedOrigin < 0
                ? nil : shared.access.origins[Int(request.allowedOrigin)]
            output.append(head, date: date, allowedOrigin: origin)
        }
        if request.method != .head { output.append(body.readable) }
        body.removeAll()
        if body.capacity > 1024 * 1024 { body.releaseMemory() }
        metrics.countRequest(
            request.method, endpoint: request.endpoint, status: head.status,
            took: Clock.now() - request.started)
    }

    // MARK: Counting

    func count(_ counts: BodyCounts) {
        metrics.add(counts.ignoredLines, .linesIgnored)
        metrics.add(counts.remote.unpaired, .remoteUnpaired)
        metrics.add(counts.remote.ignored, .remoteIgnored)
    }

    @inline(__always)
    func countRejected() {
        if batch.rejected > 0 { countFaults() }
    }

    @inline(never)
    private func countFaults() {
        for fault in SampleError.Fault.allCases {
            metrics.addRejected(batch.rejectedByFault[Int(fault.rawValue)], fault)
        }
    }

    /// Counts the samples in `batch`, which are stored; also when the client has gone and gets no
    /// reply.
    func countStored() {
        metrics.add(batch.samples.count - batch.duplicates, .samples)
        if batch.duplicates > 0 { metrics.add(batch.duplicates, .duplicates) }
        if batch.refused > 0 { metrics.addRejected(batch.refused, .noRoom) }
        for index in 0..<batch.verdicts.count where batch.verdicts[index].isFlagged {
            if batch.verdicts[index].isAnomaly { metrics.add(1, .anomalies) }
            if batch.verdicts[index].alert { metrics.add(1, .alerts) }
        }
    }
}

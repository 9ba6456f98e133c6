internal import Bytes
internal import Wire
internal import System
internal import HTTP
internal import Store

/// One client's connection: gives the bytes that arrive to the request machine, and sends replies.
///
/// It reads into the worker's buffer and serves requests from there. Only an unfinished request is
/// copied into the connection. So an idle connection holds no buffer.
struct Connection: ~Copyable {
    enum Phase {
        case serving
        /// The last reply is being sent. Then the connection closes; it lingers first when the
        /// client may still be sending.
        case finishing(lingers: Bool)
        case lingering
    }

    var socket: ClientSocket
    let token: Token
    /// The client's address, as far as it is known.
    private var peer: PeerAddress
    /// A proxy that is believed may say for whom it speaks before the first request.
    private var awaitsProxyHeader: Bool
    var machine: RequestMachine
    var input: ByteBuffer
    var output: ByteBuffer
    var phase = Phase.serving
    /// The request whose body is being read, or that waits for the store.
    var request = Request()
    /// The device of its samples, or an incident. Not in the request, which is copied often.
    var requestSubject: [UInt8]?
    /// From then on the next answer is the connection's last; zero for one beyond the limit.
    private let agedFrom: Instant
    /// Whose connections it counts among; nil where they are not counted.
    let client: PeerAddress?
    var requestStarted: Instant
    /// The body of this request is looked at anew from then on, and what came of it since.
    private var bodyStarted: Instant
    private var bodyBytes = 0
    private var lingeredBytes = 0
    /// Memory for unfinished requests that the worker has counted for this connection.
    var countedBytes = 0
    var countedOutput = 0
    /// A request's body is expected, and its reply is not made yet.
    var isInFlight = false
    /// The request's body, where that is large.
    var large: LargeBody?
    /// The reply that is made as it is sent.
    var longReply: LongReply?
    /// Memory of the request that is decoded or stored, and of a long reply.
    var heldBytes = 0
    /// A request waits for the store, or its reply is a long one. The requests behind it wait too,
    /// so replies keep their order.
    var isWaiting = false
    /// A request had its reply.
    private(set) var hasServed = false
    /// The client may still be sending a body that is not read; about the request being served.
    private var lingersAfterwards = false
    private var clientHasFinished = false
    /// When the time for what the connection is doing now is over.
    private(set) var deadline: Instant
    /// When the timer wheel calls `timeOut` next.
    var lookAt = Instant.never
    private(set) var interest = Interest.read

    init(
        _ socket: consuming ClientSocket, peer: PeerAddress, token: Token,
        limits: HTTPLimits, now: Instant, idleTimeout: TimeSpan, agedFrom: Instant,
        awaitsProxyHeader: Bool, client: PeerAddress?
    ) {
        self.client = client
        self.awaitsProxyHeader = awaitsProxyHeader
        self.agedFrom = agedFrom
        self.socket = socket
        self.peer = peer
        self.token = token
        machine = RequestMachine(limits)
        // A head, a body, and one more read, which may hold the beginning of the next request.
        input = ByteBuffer(
            limit: limits.headBytes + limits.bodyBytes + 2 * ConnectionLimits.readBytes)
        output = ByteBuffer(limit: ConnectionLimits.outputBytes)
        requestStarted = now
        bodyStarted = now
        deadline = now + ConnectionLimits.idleTime(idleTimeout)
    }

    /// The number of its descriptor.
    var number: Int32 { socket.number }
    /// Whether no request is unfinished and no reply is unsent.
    var isIdle: Bool {
        guard !isWaiting, case .serving = phase else { return false }
        return machine.isBetweenRequests && input.isEmpty && !isSending
    }
    /// Whether something waits for the socket.
    var isSending: Bool { !output.isEmpty || socket.isBlocked || longReply != nil }

    // MARK: Events

    /// - Parameter scratch: the worker's empty read buffer, empty again afterwards.
    mutating func handle<Series: Store & ~Copyable>(
        _ event: Event, scratch: inout ByteBuffer, _ responder: inout Responder<Series>
    ) -> ConnectionFate {
        if event.isWritable, flush(&responder) == .close { return .close }
        guard event.isReadable || event.isBroken else { return concluded(&responder) }
        if case .lingering = phase { return readAndForget(&scratch) }
        guard interest.reads || event.isBroken else { return concluded(&responder) }
        return read(&scratch, &responder)
    }

    private mutating func read<Series: Store & ~Copyable>(
        _ scratch: inout ByteBuffer, _ responder: inout Responder<Series>
    ) -> ConnectionFate {
        // An unfinished request continues in the connection's buffer, a new one in the worker's.
        let continues = !input.isEmpty
        if continues { swap(&scratch, &input) }
        if !continues, machine.isBetweenRequests, !socket.isSecuring {
            requestStarted = responder.now
        }
        switch socket.receive(into: &scratch, isClear: awaitsProxyHeader) {
        case .moved(let count):
            bodyBytes += count
            serve(&scratch, &responder)
        case .wouldBlock: break
        case .ended: clientHasFinished = true
        case .failed:
            if !refusePlain(&responder) {
                // Nothing of it may stand before what the next connection sends.
                scratch.removeAll()
                if continues { swap(&scratch, &input) }
                return .close
            }
        }
        if continues {
            swap(&scratch, &input)
        } else if !scratch.isEmpty {
            input.append(scratch.readable)
            scratch.removeAll()
        }
        boundMemory(&responder)
        if flush(&responder) == .close { return .close }
        return concluded(&responder)
    }

    // MARK: Requests

    /// Serves requests until the bytes end, the output is full, or the connection ends.
    private mutating func serve<Series: Store & ~Copyable>(
        _ bytes: inout ByteBuffer, _ responder: inout Responder<Series>
    ) {
        if awaitsProxyHeader {
            guard takeProxyHeader(&bytes, &responder) else { return }
            if case .failed = socket.open(&bytes), !refusePlain(&responder) {
                phase = .finishing(lingers: false)
            }
        }
        while output.count < ConnectionLimits.outputHighWaterBytes, !isWaiting {
            guard case .serving = phase else {
                dropRest(&bytes)
                return
            }
            switch machine.next(bytes.readable) {
            case .needMore: return
            case .head(let head):
                decide(head, in: bytes.readable, &responder)
                bytes.consume(head.byteCount)
            case .sendContinue: output.append("HTTP/1.1 100 Continue\r\n\r\n")
            case .body(let length):
                endIfDue(&responder)
                let progress = responder.store(
                    request, body: bytes, byteCount: length, about: requestSubject, into: &output)
                if case .large = progress {
                    decodeBeside(bytes.takeFirst(length), &responder)
                } else {
                    bytes.consume(length)
                    conclude(progress, &responder)
                }
            case .chunkedBody:
                endIfDue(&responder)
                let progress = responder.store(
                    request, body: machine.chunkedBody, byteCount: machine.chunkedBody.count,
                    about: requestSubject, into: &output)
                if case .large = progress {
                    decodeBeside(machine.takeChunkedBody(), &responder)
                } else {
                    machine.finishChunkedBody()
                    conclude(progress, &responder)
                }
            case .consumed(let count): bytes.consume(count)
            case .refuse(let refusal): refuse(refusal, &responder)
            }
        }
    }

    /// - Returns: false when more of it is to come, or it is refused.
    private mutating func takeProxyHeader<Series: Store & ~Copyable>(
        _ bytes: inout ByteBuffer, _ responder: inout Responder<Series>
    ) -> Bool {
        switch ProxyHeader.parse(bytes.readable) {
        case .needMore: return false
        case .none: break
        case .bad:
            socket.becomePlain()
            refuse(HTTPRefusal(.badRequest, "the PROXY header is malformed"), &responder)
            bytes.removeAll()
            return false
        case .header(let count, let client):
            bytes.consume(count)
            if let client { peer = client }
        }
        awaitsProxyHeader = false
        return true
    }

    /// Serves the bytes that arrived while a request waited or the output was full.
    mutating func serveInput<Series: Store & ~Copyable>(
        _ responder: inout Responder<Series>
    ) {
        var waiting = ByteBuffer(limit: input.limit)
        swap(&waiting, &input)
        serve(&waiting, &responder)
        swap(&waiting, &input)
    }

    /// Decides about a request from its head: a GET gets its reply, a POST waits for its body.
    private mutating func decide<Series: Store & ~Copyable>(
        _ head: RequestHead, in bytes: Span<UInt8>, _ responder: inout Responder<Series>
    ) {
        request = Request(head, bytes, started: requestStarted)
        lingersAfterwards = false
        bodyStarted = responder.now
        bodyBytes = 0
        endIfDue(&responder)
        // Who came when there was no room is heard for a probe alone.
        let isExtra = agedFrom == .zero
        switch responder.decide(&request, head: head, bytes, from: peer, isExtra: isExtra) {
        case .readBody(let subject):
            requestSubject = subject
            isInFlight = true
            responder.metrics.add(1, .inFlight)
            if let refusal = machine.acceptBody(head) { refuse(refusal, &responder) }
        case .reply(let question, let query):
            skipBody(head)
            let accepts = bytes.extracting(head.accept)
            let ticket = responder.reply(
                request, to: question, query, accepts: accepts, into: &output)
            conclude(ticket.map { .waiting($0) } ?? .replied, &responder)
        case .tellMethods:
            skipBody(head)
            responder.tellMethods(request, into: &output)
            finishRequest(now: responder.now)
        case .refuse(let problem):
            skipBody(head)
            responder.refuse(request, problem, into: &output)
            finishRequest(now: responder.now)
        }
    }

    /// While the process drains, and when the connection is old, a request is its connection's last
    /// one. This is checked when the head arrives, and again when the reply is made, because much
    /// time may lie between.
    mutating func endIfDue<Series: Store & ~Copyable>(
        _ responder: inout Responder<Series>
    ) {
        if responder.shared.isDraining { request.keepAlive = false }
        guard agedFrom <= responder.now, request.keepAlive else { return }
        request.keepAlive = false
        // The client could not know; its next request may be under way.
        lingersAfterwards = true
        responder.metrics.add(1, .agedConnections)
    }

    /// The body is not needed. A short one is skipped; a long one ends the connection.
    private mutating func skipBody(_ head: RequestHead) {
        let canGoOn = machine.discardBody(head)
        request.keepAlive = request.keepAlive && canGoOn
        lingersAfterwards = lingersAfterwards || !canGoOn
    }

    mutating func refuse<Series: Store & ~Copyable>(
        _ refusal: HTTPRefusal, _ responder: inout Responder<Series>
    ) {
        var unread = Request()
        unread.keepAlive = false
        unread.started = requestStarted
        if isInFlight {
            // Its head was understood: it counts where it belongs.
            unread.endpoint = request.endpoint
            unread.method = request.method
            unread.allowedOrigin = request.allowedOrigin
        }
        let problem = isInFlight ? nil : responder.overQuota(unreadableFrom: peer)
        responder.refuse(unread, problem ?? .unreadable(refusal), into: &output)
        endInFlight(responder)
        machine.close()
        phase = .finishing(lingers: true)
    }

    /// Tells a client that sends HTTP where HTTPS is spoken.
    /// - Returns: false when it does not.
    private mutating func refusePlain<Series: Store & ~Copyable>(
        _ responder: inout Responder<Series>
    ) -> Bool {
        guard socket.hasPlainRequest else { return false }
        socket.becomePlain()
        refuse(HTTPRefusal(.badRequest, "this port speaks HTTPS: https://…"), &responder)
        return true
    }

    /// The request's reply is made, or there will not be one.
    mutating func endInFlight<Series: Store & ~Copyable>(
        _ responder: borrowing Responder<Series>
    ) {
        if isInFlight { responder.metrics.add(-1, .inFlight) }
        isInFlight = false
    }

    mutating func finishRequest(now: Instant) {
        hasServed = true
        if !request.keepAlive { phase = .finishing(lingers: lingersAfterwards) }
        requestStarted = now
    }

    /// Requests pipelined behind a `Connection: close` are dropped, as RFC 9112 section 9.6 says.
    /// If bytes stayed unread, the kernel would send a reset, and the client could lose the reply.
    /// So the connection lingers and reads them.
    private mutating func dropRest(_ bytes: inout ByteBuffer) {
        if !bytes.isEmpty, case .finishing(lingers: false) = phase {
            phase = .finishing(lingers: true)
        }
        bytes.removeAll()
    }

    // MARK: Output

    /// Sends the output. When that makes room, serves the requests that waited for room.
    mutating func flush<Series: Store & ~Copyable>(_ responder: inout Responder<Series>)
        -> ConnectionFate
    {
        var pieces = 0
        while isSending {
            if longReply != nil, output.isEmpty {
                // Others come between: the loop hears at once that the socket takes more.
                guard pieces < ConnectionLimits.piecesAtOnce else { return .keep }
                pieces += 1
                appendPiece(&responder)
            }
            let wasFull = output.count >= ConnectionLimits.outputHighWaterBytes
            switch socket.send(from: &output) {
            case .moved: break
            case .wouldBlock: return .keep
            case .ended, .failed: return .close
            }
            if wasFull, output.count < ConnectionLimits.outputHighWaterBytes, !input.isEmpty {
                serveInput(&responder)
            }
        }
        if output.capacity > ConnectionLimits.readBytes { output.releaseMemory() }
        return .keep
    }

    /// Sets what the connection waits for and until when; closes it when it is finished.
    mutating func concluded<Series: Store & ~Copyable>(_ responder: inout Responder<Series>)
        -> ConnectionFate
    {
        if !isSending, !isWaiting {
            switch phase {
            case .finishing(lingers: true) where !clientHasFinished: startLingering(responder.now)
            case .finishing: return .close
            case .lingering, .serving: if clientHasFinished { return .close }
            }
            if input.isEmpty, input.capacity > ConnectionLimits.readBytes { input.releaseMemory() }
            socket.releaseMemory()
            countMemory(&responder)
        } else if unsentBytes > ConnectionLimits.readBytes || countedOutput > 0 {
            countMemory(&responder)
        }
        interest = Interest(
            reads: output.count < ConnectionLimits.outputHighWaterBytes && !clientHasFinished
                && !(isWaiting && input.count >= ConnectionLimits.readBytes),
            writes: isSending)
        setDeadline(responder)
        return .keep
    }

    private mutating func startLingering(_ now: Instant) {
        socket.finishSending()
        phase = .lingering
        deadline = now + ConnectionLimits.lingerTime
    }

    private mutating func readAndForget(_ scratch: inout ByteBuffer) -> ConnectionFate {
        let outcome = socket.skim(into: &scratch)
        scratch.removeAll()
        guard case .moved(let count) = outcome else {
            return outcome == .wouldBlock ? .keep : .close
        }
        lingeredBytes += count
        return lingeredBytes > ConnectionLimits.lingerBytes ? .close : .keep
    }

    // MARK: Time

    private mutating func setDeadline<Series: Store & ~Copyable>(
        _ responder: borrowing Responder<Series>
    ) {
        if case .lingering = phase { return }
        let timeouts = responder.shared.timeouts
        if isWaiting, longReply == nil {
            // The store replies 503 in its own time. This is for a fault of the store.
            deadline = responder.now + timeouts.idle + timeouts.body
        } else if socket.isSecuring {
            deadline = requestStarted + timeouts.head
        } else if isSending {
            deadline = responder.now + timeouts.idle
        } else if machine.isReadingBody {
            deadline = bodyStarted + timeouts.body
        } else if !input.isEmpty {
            deadline = requestStarted + timeouts.head
        } else {
            deadline = responder.now + ConnectionLimits.idleTime(timeouts.idle)
        }
    }

    /// The deadline is over: an unfinished request gets 408, an idle connection is closed.
    mutating func timeOut<Series: Store & ~Copyable>(_ responder: inout Responder<Series>)
        -> ConnectionFate
    {
        guard case .serving = phase, !isSending, !isWaiting else { return .close }
        if machine.isReadingBody,
            ConnectionLimits.isFast(bodyBytes, in: responder.shared.timeouts.body)
        {
            bodyStarted = responder.now
            bodyBytes = 0
            return concluded(&responder)
        }
        if machine.isReadingBody {
            refuse(HTTPRefusal(.requestTimeout, "the body took too long"), &responder)
        } else if !input.isEmpty {
            refuse(HTTPRefusal(.requestTimeout, "the head took too long"), &responder)
        } else {
            return .close
        }
        input.removeAll()
        if flush(&responder) == .close { return .close }
        return concluded(&responder)
    }
}

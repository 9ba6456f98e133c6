internal import Bytes
internal import Wire
internal import System
internal import HTTP
internal import Store

/// What the worker does with a connection after it has been served.
enum ConnectionFate {
    case keep
    case close
}

/// What one connection may hold, and how long it may take.
enum ConnectionLimits {
    /// How much is read at once.
    static let readBytes = 64 * 1024
    /// Replies waiting beyond this stop the reading: a client that does not read is not read either.
    static let outputHighWaterBytes = 256 * 1024
    /// Most bytes of replies one connection may have waiting: the longest batch's, several times.
    static let outputBytes = 256 * 1024 * 1024
    /// After a last reply, how long and how much of what the client still sends is read, so that the
    /// reply is not lost to a reset.
    static let lingerTime = TimeSpan.seconds(2)
    static let lingerBytes = 16 * 1024 * 1024
}

/// One client's connection: drives the request machine with what arrives and sends what is answered.
///
/// The bytes of a request are read into the worker's own buffer and served from there; only what is
/// left unfinished is copied here. So an idle connection holds no buffer at all.
struct Connection: ~Copyable {
    private enum Phase {
        case serving
        /// The last answer is being sent; then the connection is closed, after lingering if the
        /// client may still be sending.
        case finishing(lingers: Bool)
        case lingering
    }

    let descriptor: FileDescriptor
    let token: Token
    private let peer: PeerAddress
    private var machine: RequestMachine
    private var input: ByteBuffer
    private var output: ByteBuffer
    private var phase = Phase.serving
    /// The request whose body is being read, or that waits for the store.
    private var request = Request()
    private var requestStarted: Instant
    private var bodyStarted: Instant
    private var lingeredBytes = 0
    /// Memory for unfinished requests that the worker has counted for this connection.
    private var countedBytes = 0
    /// A request has been taken in whose answer is not yet made.
    private(set) var isInFlight = false
    /// A request waits for the log; those behind it wait for it.
    private var isWaiting = false
    /// Of the request being served: the client may still be sending a body nobody reads.
    private var lingersAfterwards = false
    private var clientHasFinished = false
    /// When to give up on what the connection is doing now.
    private(set) var deadline: Instant
    /// When the timer wheel looks next.
    var lookAt = Instant.never
    private(set) var interest = Interest.read

    init(
        _ descriptor: consuming FileDescriptor, _ peer: PeerAddress, _ token: Token,
        _ limits: HTTPLimits, now: Instant, idleTimeout: TimeSpan
    ) {
        self.descriptor = descriptor
        self.peer = peer
        self.token = token
        machine = RequestMachine(limits)
        // A request's head and body, and one read more that may hold the next request's beginning.
        input = ByteBuffer(
            limit: limits.headBytes + limits.bodyBytes + 2 * ConnectionLimits.readBytes)
        output = ByteBuffer(limit: ConnectionLimits.outputBytes)
        requestStarted = now
        bodyStarted = now
        deadline = now + idleTimeout
    }

    /// Whether the client owes nothing and is owed nothing.
    var isIdle: Bool {
        if isWaiting { return false }
        guard case .serving = phase else { return false }
        return machine.isBetweenRequests && input.isEmpty && output.isEmpty
    }

    // MARK: Events

    /// - Parameter scratch: the worker's empty read buffer, empty again afterwards.
    mutating func handle<Series: Store & ~Copyable>(
        _ event: Event, _ scratch: inout ByteBuffer, _ responder: inout Responder<Series>
    ) -> ConnectionFate {
        if event.isWritable, flush(&responder) == .close { return .close }
        guard event.isReadable || event.isBroken else { return concluded(&responder) }
        if case .lingering = phase { return readAndForget(&scratch) }
        guard interest.reads || event.isBroken else { return concluded(&responder) }
        return read(&scratch, &responder)
    }

    private mutating func read<Series: Store & ~Copyable>(
        _ scratch: inout ByteBuffer, _ responder: inout Responder<Series>
    )
        -> ConnectionFate
    {
        // What was left over is continued in its own buffer; a fresh start uses the shared one.
        let continues = !input.isEmpty
        if continues { swap(&scratch, &input) }
        if !continues, machine.isBetweenRequests { requestStarted = responder.now }
        let outcome = descriptor.receive(into: &scratch, atMost: ConnectionLimits.readBytes)
        switch outcome {
        case .moved: serve(&scratch, &responder)
        case .wouldBlock: break
        case .ended: clientHasFinished = true
        case .failed: return .close
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

    /// Counts what the connection holds; when that is more than all may hold together, the request
    /// that made it so is refused.
    private mutating func boundMemory<Series: Store & ~Copyable>(
        _ responder: inout Responder<Series>
    ) {
        let before = countedBytes
        countMemory(&responder)
        guard countedBytes > before, responder.bufferedBytes > responder.bufferLimitBytes,
            case .serving = phase
        else { return }
        refuse(
            HTTPRefusal(
                .serviceUnavailable, "the requests now arriving take all of MAX_BUFFERED_BYTES"),
            &responder)
        input.releaseMemory()
        machine.releaseMemory()
        countMemory(&responder)
    }

    private mutating func countMemory<Series: Store & ~Copyable>(
        _ responder: inout Responder<Series>
    ) {
        let held = input.capacity + machine.chunkedBody.capacity
        responder.bufferedBytes += held - countedBytes
        countedBytes = held
    }

    /// The connection is gone, and with it what it held.
    mutating func leave<Series: Store & ~Copyable>(_ responder: inout Responder<Series>) {
        endInFlight(responder)
        responder.bufferedBytes -= countedBytes
        countedBytes = 0
    }

    // MARK: Requests

    /// Serves requests until the bytes run out, the output is full, or the connection is done for.
    private mutating func serve<Series: Store & ~Copyable>(
        _ bytes: inout ByteBuffer, _ responder: inout Responder<Series>
    ) {
        while output.count < ConnectionLimits.outputHighWaterBytes, !isWaiting {
            guard case .serving = phase else {
                dropRest(&bytes)
                return
            }
            switch machine.next(bytes.readable) {
            case .needMore: return
            case .head(let head):
                decide(head, bytes.readable, &responder)
                bytes.consume(head.byteCount)
            case .sendContinue: output.append("HTTP/1.1 100 Continue\r\n\r\n")
            case .body(let length):
                responder.endIfDraining(&request)
                let ticket = responder.store(
                    request, body: bytes, byteCount: length, into: &output)
                bytes.consume(length)
                conclude(ticket, &responder)
            case .chunkedBody:
                responder.endIfDraining(&request)
                let ticket = responder.store(
                    request, body: machine.chunkedBody, byteCount: machine.chunkedBody.count,
                    into: &output)
                machine.finishChunkedBody()
                conclude(ticket, &responder)
            case .consumed(let count): bytes.consume(count)
            case .refuse(let refusal): refuse(refusal, &responder)
            }
        }
    }

    /// The request has its reply, or a ticket to wait with.
    private mutating func conclude<Series: Store & ~Copyable>(
        _ ticket: TicketID?, _ responder: inout Responder<Series>
    ) {
        guard let ticket else {
            endInFlight(responder)
            finishRequest(now: responder.now)
            return
        }
        isWaiting = true
        responder.waiting.add(ticket, token)
    }

    /// The outcome of the request that waited is known: sends the reply, and serves those behind it.
    mutating func resume<Series: Store & ~Copyable>(
        _ outcome: Outcome, _ responder: inout Responder<Series>
    ) -> ConnectionFate {
        isWaiting = false
        responder.endIfDraining(&request)
        responder.reply(request, outcome, into: &output)
        endInFlight(responder)
        finishRequest(now: responder.now)
        if !input.isEmpty {
            serveInput(&responder)
            boundMemory(&responder)
        }
        if flush(&responder) == .close { return .close }
        return concluded(&responder)
    }

    /// Serves what arrived while nothing could be served.
    private mutating func serveInput<Series: Store & ~Copyable>(
        _ responder: inout Responder<Series>
    ) {
        var waiting = ByteBuffer(limit: input.limit)
        swap(&waiting, &input)
        serve(&waiting, &responder)
        swap(&waiting, &input)
    }

    /// Looks at a head: a GET needs nothing more, a POST waits for its body.
    private mutating func decide<Series: Store & ~Copyable>(
        _ head: RequestHead, _ bytes: Span<UInt8>, _ responder: inout Responder<Series>
    ) {
        request = Request(head, bytes, started: requestStarted)
        lingersAfterwards = false
        switch responder.decide(&request, head, bytes, from: peer) {
        case .readBody:
            bodyStarted = responder.now
            isInFlight = true
            responder.metrics.add(1, .inFlight)
            if let refusal = machine.acceptBody(head) { refuse(refusal, &responder) }
        case .reply(let question, let query):
            skipBody(head)
            let accepts = bytes.extracting(head.accept)
            let ticket = responder.reply(
                request, to: question, query, accepts: accepts, into: &output)
            conclude(ticket, &responder)
        case .refuse(let problem):
            skipBody(head)
            responder.refuse(request, problem, into: &output)
            finishRequest(now: responder.now)
        }
    }

    /// Nobody wants the body: a short one is read past, a long one ends the connection.
    private mutating func skipBody(_ head: RequestHead) {
        let canGoOn = machine.discardBody(head)
        request.keepAlive = request.keepAlive && canGoOn
        lingersAfterwards = !canGoOn
    }

    private mutating func refuse<Series: Store & ~Copyable>(
        _ refusal: HTTPRefusal, _ responder: inout Responder<Series>
    ) {
        var unread = Request()
        unread.keepAlive = false
        unread.started = requestStarted
        responder.refuse(unread, .unreadable(refusal), into: &output)
        endInFlight(responder)
        machine.close()
        phase = .finishing(lingers: true)
    }

    /// The request's reply is made, or there will be none.
    private mutating func endInFlight<Series: Store & ~Copyable>(
        _ responder: borrowing Responder<Series>
    ) {
        if isInFlight { responder.metrics.add(-1, .inFlight) }
        isInFlight = false
    }

    private mutating func finishRequest(now: Instant) {
        if !request.keepAlive { phase = .finishing(lingers: lingersAfterwards) }
        requestStarted = now
    }

    /// Requests pipelined behind a `Connection: close` are dropped, as RFC 9112 section 9.6 says.
    /// Bytes left unread would make the kernel reset the connection and lose the answer, so the rest
    /// is lingered for.
    private mutating func dropRest(_ bytes: inout ByteBuffer) {
        if !bytes.isEmpty, case .finishing(lingers: false) = phase {
            phase = .finishing(lingers: true)
        }
        bytes.removeAll()
    }

    // MARK: Output

    /// Sends what there is to send; when that made room, serves the requests that waited for it.
    private mutating func flush<Series: Store & ~Copyable>(_ responder: inout Responder<Series>)
        -> ConnectionFate
    {
        while !output.isEmpty {
            let wasFull = output.count >= ConnectionLimits.outputHighWaterBytes
            switch descriptor.send(from: &output) {
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

    /// Settles what comes next: interest, deadline, or the end.
    private mutating func concluded<Series: Store & ~Copyable>(_ responder: inout Responder<Series>)
        -> ConnectionFate
    {
        if output.isEmpty, !isWaiting {
            switch phase {
            case .finishing(lingers: true) where !clientHasFinished: startLingering(responder.now)
            case .finishing: return .close
            case .lingering, .serving: if clientHasFinished { return .close }
            }
            if input.isEmpty, input.capacity > ConnectionLimits.readBytes { input.releaseMemory() }
            countMemory(&responder)
        }
        interest = Interest(
            reads: output.count < ConnectionLimits.outputHighWaterBytes && !clientHasFinished
                && !(isWaiting && input.count >= ConnectionLimits.readBytes),
            writes: !output.isEmpty)
        setDeadline(responder)
        return .keep
    }

    private mutating func startLingering(_ now: Instant) {
        descriptor.finishSending()
        phase = .lingering
        deadline = now + ConnectionLimits.lingerTime
    }

    private mutating func readAndForget(_ scratch: inout ByteBuffer) -> ConnectionFate {
        let outcome = descriptor.receive(into: &scratch, atMost: ConnectionLimits.readBytes)
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
        if isWaiting {
            // The log gives up by itself, and says so; this is only the last resort.
            deadline = responder.now + timeouts.idle + timeouts.body
        } else if !output.isEmpty {
            deadline = responder.now + timeouts.idle
        } else if machine.isReadingBody {
            deadline = bodyStarted + timeouts.body
        } else if !input.isEmpty {
            deadline = requestStarted + timeouts.head
        } else {
            deadline = responder.now + timeouts.idle
        }
    }

    /// The deadline has passed: a client in the middle of a request is told so, any other is left.
    mutating func timeOut<Series: Store & ~Copyable>(_ responder: inout Responder<Series>)
        -> ConnectionFate
    {
        guard case .serving = phase, output.isEmpty, !isWaiting else { return .close }
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

internal import Bytes
internal import Wire
internal import System
internal import HTTP

/// What the worker does with a connection after it has been served.
enum ConnectionFate {
    case keep
    case close
}

/// One client's connection: drives the request machine with what arrives and sends what is answered.
///
/// The bytes of a request are read into the worker's own buffer and served from there; only what is
/// left unfinished is copied here. So an idle connection holds no buffer at all.
struct Connection: ~Copyable {
    /// Answers waiting beyond this stop the reading: a client that does not read is not read either.
    static let outputHighWaterBytes = 256 * 1024
    /// How much is read at once.
    static let readBytes = 64 * 1024
    /// After a last answer, how long and how much of what the client still sends is read, so that
    /// the answer is not lost to a reset.
    static let lingerTime = TimeSpan.seconds(2)
    static let lingerBytes = 16 * 1024 * 1024

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
    /// The request whose body is being read.
    private var pending = PendingRequest()
    private var requestStarted: Instant
    private var bodyStarted: Instant
    private var lingeredBytes = 0
    /// Memory for unfinished requests that the worker has counted for this connection.
    private var countedBytes = 0
    /// A request has been taken in whose answer is not yet made.
    private(set) var isInFlight = false
    /// A request waits for the log; those behind it wait for it.
    private var isWaiting = false
    /// Of the request that waits: the client may still be sending a body nobody reads.
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
        input = ByteBuffer(limit: limits.headBytes + limits.bodyBytes + 2 * Connection.readBytes)
        output = ByteBuffer(limit: WorkerContext.answerLimitBytes)
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
    mutating func handle(
        _ event: Event, _ scratch: inout ByteBuffer, _ context: inout WorkerContext
    ) -> ConnectionFate {
        if event.isWritable, flush(&context) == .close { return .close }
        guard event.isReadable || event.isBroken else { return concluded(&context) }
        if case .lingering = phase { return readAndForget(&scratch) }
        guard interest.reads || event.isBroken else { return concluded(&context) }
        return read(&scratch, &context)
    }

    private mutating func read(_ scratch: inout ByteBuffer, _ context: inout WorkerContext)
        -> ConnectionFate
    {
        // What was left over is continued in its own buffer; a fresh start uses the shared one.
        let continues = !input.isEmpty
        if continues { swap(&scratch, &input) }
        if !continues, machine.isBetweenRequests { requestStarted = context.now }
        let outcome = descriptor.receive(into: &scratch, atMost: Connection.readBytes)
        switch outcome {
        case .moved: serve(&scratch, &context)
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
        boundMemory(&context)
        if flush(&context) == .close { return .close }
        return concluded(&context)
    }

    /// Counts what the connection holds; when that is more than all may hold together, the request
    /// that made it so is refused.
    private mutating func boundMemory(_ context: inout WorkerContext) {
        let before = countedBytes
        countMemory(&context)
        guard countedBytes > before, context.bufferedBytes > context.bufferLimitBytes,
            case .serving = phase
        else { return }
        refuse(
            HTTPRefusal(
                .serviceUnavailable, "the requests now arriving take all of MAX_BUFFERED_BYTES"),
            &context)
        input.releaseMemory()
        machine.releaseMemory()
        countMemory(&context)
    }

    private mutating func countMemory(_ context: inout WorkerContext) {
        let held = input.capacity + machine.chunkedBody.capacity
        context.bufferedBytes += held - countedBytes
        countedBytes = held
    }

    /// The connection is gone, and with it what it held.
    mutating func leave(_ context: inout WorkerContext) {
        land(context)
        context.bufferedBytes -= countedBytes
        countedBytes = 0
    }

    // MARK: Requests

    /// Serves requests until the bytes run out, the output is full, or the connection is done for.
    private mutating func serve(_ bytes: inout ByteBuffer, _ context: inout WorkerContext) {
        while output.count < Connection.outputHighWaterBytes, !isWaiting {
            guard case .serving = phase else {
                dropRest(&bytes)
                return
            }
            switch machine.next(bytes.readable) {
            case .needMore: return
            case .head(let head):
                decide(head, bytes.readable, &context)
                bytes.consume(head.byteCount)
            case .sendContinue: output.append("HTTP/1.1 100 Continue\r\n\r\n")
            case .body(let length):
                context.endIfDraining(&pending)
                let progress = context.take(
                    pending, body: bytes, byteCount: length, for: token, into: &output)
                bytes.consume(length)
                go(on: progress, context)
            case .chunkedBody:
                context.endIfDraining(&pending)
                let length = machine.chunkedBody.count
                let progress = context.take(
                    pending, body: machine.chunkedBody, byteCount: length, for: token,
                    into: &output)
                machine.finishChunkedBody()
                go(on: progress, context)
            case .consumed(let count): bytes.consume(count)
            case .refuse(let refusal): refuse(refusal, &context)
            }
        }
    }

    /// The body has been taken in: the request is answered, or waits.
    private mutating func go(on progress: Progress, _ context: borrowing WorkerContext) {
        lingersAfterwards = false
        switch progress {
        case .waiting: isWaiting = true
        case .answered:
            land(context)
            finishRequest(keepAlive: pending.keepAlive, lingers: false, now: context.now)
        }
    }

    /// The answer to the request that waited is decided: sends it, and serves those behind it.
    mutating func resume(
        _ ticket: Int32, _ waiting: WaitingRequest, _ context: inout WorkerContext
    ) -> ConnectionFate {
        isWaiting = false
        context.endIfDraining(&waiting.request)
        context.answer(ticket, waiting, into: &output)
        land(context)
        finishRequest(
            keepAlive: waiting.request.keepAlive, lingers: lingersAfterwards, now: context.now)
        if !input.isEmpty {
            serveInput(&context)
            boundMemory(&context)
        }
        if flush(&context) == .close { return .close }
        return concluded(&context)
    }

    /// Serves what arrived while nothing could be served.
    private mutating func serveInput(_ context: inout WorkerContext) {
        var waiting = ByteBuffer(limit: input.limit)
        swap(&waiting, &input)
        serve(&waiting, &context)
        swap(&waiting, &input)
    }

    /// Looks at a head: most answers need nothing more, a POST waits for its body.
    private mutating func decide(
        _ head: RequestHead, _ bytes: Span<UInt8>, _ context: inout WorkerContext
    ) {
        switch context.decide(head, bytes, from: peer, started: requestStarted) {
        case .readBody(let request):
            pending = request
            bodyStarted = context.now
            isInFlight = true
            context.metrics.add(1, .inFlight)
            if let refusal = machine.acceptBody(head) { refuse(refusal, &context) }
        case .answer(var request):
            let canGoOn = machine.discardBody(head)
            request.keepAlive = request.keepAlive && canGoOn
            let progress = context.answer(request, head: head, bytes, for: token, into: &output)
            if progress == .waiting {
                isWaiting = true
                lingersAfterwards = !canGoOn
                return
            }
            finishRequest(keepAlive: request.keepAlive, lingers: !canGoOn, now: context.now)
        }
    }

    private mutating func refuse(_ refusal: HTTPRefusal, _ context: inout WorkerContext) {
        context.answer(refusal, started: requestStarted, into: &output)
        land(context)
        machine.close()
        phase = .finishing(lingers: true)
    }

    /// The request's answer is made, or there will be none.
    private mutating func land(_ context: borrowing WorkerContext) {
        if isInFlight { context.metrics.add(-1, .inFlight) }
        isInFlight = false
    }

    private mutating func finishRequest(keepAlive: Bool, lingers: Bool, now: Instant) {
        if !keepAlive { phase = .finishing(lingers: lingers) }
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
    private mutating func flush(_ context: inout WorkerContext) -> ConnectionFate {
        while !output.isEmpty {
            let wasFull = output.count >= Connection.outputHighWaterBytes
            switch descriptor.send(from: &output) {
            case .moved: break
            case .wouldBlock: return .keep
            case .ended, .failed: return .close
            }
            if wasFull, output.count < Connection.outputHighWaterBytes, !input.isEmpty {
                serveInput(&context)
            }
        }
        if output.capacity > Connection.readBytes { output.releaseMemory() }
        return .keep
    }

    /// Settles what comes next: interest, deadline, or the end.
    private mutating func concluded(_ context: inout WorkerContext) -> ConnectionFate {
        if output.isEmpty, !isWaiting {
            switch phase {
            case .finishing(lingers: true) where !clientHasFinished: startLingering(context.now)
            case .finishing: return .close
            case .lingering, .serving: if clientHasFinished { return .close }
            }
            if input.isEmpty, input.capacity > Connection.readBytes { input.releaseMemory() }
            countMemory(&context)
        }
        interest = Interest(
            reads: output.count < Connection.outputHighWaterBytes && !clientHasFinished
                && !(isWaiting && input.count >= Connection.readBytes),
            writes: !output.isEmpty)
        setDeadline(context)
        return .keep
    }

    private mutating func startLingering(_ now: Instant) {
        descriptor.finishSending()
        phase = .lingering
        deadline = now + Connection.lingerTime
    }

    private mutating func readAndForget(_ scratch: inout ByteBuffer) -> ConnectionFate {
        let outcome = descriptor.receive(into: &scratch, atMost: Connection.readBytes)
        scratch.removeAll()
        guard case .moved(let count) = outcome else {
            return outcome == .wouldBlock ? .keep : .close
        }
        lingeredBytes += count
        return lingeredBytes > Connection.lingerBytes ? .close : .keep
    }

    // MARK: Time

    private mutating func setDeadline(_ context: borrowing WorkerContext) {
        if case .lingering = phase { return }
        let timeouts = context.timeouts
        if isWaiting {
            // The log gives up by itself, and says so; this is only the last resort.
            deadline = context.now + timeouts.idle + timeouts.body
        } else if !output.isEmpty {
            deadline = context.now + timeouts.idle
        } else if machine.isReadingBody {
            deadline = bodyStarted + timeouts.body
        } else if !input.isEmpty {
            deadline = requestStarted + timeouts.head
        } else {
            deadline = context.now + timeouts.idle
        }
    }

    /// The deadline has passed: a client in the middle of a request is told so, any other is left.
    mutating func timeOut(_ context: inout WorkerContext) -> ConnectionFate {
        guard case .serving = phase, output.isEmpty, !isWaiting else { return .close }
        if machine.isReadingBody {
            refuse(HTTPRefusal(.requestTimeout, "the body took too long"), &context)
        } else if !input.isEmpty {
            refuse(HTTPRefusal(.requestTimeout, "the head took too long"), &context)
        } else {
            return .close
        }
        input.removeAll()
        if flush(&context) == .close { return .close }
        return concluded(&context)
    }
}

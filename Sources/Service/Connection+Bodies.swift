internal import Bytes
internal import HTTP
internal import Store
internal import Wire

/// What becomes of requests and replies that take long, or much memory.
extension Connection {
    /// The request has its reply, or waits for the store.
    mutating func conclude<Series: Store & ~Copyable>(
        _ progress: BodyProgress, _ responder: inout Responder<Series>
    ) {
        if case .waiting(let ticket) = progress {
            isWaiting = true
            responder.waiting.add(ticket, token)
        } else if large == nil, responder.longReply == nil {
            endInFlight(responder)
            finishRequest(now: responder.now)
        } else {
            concludeLong(&responder)
        }
    }

    @inline(never)
    private mutating func concludeLong<Series: Store & ~Copyable>(
        _ responder: inout Responder<Series>
    ) {
        endLarge(responder)
        guard let reply = responder.longReply.take() else {
            endInFlight(responder)
            finishRequest(now: responder.now)
            return
        }
        longReply = reply
        isWaiting = true
        heldBytes = reply.byteCount
        if request.isVersion10 { request.keepAlive = false }
    }

    /// The store has finished the request that waited: sends its reply, and serves the next ones.
    mutating func resume<Series: Store & ~Copyable>(
        _ outcome: Outcome, _ responder: inout Responder<Series>
    ) -> ConnectionFate {
        isWaiting = false
        endIfDue(&responder)
        responder.reply(request, outcome, into: &output)
        return goOn(.replied, &responder)
    }

    private mutating func goOn<Series: Store & ~Copyable>(
        _ progress: BodyProgress, _ responder: inout Responder<Series>
    ) -> ConnectionFate {
        conclude(progress, &responder)
        if !isWaiting, !input.isEmpty {
            serveInput(&responder)
            boundMemory(&responder)
        }
        if flush(&responder) == .close { return .close }
        return concluded(&responder)
    }

    // MARK: Large bodies

    /// The request's body is decoded beside the loop; the request waits for that.
    mutating func decodeBeside<Series: Store & ~Copyable>(
        _ body: consuming ByteBuffer, _ responder: inout Responder<Series>
    ) {
        heldBytes = body.capacity
        large = responder.decodeBeside(
            request, body, device: requestSubject, for: token, into: &output)
        if large == nil { concludeLong(&responder) } else { isWaiting = true }
    }

    /// The body is decoded: its samples are stored.
    mutating func resume<Series: Store & ~Copyable>(
        _ large: LargeBody, _ responder: inout Responder<Series>
    ) -> ConnectionFate {
        isWaiting = false
        endIfDue(&responder)
        heldBytes = large.byteCount
        countMemory(&responder)
        return goOn(responder.store(large, into: &output), &responder)
    }

    private mutating func endLarge<Series: Store & ~Copyable>(
        _ responder: borrowing Responder<Series>
    ) {
        heldBytes = 0
        guard let large else { return }
        responder.largeBodies.end(large)
        self.large = nil
    }

    // MARK: Long replies

    /// Appends a piece of the long reply to the output. After the last one the requests are served
    /// that waited.
    mutating func appendPiece<Series: Store & ~Copyable>(_ responder: inout Responder<Series>) {
        guard let reply = longReply, responder.append(nextOf: reply, into: &output) else { return }
        longReply = nil
        heldBytes = 0
        isWaiting = false
        endInFlight(responder)
        finishRequest(now: responder.now)
        countMemory(&responder)
        if !input.isEmpty { serveInput(&responder) }
    }

    // MARK: Memory

    /// Counts the memory of unfinished requests. When all connections together hold more than
    /// MAX_BUFFERED_BYTES, this connection's request is refused.
    mutating func boundMemory<Series: Store & ~Copyable>(
        _ responder: inout Responder<Series>
    ) {
        let before = countedBytes
        countMemory(&responder)
        guard countedBytes > before, responder.bufferedBytes > responder.bufferLimitBytes,
            !isWaiting, case .serving = phase
        else { return }
        refuse(.bufferFull, &responder)
        input.releaseMemory()
        machine.releaseMemory()
        countMemory(&responder)
    }

    mutating func countMemory<Series: Store & ~Copyable>(
        _ responder: inout Responder<Series>
    ) {
        let held =
            input.capacity + machine.chunkedBody.capacity + (longReply == nil ? heldBytes : 0)
        responder.bufferedBytes += held - countedBytes
        countedBytes = held
        // Small ones are many, and bounded by their number.
        let unread = unsentBytes > ConnectionLimits.readBytes ? unsentBytes : 0
        responder.unreadBytes += unread - countedOutput
        countedOutput = unread
    }

    /// Memory for what is to be sent.
    var unsentBytes: Int {
        output.capacity + socket.heldBytes + (longReply == nil ? 0 : heldBytes)
    }

    /// Whether memory is held for a reply that the client does not read.
    var isUnread: Bool { countedOutput > 0 }

    /// The connection is closed: its memory and its request are not counted any more.
    mutating func leave<Series: Store & ~Copyable>(_ responder: inout Responder<Series>) {
        socket.sayEnd()
        endInFlight(responder)
        endLarge(responder)
        responder.bufferedBytes -= countedBytes
        responder.unreadBytes -= countedOutput
    }
}

extension HTTPRefusal {
    fileprivate static let bufferFull = HTTPRefusal(
        .serviceUnavailable, "the requests now arriving take all of MAX_BUFFERED_BYTES")
}

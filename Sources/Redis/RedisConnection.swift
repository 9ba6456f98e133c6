internal import Bytes
package import System
internal import TLS

/// One connection to a server: sends commands, reads replies, over TLS where that is wanted. It
/// never waits; what occurs is noted, and the loop asks for it.
///
/// Used by one thread alone.
@safe package final class RedisConnection {
    package enum Occurrence {
        case connected
        /// A reply that is the ID of an entry, already parsed.
        case entryID(EntryID)
        case reply(Reply)
        case closed(String)
    }

    // SAFETY: allocated and initialised by `init`, freed by `deinit`, and never handed out.
    private let pointer: UnsafeMutablePointer<RedisSocket>

    /// Begins to connect.
    /// - Parameter security: of TLS; nil for none.
    package init(_ address: SocketAddress, security: ServerSecurity? = nil) {
        // SAFETY: nobody reads the place before it is initialised, below.
        unsafe pointer = .allocate(capacity: 1)
        // SAFETY: the place was just allocated for one.
        unsafe pointer.initialize(to: RedisSocket(address, security: security))
    }

    deinit {
        // SAFETY: it is there since `init`, and nobody uses it after this.
        unsafe pointer.deinitialize(count: 1)
        unsafe pointer.deallocate()
    }

    /// Behind a pointer, because as a stored property of a class each use of it would be checked
    /// for overlapping with another: some 1,200 instructions a request.
    private var socket: RedisSocket {
        // SAFETY: it is there as long as this object. One thread uses it, and nothing that it calls
        // could reach it again.
        unsafeAddress { unsafe UnsafePointer(pointer) }
        unsafeMutableAddress { unsafe pointer }
    }

    package var isOpen: Bool { socket.isOpen }

    /// Closes at once; commands that have no reply get none.
    package func close() { socket.close() }

    /// Takes a pipeline; it is written by the next `write`.
    package func send(_ commands: borrowing CommandBuffer) { socket.send(commands) }

    /// Writes what the socket takes.
    package func write() { socket.write() }

    /// Acts on what the poller saw.
    package func handle(_ event: Event) { socket.handle(event) }

    /// What occurred and was not yet asked for, oldest first.
    package func nextOccurrence() -> Occurrence? { socket.nextOccurrence() }

    /// Watches the socket for what is waited for.
    package func watch(_ poller: borrowing Poller, _ token: Token) throws(SystemError) {
        try socket.watch(poller, token)
    }
}

/// What a `RedisConnection` does.
private struct RedisSocket: ~Copyable {
    typealias Occurrence = RedisConnection.Occurrence

    private enum State { case connecting, securing, open, closed }

    /// What is read in one go, and how often for one event: a megabyte, before the loop goes on.
    private static let readBytes = 64 * 1024
    private static let readsPerEvent = 16
    private static let keptBytes = 4 * 1024 * 1024
    /// EPIPE and ECONNRESET of Linux: the server has closed the connection. What it said before is
    /// still to be read.
    private static let gone: [Int32] = [32, 104]

    private var state = State.closed
    private var socket: FileDescriptor?
    private var channel: SecureChannel?
    private var output = ByteBuffer(limit: CommandBuffer.byteLimit)
    private var arrived = ByteBuffer(limit: 4 * readBytes)
    private let parser = ReplyParser()
    private var occurrences: [Occurrence] = []
    private var told = 0
    private var registered: Interest?
    private(set) var descriptor: Int32 = -1

    /// Begins to connect.
    /// - Parameter security: of TLS; nil for none.
    init(_ address: SocketAddress, security: ServerSecurity?) {
        do throws(SystemError) {
            let opened = try Sockets.connect(to: address)
            descriptor = opened.number
            socket = consume opened
            state = .connecting
        } catch {
            fail(error.description)
            return
        }
        guard let security else { return }
        do throws(TLSError) {
            channel = try SecureChannel(security.context, serverName: security.serverName)
        } catch {
            fail(error.description)
        }
    }

    var isOpen: Bool { state != .closed }

    /// Closes at once; commands that have no reply get none.
    mutating func close() {
        state = .closed
        channel = nil
        socket = nil
        registered = nil
    }

    private mutating func fail(_ reason: String) {
        guard isOpen || occurrences.isEmpty else { return }
        close()
        occurrences.append(.closed(reason))
    }

    private mutating func fail(_ call: StaticString, _ code: Int32) {
        if let failure = channel?.failure { return fail(failure.description) }
        fail("\(SystemError(call, code))")
    }

    // MARK: Commands

    /// Takes a pipeline; it is written by the next `write`.
    mutating func send(_ commands: borrowing CommandBuffer) {
        guard isOpen, !commands.isEmpty else { return }
        if !output.append(commands.bytes.readable) { fail("too many commands wait") }
    }

    /// Writes what the socket takes.
    mutating func write() {
        while state == .open, isSending {
            switch transmit() {
            case .moved:
                // Once in a while a batch is huge; its memory is not kept for the small ones.
                if output.isEmpty, output.capacity > RedisSocket.keptBytes {
                    output.releaseMemory()
                }
            case .wouldBlock: return
            case .ended: return fail("closed")
            case .failed(let code):
                // It may have said why before.
                if RedisSocket.gone.contains(code) { read() }
                return fail("send", code)
            }
        }
    }

    private var isSending: Bool {
        if !output.isEmpty { return true }
        switch channel {
        case .some(let open): return open.isBlocked
        case .none: return false
        }
    }

    private mutating func transmit() -> Transfer {
        switch socket {
        case .some(let open):
            return channel?.send(from: &output, to: open) ?? open.send(from: &output)
        case .none: return .ended
        }
    }

    // MARK: Events

    /// Acts on what the poller saw.
    mutating func handle(_ event: Event) {
        switch state {
        case .closed: return
        case .connecting: finishConnecting()
        case .securing: shakeHands()
        case .open:
            if event.isReadable || event.isBroken { read() }
            if event.isWritable { write() }
        }
    }

    private mutating func finishConnecting() {
        let code: Int32 =
            switch socket {
            case .some(let open): Sockets.pendingError(open)
            case .none: RedisSocket.gone[1]
            }
        guard code == 0 else { return fail("connect", code) }
        state = .securing
        shakeHands()
    }

    /// Goes on with the handshake of TLS, where there is one.
    private mutating func shakeHands() {
        let outcome: Transfer
        switch socket {
        case .some(let open):
            outcome = channel?.shakeHands(open, into: &arrived) ?? .moved(0)
        case .none: return
        }
        switch outcome {
        case .moved:
            state = .open
            occurrences.append(.connected)
            parse()
        case .wouldBlock: return
        case .ended: fail("closed")
        case .failed(let code): fail("connect", code)
        }
    }

    /// Reads what has come. A reply to nothing is a reply like any other: the machine knows what it
    /// awaits.
    private mutating func read() {
        for _ in 0..<RedisSocket.readsPerEvent {
            switch receive() {
            case .moved(let count):
                parse()
                if count < RedisSocket.readBytes, channel == nil { return }
            case .wouldBlock: return
            case .ended: return fail("the server closed the connection")
            case .failed(let code): return fail("recv", code)
            }
            guard isOpen else { return }
        }
    }

    private mutating func receive() -> Transfer {
        switch socket {
        case .some(let open):
            return channel?.receive(from: open, into: &arrived)
                ?? open.receive(into: &arrived, atMost: RedisSocket.readBytes)
        case .none: return .ended
        }
    }

    private mutating func parse() {
        parser.feed(arrived.readable)
        arrived.removeAll()
        while let parsed = parser.next() {
            switch parsed {
            case .reply(let reply): occurrences.append(.reply(reply))
            case .entryID(let id): occurrences.append(.entryID(id))
            case .nonsense: return fail("what it says is not Redis' protocol (is it a TLS port?)")
            }
        }
    }

    /// What occurred and was not yet asked for, oldest first.
    mutating func nextOccurrence() -> Occurrence? {
        guard told < occurrences.count else {
            occurrences.removeAll(keepingCapacity: true)
            told = 0
            return nil
        }
        told += 1
        return occurrences[told - 1]
    }

    /// Watches the socket for what is waited for.
    mutating func watch(_ poller: borrowing Poller, _ token: Token) throws(SystemError) {
        guard isOpen else { return }
        let isConnecting = state == .connecting
        let wanted = Interest(
            reads: !isConnecting,
            writes: isConnecting || state == .open && isSending || isHandBlocked)
        guard registered != wanted else { return }
        if registered == nil {
            try poller.add(descriptor, wanted, token: token)
        } else {
            try poller.modify(descriptor, wanted, token: token)
        }
        registered = wanted
    }

    /// What the handshake has to say does not fit into the socket.
    private var isHandBlocked: Bool {
        guard state == .securing else { return false }
        switch channel {
        case .some(let open): return open.isBlocked
        case .none: return false
        }
    }
}

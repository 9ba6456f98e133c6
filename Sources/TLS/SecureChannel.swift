package import Bytes
package import System

/// TLS over a non-blocking socket, with the calls that a `FileDescriptor` has.
package struct SecureChannel: ~Copyable {
    private static let readBytes = 16 * 1024
    /// EPROTO and ECONNRESET of Linux: what is no TLS, and an end that nobody has vouched for.
    private static let protocolError: Int32 = 71
    private static let connectionReset: Int32 = 104

    private var session: TLSSession
    private var arrived = ByteBuffer(limit: 2 * readBytes)
    /// Waits for the socket. Beyond what a session encrypts there is room for what it says itself.
    private var ciphertext = ByteBuffer(limit: 2 * TLSSession.pendingLimit)

    /// - Parameter serverName: as in `TLSSession`.
    package init(_ context: TLSContext, serverName: String?) throws(TLSError) {
        session = try TLSSession(context, serverName: serverName)
    }

    /// Whether the handshake is done.
    package var isOpen: Bool { session.state == .open }
    /// Whether the other side has said that nothing more will come.
    package var isFinished: Bool { session.state == .finished }
    /// Whether ciphertext waits for the socket to become writable.
    package var isBlocked: Bool { !ciphertext.isEmpty }
    /// Why the connection is not trusted, or not understood; nil while it is.
    package var failure: TLSError? {
        if case .failed(let error) = session.state { error } else { nil }
    }

    /// Goes on with the handshake: call it once the socket is connected, then with every event.
    /// - Returns: `.moved` when it is done, `.wouldBlock` while it is not.
    package mutating func shakeHands(
        _ descriptor: borrowing FileDescriptor, into plaintext: inout ByteBuffer
    ) -> Transfer {
        var nothing = ByteBuffer(limit: 1)
        switch receive(from: descriptor, into: &plaintext) {
        case .ended: return .failed(SecureChannel.connectionReset)
        case .failed(let code): return .failed(code)
        case .moved, .wouldBlock: break
        }
        if case .failed(let code) = send(from: &nothing, to: descriptor) { return .failed(code) }
        return isOpen ? .moved(0) : .wouldBlock
    }

    /// Reads what has arrived and adds what it says to `plaintext`.
    /// - Returns: `.moved` with the bytes of plaintext, 0 where only the protocol has moved on.
    package mutating func receive(
        from descriptor: borrowing FileDescriptor, into plaintext: inout ByteBuffer
    ) -> Transfer {
        let outcome = descriptor.receive(into: &arrived, atMost: SecureChannel.readBytes)
        // Without the other side's word for it an end may be somebody else's cut.
        if outcome == .ended, !isFinished { return .failed(SecureChannel.connectionReset) }
        guard case .moved = outcome else { return outcome }
        return take(into: &plaintext, answering: descriptor)
    }

    /// The same with bytes that were read from the socket already; they are consumed.
    package mutating func receive(
        _ bytes: inout ByteBuffer, into plaintext: inout ByteBuffer,
        answering descriptor: borrowing FileDescriptor
    ) -> Transfer {
        swap(&arrived, &bytes)
        let outcome = take(into: &plaintext, answering: descriptor)
        swap(&arrived, &bytes)
        return outcome
    }

    private mutating func take(
        into plaintext: inout ByteBuffer, answering descriptor: borrowing FileDescriptor
    ) -> Transfer {
        let before = plaintext.count
        session.receive(&arrived, into: &plaintext, answering: &ciphertext)
        let flushed = flush(to: descriptor)
        if failure != nil { return .failed(SecureChannel.protocolError) }
        if case .failed = flushed { return flushed }
        let count = plaintext.count - before
        return isFinished && count == 0 ? .ended : .moved(count)
    }

    /// Encrypts from `plaintext`'s front, writes what the socket takes, and consumes what was
    /// encrypted.
    /// - Returns: `.wouldBlock` while ciphertext waits.
    package mutating func send(
        from plaintext: inout ByteBuffer, to descriptor: borrowing FileDescriptor
    ) -> Transfer {
        repeat {
            session.send(&plaintext, into: &ciphertext)
            let outcome = flush(to: descriptor)
            guard case .moved = outcome else { return outcome }
            if failure != nil { return .failed(SecureChannel.protocolError) }
        } while !plaintext.isEmpty && isOpen
        if plaintext.isEmpty { return .moved(0) }
        // Before the handshake is done nothing can be sent; after an end nothing more will be.
        return session.state == .handshaking
            ? .wouldBlock : .failed(SecureChannel.connectionReset)
    }

    /// Says that nothing more will be sent, as far as the socket takes it at once.
    package mutating func finish(to descriptor: borrowing FileDescriptor) {
        session.finish(into: &ciphertext)
        _ = flush(to: descriptor)
    }

    /// Memory that is held beside the library's own, in bytes.
    package var heldBytes: Int { arrived.capacity + ciphertext.capacity }

    /// Gives back what holds nothing.
    package mutating func releaseMemory() {
        if arrived.isEmpty { arrived.releaseMemory() }
        if ciphertext.isEmpty { ciphertext.releaseMemory() }
    }

    private mutating func flush(to descriptor: borrowing FileDescriptor) -> Transfer {
        while !ciphertext.isEmpty {
            let outcome = descriptor.send(from: &ciphertext)
            guard case .moved = outcome else { return outcome }
        }
        return .moved(0)
    }
}

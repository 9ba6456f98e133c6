internal import Bytes
internal import System
internal import TLS

/// A client's socket, plain or with TLS on it.
struct ClientSocket: ~Copyable {
    private let descriptor: FileDescriptor
    private var secured: SecuredEnd?

    /// - Parameter channel: nil for a plain one.
    init(_ descriptor: consuming FileDescriptor, secured: SecuredEnd?) {
        self.descriptor = descriptor
        self.secured = secured
    }

    var number: Int32 { descriptor.number }
    /// Whether the handshake is not done yet.
    var isSecuring: Bool { secured?.isSecuring ?? false }
    /// Whether bytes wait for the socket that stand in no buffer of the connection any more.
    var isBlocked: Bool { secured?.isBlocked ?? false }
    /// Memory for what waits there.
    var heldBytes: Int { secured?.heldBytes ?? 0 }

    /// Whether the client began with a request of HTTP where TLS was awaited. Then the socket is a
    /// plain one from now on, so that the client can be told.
    mutating func becomesPlain() -> Bool {
        guard let end = secured, end.isPlainRequest else { return false }
        secured = nil
        return true
    }

    /// - Parameter isClear: what comes is not secured yet.
    func receive(into buffer: inout ByteBuffer, isClear: Bool) -> Transfer {
        if let secured, !isClear { return secured.receive(from: descriptor, into: &buffer) }
        return descriptor.receive(into: &buffer, atMost: ConnectionLimits.readBytes)
    }

    /// Puts what the bytes say in their place, where they came before it was known that they are
    /// secured.
    func open(_ bytes: inout ByteBuffer) -> Transfer {
        secured?.open(&bytes, answering: descriptor) ?? .moved(bytes.count)
    }

    /// - Returns: `.wouldBlock` while bytes wait.
    func send(from buffer: inout ByteBuffer) -> Transfer {
        secured?.send(from: &buffer, to: descriptor) ?? descriptor.send(from: &buffer)
    }

    /// Says that nothing more will be sent.
    func finishSending() {
        sayEnd()
        descriptor.finishSending()
    }

    /// Without this word a client of TLS cannot know that nobody has cut the connection.
    func sayEnd() { secured?.finish(to: descriptor) }

    /// Reads bytes of any kind that nobody wants.
    func skim(into buffer: inout ByteBuffer) -> Transfer {
        descriptor.receive(into: &buffer, atMost: ConnectionLimits.readBytes)
    }

    /// Gives back memory that holds nothing.
    func releaseMemory() { secured?.releaseMemory() }
}

/// The TLS of one connection. A class, so that a plain connection holds no room for it, and finds
/// out with one comparison that there is none.
final class SecuredEnd {
    private var channel: SecureChannel

    init(_ context: TLSContext) throws(TLSError) {
        channel = try SecureChannel(context, serverName: nil)
    }

    var isSecuring: Bool { !channel.isOpen && !channel.isFinished }
    var isBlocked: Bool { channel.isBlocked }
    var heldBytes: Int { channel.heldBytes }
    var isPlainRequest: Bool { channel.isPlainRequest }

    func receive(
        from descriptor: borrowing FileDescriptor, into buffer: inout ByteBuffer
    ) -> Transfer {
        channel.receive(from: descriptor, into: &buffer)
    }

    func open(
        _ bytes: inout ByteBuffer, answering descriptor: borrowing FileDescriptor
    ) -> Transfer {
        var arrived = ByteBuffer(limit: bytes.limit)
        swap(&arrived, &bytes)
        return channel.receive(&arrived, into: &bytes, answering: descriptor)
    }

    func send(
        from buffer: inout ByteBuffer, to descriptor: borrowing FileDescriptor
    ) -> Transfer {
        channel.send(from: &buffer, to: descriptor)
    }

    func finish(to descriptor: borrowing FileDescriptor) { channel.finish(to: descriptor) }
    func releaseMemory() { channel.releaseMemory() }
}

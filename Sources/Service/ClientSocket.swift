internal import Bytes
internal import System
internal import TLS

/// A client's socket, plain or with TLS on it.
struct ClientSocket: ~Copyable {
    private let descriptor: FileDescriptor
    private var tls: ServerTLS?

    /// - Parameter tls: nil for a plain one.
    init(_ descriptor: consuming FileDescriptor, tls: ServerTLS?) {
        self.descriptor = descriptor
        self.tls = tls
    }

    var number: Int32 { descriptor.number }

    /// Whether the handshake is not done yet.
    var isSecuring: Bool {
        guard let tls else { return false }
        return !tls.channel.isOpen && !tls.channel.isFinished
    }

    /// Whether bytes wait for the socket that stand in no buffer of the connection any more.
    var isBlocked: Bool { tls?.channel.isBlocked ?? false }
    /// Memory that TLS holds for them, and for what is not read to the end.
    var heldBytes: Int { tls?.channel.heldBytes ?? 0 }
    /// Whether the client began with a request of HTTP where TLS was awaited.
    var hasPlainRequest: Bool { tls?.channel.failure?.isPlainRequest ?? false }

    /// Goes on without TLS, so that a client can be told what it understands.
    mutating func becomePlain() { tls = nil }

    /// - Parameter isClear: what comes is not secured yet.
    func receive(into buffer: inout ByteBuffer, isClear: Bool) -> Transfer {
        if let tls, !isClear { return tls.channel.receive(from: descriptor, into: &buffer) }
        return descriptor.receive(into: &buffer, atMost: ConnectionLimits.readBytes)
    }

    /// Puts what the bytes say in their place, where they came before it was known that they are
    /// secured.
    func open(_ bytes: inout ByteBuffer) -> Transfer {
        guard let tls else { return .moved(bytes.count) }
        var arrived = ByteBuffer(limit: bytes.limit)
        swap(&arrived, &bytes)
        return tls.channel.receive(&arrived, into: &bytes, answering: descriptor)
    }

    /// - Returns: `.wouldBlock` while bytes wait.
    func send(from buffer: inout ByteBuffer) -> Transfer {
        tls?.channel.send(from: &buffer, to: descriptor) ?? descriptor.send(from: &buffer)
    }

    /// Says that nothing more will be sent.
    func finishSending() {
        sayEnd()
        descriptor.finishSending()
    }

    /// Without this word a client of TLS cannot know that nobody has cut the connection.
    func sayEnd() { tls?.channel.finish(to: descriptor) }

    /// Reads bytes that nobody wants, whatever they are.
    func skim(into buffer: inout ByteBuffer) -> Transfer {
        descriptor.receive(into: &buffer, atMost: ConnectionLimits.readBytes)
    }

    /// Gives back memory that holds nothing.
    func releaseMemory() { tls?.channel.releaseMemory() }
}

/// The TLS of one connection. A class, so that a plain connection holds no room for it, and finds
/// out with one comparison that there is none.
final class ServerTLS {
    var channel: SecureChannel

    init(_ certificate: Certificate) throws(TLSError) {
        channel = try SecureChannel(certificate.context, serverName: nil)
    }
}
